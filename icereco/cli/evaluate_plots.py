"""The part of `icereco evaluate` that draws figures."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from icereco.errors import IcerecoError

if TYPE_CHECKING:
    from jaxtyping import Float
    from numpy import ndarray

    from icereco.plots.evaluation import Captioned
    from icereco.tables.saved_reconstructions import SavedReconstructions

__all__ = ["directions_of", "plot"]


def plot(
    saved: "SavedReconstructions",
    folder: Path,
    form: str,
    by: Sequence[str],
    others: "Mapping[str, Float[ndarray, 'event 3']]",
) -> list[Path]:
    """Draw a file's figures into a folder, with the numbers behind each in parquet, and captions in figures.md; return the figures.

    Raises:
        IcerecoError: the folder holds other files.
    """
    from icereco.plots.evaluation import evaluation_figures
    from icereco.plots.targets import target_figures

    drawn = [*evaluation_figures(saved, by, others), *target_figures(saved)]
    _require_own(folder)
    folder.mkdir(parents=True, exist_ok=True)
    return _written(drawn, folder, form, saved)


def _written(
    drawn: "Sequence[Captioned]", folder: Path, form: str, saved: "SavedReconstructions"
) -> list[Path]:
    import pyarrow.parquet as pq

    from icereco.plots.style import save_figure
    from icereco.system.files import replacing

    paths = []
    for one in drawn:
        paths.append(folder / f"{one.name}.{form}")
        save_figure(paths[-1], one.figure)
        with replacing(folder / f"{one.name}.parquet") as temporary:
            pq.write_table(one.data, temporary)
    captions = [f"**{path.name}** {one.caption}" for path, one in zip(paths, drawn, strict=True)]
    made = f"Made from {saved.path} with: `{json.dumps(dict(saved.provenance), default=str)}`"
    with replacing(folder / _CAPTIONS) as temporary:
        temporary.write_text("\n\n".join([*captions, made]) + "\n", encoding="utf-8")
    return paths


_CAPTIONS = "figures.md"
_SAME_DIRECTION = 1e-3


def _require_own(folder: Path) -> None:
    """Refuse a folder that something else is in."""
    if folder.exists() and not folder.is_dir():
        raise IcerecoError(f"{folder} is a file; give --plot a folder")
    if folder.is_dir() and any(folder.iterdir()) and not (folder / _CAPTIONS).is_file():
        raise IcerecoError(
            f"{folder} holds other files; give --plot a new folder, or one that it made before"
        )


def directions_of(
    saved: "SavedReconstructions", others: Sequence["SavedReconstructions"]
) -> "Mapping[str, Float[ndarray, 'event 3']]":
    """The directions of other files for the events of this one, by a name for each."""
    import numpy as np

    directions: dict[str, ndarray] = {}
    for other in others:
        order = np.argsort(other.event_id, kind="stable")
        at = order[np.searchsorted(other.event_id, saved.event_id, sorter=order).clip(max=len(order) - 1)]
        same = other.event_id[at] == saved.event_id
        if not same.any():
            raise IcerecoError(f"{other.path} has none of the events of {saved.path}")
        if saved.truth is not None and other.truth is not None:
            apart = (
                np.linalg.norm(other.truth.direction[at] - saved.truth.direction, axis=1) > _SAME_DIRECTION
            )
            if (apart & same).any():
                event = int(saved.event_id[np.argmax(apart & same)])
                raise IcerecoError(
                    f"{other.path} and {saved.path} have different true directions for event_id {event}: they are of different data"
                )
        taken = other.method in (saved.method, *saved.comparisons, *directions)
        name = f"{other.method} ({other.path.name})" if taken else other.method
        directions[name] = np.where(same[:, None], other.reconstruction.direction[at], np.nan)
    return directions

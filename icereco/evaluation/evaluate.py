"""How good a file of reconstructions is, from the file alone."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from jaxtyping import Float
from numpy import ndarray

from icereco.errors import IcerecoError
from icereco.evaluation.calibration import coverage
from icereco.evaluation.resolution import Summary, summarize
from icereco.physics.sphere import direction_from_angles, opening_angle
from icereco.tables.reconstructions import provenance_of

__all__ = ["Evaluation", "evaluate", "read_columns"]

_NEEDED = ("azimuth", "zenith", "pulses_total", "true_azimuth", "true_zenith")
_WANTED = (*_NEEDED, "kind", "kappa", "linefit_azimuth", "linefit_zenith")


@dataclass(frozen=True, slots=True)
class Evaluation:
    """The quality of one file of reconstructions.

    Attributes:
        path: the file.
        method: what made it.
        resolution: of the method.
        linefit: of the line fit on the same events; None where the file has none, or is the line fit itself.
        coverage: fraction of events inside each contour of the stated density; empty without kappa.
        without_truth: events that are left out of everything, as their truth is not known.
        provenance: as stored in the file.
    """

    path: Path
    method: str
    resolution: Summary
    linefit: Summary | None
    coverage: dict[str, float]
    without_truth: int
    provenance: Mapping[str, Any]

    def to_json(self) -> dict[str, Any]:
        """The same as plain values."""
        return {
            "file": str(self.path),
            "method": self.method,
            "resolution": self.resolution,
            "linefit": self.linefit,
            "coverage": self.coverage,
            "without_truth": self.without_truth,
            "provenance": dict(self.provenance),
        }


def evaluate(path: Path) -> Evaluation:
    """Evaluate a file that `icereco reconstruct`, or a training's validation, wrote.

    Raises:
        IcerecoError: no such file, not a file of reconstructions, or one without truth.
    """
    provenance = provenance_of(path)
    columns = read_columns(path)
    truth = _direction(columns, "true_azimuth", "true_zenith")
    known = ~np.isnan(truth[:, 0])
    if not known.any():
        raise IcerecoError(
            f"{path}: there is no event with a known true direction, so no error can be measured"
        )
    columns = {name: column[known] for name, column in columns.items()}
    error = opening_angle(_direction(columns, "azimuth", "zenith"), truth[known])
    method = str((provenance or {}).get("method", "unknown"))
    return Evaluation(
        path=path,
        method=method,
        resolution=_summary(error, columns),
        linefit=_linefit(columns, truth[known]) if method != "linefit" else None,
        coverage=coverage(error, columns["kappa"]) if "kappa" in columns else {},
        without_truth=int((~known).sum()),
        provenance=provenance or {},
    )


def read_columns(path: Path, more: tuple[str, ...] = ()) -> dict[str, ndarray]:
    """The columns of a file of reconstructions that an evaluation needs, and `more`.

    Raises:
        IcerecoError: no such file, not a file of reconstructions, or one without truth.
    """
    ours = provenance_of(path) is not None
    found = pq.read_schema(path).names
    missing = [name for name in (*_NEEDED, *more) if name not in found]
    if missing and ours and all(name.startswith("true_") for name in missing):
        raise IcerecoError(f"{path}: the events carry no truth, so no error can be measured")
    if missing:
        raise IcerecoError(
            f"{path} is not a file of reconstructions: it lacks {', '.join(missing)}; found: {', '.join(found)}. "
            f"To reconstruct events: icereco reconstruct {path}"
        )
    table = pq.read_table(path, columns=[name for name in (*_WANTED, *more) if name in found])
    return {name: _array(table.column(name)) for name in table.column_names}


def _array(column: pa.ChunkedArray) -> ndarray:
    """Numbers as NumPy has them, with NaN for null; texts as objects."""
    return np.asarray(column.to_numpy())


def _direction(columns: Mapping[str, ndarray], azimuth: str, zenith: str) -> Float[ndarray, "event 3"]:
    return direction_from_angles(columns[azimuth], columns[zenith])


def _summary(error: Float[ndarray, "event"], columns: Mapping[str, ndarray]) -> Summary:
    return summarize(error, columns["pulses_total"], columns.get("kind"))


def _linefit(columns: Mapping[str, ndarray], truth: Float[ndarray, "event 3"]) -> Summary | None:
    if "linefit_azimuth" not in columns:
        return None
    direction = _direction(columns, "linefit_azimuth", "linefit_zenith")
    return _summary(opening_angle(direction, truth), columns)

"""Reconstructions of the events of a file: outputs of `icereco reconstruct`, and tables of fits.

What counts as a reconstruction, in a parquet, Arrow or CSV file with a column event_id:

- columns azimuth and zenith in an output of icereco, or in a submission: the reconstruction itself;
- columns X_azimuth and X_zenith: a reconstruction called X; the one called "true" is the truth;
- columns name, azimuth and zenith: a row per event and fit, such as tables of official fits; where there is a
  column status, only fits of status 0 (IceTray's OK) count; columns x, y, z (m) and time (ns) say where and when the
  particle was, a column shape (IceTray's numbers) whether it is a cascade or a track that starts there, a column length (m)
  where that stops.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from jaxtyping import Bool, Float, Int
from numpy import ndarray

from icereco.data.catalog import DataSet
from icereco.detector.geometry_file import geometry_path
from icereco.errors import IcerecoError
from icereco.events.reconstruction import Anchor, Estimate, known_quantities
from icereco.events.truth import EVENT_KINDS
from icereco.events.vmf_mixture import VmfMixture
from icereco.physics.sphere import direction_from_angles
from icereco.tables.posteriors import COMPONENT_COLUMNS, posterior_of
from icereco.tables.reconstructions import provenance_of

__all__ = ["TRUTH", "Reconstructions", "companions", "inputs_of", "is_output", "read_reconstructions"]

TRUTH = "true"
"""The name under which the truth is listed among the reconstructions."""

_SUFFIXES = (".parquet", ".arrow", ".feather", ".csv")
_MOST_FILES_LOOKED_AT = 64
MOST_CONTENTS = 500
"""Of so many events the list shows contents that have to be found by points, which takes a quarter of a second, once."""

_QUANTITY_COLUMNS = {
    "energy_gev": ["energy"],
    "energy_log10_sigma": ["energy_log10_sigma"],
    "energy_interval_gev": ["energy_16", "energy_84"],
    "vertex_m": [f"vertex_{axis}" for axis in "xyz"],
    "vertex_covariance_m2": [
        f"vertex_covariance_{axes}" for axes in ("xx", "xy", "xz", "xy", "yy", "yz", "xz", "yz", "zz")
    ],
    "kind_probability": [f"probability_{kind}" for kind in EVENT_KINDS],
    "inelasticity": ["inelasticity"],
    "inelasticity_sigma": ["inelasticity_sigma"],
}
"""The columns of each of `icereco.events.reconstruction.QUANTITIES`."""
_ANCHOR_COLUMNS = ("x", "y", "z", "time")
_CASCADES = (30, 31)
"""IceTray's numbers of shapes of which all light comes from a point: Cascade and CascadeSegment."""
_STARTING = (50, 70)
"""Of tracks that start: StartingTrack and ContainedTrack."""
_SHAPES = {1: (-1,), 9: (-1, 3, 3)}
"""Of the values of quantities in so many columns, where it is not a row for each event."""
_COMPANION_COLUMNS = (
    {"event_id", "name", "azimuth", "zenith"},
    {"event_id", f"{TRUTH}_azimuth", f"{TRUTH}_zenith"},
)


@dataclass(frozen=True, slots=True, eq=False)
class Reconstructions:
    """The reconstructions of many events by one method.

    Attributes:
        name: of the method, as it is shown.
        event_id: int64 `[E]`, ascending.
        direction: `[E, 3]`, NaN where the method gave none.
        kappa: `[E]`, one number for how concentrated the posterior is; NaN where unknown.
        pulses_used: `[E]`, −1 where unknown.
        posterior: posterior densities of the directions, or None.
        path: the file.
        quantities: further estimates by the names of `icereco.events.reconstruction.QUANTITIES`; NaN where unknown.
        anchors: `[E, 4]`, x, y, z (m) and the time (ns) at which the particle was there, or None; NaN where unknown.
        cascades: `[E]`, whether all its light comes from there, or None where no anchors are known.
        starting: `[E]`, likewise whether a track starts there.
        lengths_m: `[E]`, likewise of tracks that stop; NaN where unknown.
    """

    name: str
    event_id: Int[ndarray, "event"]
    direction: Float[ndarray, "event 3"]
    kappa: Float[ndarray, "event"]
    pulses_used: Int[ndarray, "event"]
    posterior: VmfMixture | None = None
    path: Path | None = None
    quantities: Mapping[str, Float[ndarray, "event ..."]] = field(default_factory=dict)
    anchors: Float[ndarray, "event 4"] | None = None
    cascades: Bool[ndarray, "event"] | None = None
    starting: Bool[ndarray, "event"] | None = None
    lengths_m: Float[ndarray, "event"] | None = None
    _contents: dict[tuple[bytes, bytes], Float[ndarray, "event"]] = field(
        default_factory=dict, init=False, repr=False
    )

    @property
    def count(self) -> int:
        """The number of events with a direction."""
        return int(np.isfinite(self.direction).all(1).sum())

    def of(self, event_id: int) -> Estimate | None:
        """The estimate for one event; None if the event is not among them."""
        row = int(np.searchsorted(self.event_id, event_id))
        if row >= len(self.event_id) or self.event_id[row] != event_id:
            return None
        known = bool(np.isfinite(self.direction[row]).all())
        has_posterior = self.posterior is not None and known and bool(np.isfinite(self.kappa[row]))
        used = int(self.pulses_used[row])
        return Estimate(
            self.name,
            self.direction[row] if known else None,
            self.posterior.take(np.array([row])) if has_posterior and self.posterior is not None else None,
            used if used >= 0 else None,
            **known_quantities(self.quantities, row),
            anchor=self._anchor(row),
        )

    def _anchor(self, row: int) -> Anchor | None:
        if self.anchors is None or not np.isfinite(self.anchors[row]).all():
            return None
        cascade, starts = (flags is not None and bool(flags[row]) for flags in (self.cascades, self.starting))
        length = None if self.lengths_m is None or not starts else float(self.lengths_m[row])
        known = length is not None and np.isfinite(length) and length > 0
        place, time_ns = self.anchors[row, :3], float(self.anchors[row, 3])
        return Anchor(place, time_ns, cascade, starts, length if known else None)

    def same_as(self, other: "Reconstructions") -> bool:
        """Whether both have the same name and content, as copies of the line fit in several outputs have."""
        return (
            self.name == other.name
            and np.array_equal(self.event_id, other.event_id)
            and np.array_equal(self.direction, other.direction, equal_nan=True)
        )

    def aligned(
        self, event_id: Int[ndarray, "event"]
    ) -> tuple[Float[ndarray, "event 3"], Float[ndarray, "event"]]:
        """Directions and kappa in the order of `event_id`, NaN for events that are not among these."""
        if not len(self.event_id):
            return np.full((len(event_id), 3), np.nan), np.full(len(event_id), np.nan)
        row = np.minimum(np.searchsorted(self.event_id, event_id), len(self.event_id) - 1)
        known = self.event_id[row] == event_id
        return np.where(known[:, None], self.direction[row], np.nan), np.where(known, self.kappa[row], np.nan)

    def content(
        self, event_id: Int[ndarray, "event"], truth: Float[ndarray, "event 3"]
    ) -> Float[ndarray, "event"]:
        """Probability of the smallest region of the posterior that includes the truth, in the order of `event_id`.

        NaN where it is not known; also, of more than `MOST_CONTENTS` events, where it would have to be found by points.
        """
        content = np.full(len(event_id), np.nan)
        if self.posterior is None or not len(self.event_id):
            return content
        row = np.minimum(np.searchsorted(self.event_id, event_id), len(self.event_id) - 1)
        known = self.event_id[row] == event_id
        if np.count_nonzero(known) > MOST_CONTENTS:
            known &= self.posterior.is_round[row]
        content[known] = self._content_of(self.posterior, row[known], truth[known])
        return content

    def _content_of(
        self, posterior: VmfMixture, row: Int[ndarray, "some"], truth: Float[ndarray, "some 3"]
    ) -> Float[ndarray, "some"]:
        if len(row) > MOST_CONTENTS:  # of densities that are round, which takes no time
            return posterior.take(row).content(truth)
        asked = row.tobytes(), truth.tobytes()
        if asked not in self._contents:
            self._contents[asked] = posterior.take(row).content(truth)
        return self._contents[asked]


def read_reconstructions(path: Path) -> list[Reconstructions]:
    """All reconstructions in a file, its own first.

    Raises:
        IcerecoError: the file cannot be read, or holds none.
    """
    frame = _load(path)
    if "event_id" not in frame.columns:
        raise IcerecoError(f"{path}: holds no reconstructions: there is no column event_id")
    reconstructions = _long(frame, path) if "name" in frame.columns else _wide(frame, path)
    if not reconstructions:
        raise IcerecoError(
            f"{path}: holds no reconstructions: it needs columns azimuth and zenith, X_azimuth and X_zenith, "
            f"or name, azimuth and zenith; its columns are: {', '.join(frame.columns)}"
        )
    return reconstructions


def is_output(path: Path) -> bool:
    """Whether icereco made a file of reconstructions."""
    return "content" in _facts(path)


def inputs_of(path: Path) -> list[DataSet]:
    """The data from which an output of icereco was made, and how they were read; empty for any other file."""
    facts = _facts(path)
    detector = _detector_in(facts.get("detector", {}))
    return [
        DataSet(path=source["path"], reader=source.get("reader"), detector=detector)
        for source in facts.get("inputs", [])
        if "path" in source
    ]


def _detector_in(facts: dict[str, Any]) -> str | None:
    """The folder or geometry file that a detector was loaded from, as long as it is there; else its name."""
    place, name = facts.get("place"), facts.get("name")
    return place if place is not None and geometry_path(place).exists() else name


def companions(data: Path, folders: Iterable[Path]) -> list[Path]:
    """Files with reconstructions of `data` in some folders: outputs made from it, and tables of fits next to it."""
    matching = []
    for folder in dict.fromkeys(place.resolve() for place in folders):
        files = sorted(path for path in folder.glob("*") if path.suffix in _SUFFIXES and path.is_file())
        matching += [file for file in files[:_MOST_FILES_LOOKED_AT] if _reconstructs(file, data)]
    return matching


def _reconstructs(path: Path, data: Path) -> bool:
    if path == data.resolve():
        return False
    if inputs := inputs_of(path):
        return data.resolve() in [source.path for source in inputs]
    if path.parent not in (data.resolve(), data.resolve().parent) or path.suffix != ".parquet":
        return False
    columns = set(_columns(path))
    return any(needed <= columns for needed in _COMPANION_COLUMNS)


def _facts(path: Path) -> dict[str, Any]:
    if path.suffix != ".parquet":
        return {}
    try:
        return provenance_of(path) or {}
    except IcerecoError:
        return {}


def _columns(path: Path) -> list[str]:
    try:
        return list(pl.read_parquet_schema(path))
    except (OSError, pl.exceptions.PolarsError):
        return []


def _scan(path: Path) -> pl.LazyFrame:
    if path.suffix == ".csv":
        return pl.scan_csv(path)
    return pl.scan_parquet(path) if path.suffix == ".parquet" else pl.scan_ipc(path)


def _load(path: Path) -> pl.DataFrame:
    """The columns that may be needed; pulses, which are lists, are not read."""
    try:
        scan = _scan(path)
        flat = [name for name, kind in scan.collect_schema().items() if not kind.is_nested()]
        known = ("event_id", "name", "kappa", "pulses_used", "status", "shape", "length", *_ANCHOR_COLUMNS)
        wanted = [name for name in flat if name in known]
        angles = [name for name in flat if name.endswith(("azimuth", "zenith", "_kappa"))]
        components = [name for name in COMPONENT_COLUMNS if name in scan.collect_schema()]
        quantities = [name for name in dict.fromkeys(chain(*_QUANTITY_COLUMNS.values())) if name in flat]
        return scan.select(*wanted, *angles, *components, *quantities).collect()
    except FileNotFoundError:
        raise IcerecoError(f"{path}: no such file") from None
    except (OSError, pl.exceptions.PolarsError) as error:
        raise IcerecoError(f"{path}: cannot be read: {str(error).splitlines()[0]}") from None


def _wide(frame: pl.DataFrame, path: Path) -> list[Reconstructions]:
    azimuths = [
        name
        for name in frame.columns
        if name.endswith("azimuth") and name not in COMPONENT_COLUMNS and not name.startswith("input_")
    ]
    prefixes = [name.removesuffix("azimuth") for name in azimuths]
    own, label = _is_own(frame, path), _label(path)
    further = [*COMPONENT_COLUMNS, *(chain(*_QUANTITY_COLUMNS.values()) if _has_quantities(path) else ())]
    kept = [prefix for prefix in prefixes if f"{prefix}zenith" in frame.columns and (prefix or own)]
    if "" in kept and f"{label}_" in kept:  # an output of the line fit holds the line fit twice
        kept.remove(f"{label}_")
    return [
        _reconstructions(
            frame.select(
                "event_id",
                azimuth=f"{prefix}azimuth",
                zenith=f"{prefix}zenith",
                kappa=f"{prefix}kappa" if f"{prefix}kappa" in frame.columns else pl.lit(None, pl.Float64),
                used="pulses_used"
                if not prefix and "pulses_used" in frame.columns
                else pl.lit(None, pl.Int64),
                **{name: name for name in further if not prefix and name in frame.columns},
            ),
            label if not prefix else prefix.removesuffix("_"),
            path,
        )
        for prefix in kept
    ]


def _is_own(frame: pl.DataFrame, path: Path) -> bool:
    """Whether the columns azimuth and zenith are a reconstruction, and not the truth as in a data file."""
    return is_output(path) or path.suffix == ".csv" or "true_azimuth" in frame.columns


def _has_quantities(path: Path) -> bool:
    """Whether the column energy is estimated: in the first version of icereco's table it was the truth."""
    facts = _facts(path)
    return not facts or "table" in facts


def _quantities(frame: pl.DataFrame) -> dict[str, ndarray]:
    present = {
        name: columns for name, columns in _QUANTITY_COLUMNS.items() if set(columns) <= set(frame.columns)
    }
    return {
        name: np.stack(
            [frame[column].cast(pl.Float64, strict=False).fill_null(np.nan).to_numpy() for column in columns],
            -1,
        ).reshape(_SHAPES.get(len(columns), (-1, len(columns))))
        for name, columns in present.items()
    }


def _long(frame: pl.DataFrame, path: Path) -> list[Reconstructions]:
    if not {"azimuth", "zenith"} <= set(frame.columns):
        return []
    unknown = {"kappa": pl.lit(None, pl.Float64), "used": pl.lit(None, pl.Int64)}
    if "status" in frame.columns and frame.schema["status"].is_integer():
        frame = frame.filter(pl.col("status") == 0)
    rows = frame.with_columns(**unknown).unique(["event_id", "name"], keep="first", maintain_order=True)
    return [
        _reconstructions(part, str(name), path)
        for (name,), part in rows.group_by("name", maintain_order=True)
        if part.select(pl.col("azimuth").is_finite().any()).item()
    ]


def _label(path: Path) -> str:
    facts = _facts(path)
    method = facts.get("run") or facts.get("method")
    return str(method) if method else path.name.removesuffix(path.suffix).removesuffix(".reco")


def _reconstructions(frame: pl.DataFrame, name: str, path: Path) -> Reconstructions:
    frame = frame.drop_nulls("event_id").sort("event_id")
    azimuth, zenith, kappa = (
        frame[column].cast(pl.Float64).fill_null(np.nan).to_numpy()
        for column in ("azimuth", "zenith", "kappa")
    )
    direction = direction_from_angles(azimuth, zenith)
    shape = frame.select("kappa", *(column for column in COMPONENT_COLUMNS if column in frame.columns))
    return Reconstructions(
        name=name,
        event_id=frame["event_id"].cast(pl.Int64).to_numpy(),
        direction=direction,
        kappa=kappa,
        posterior=posterior_of(shape.to_arrow(), direction) if np.isfinite(kappa).any() else None,
        pulses_used=frame["used"].cast(pl.Int64).fill_null(-1).to_numpy(),
        path=path,
        quantities=_quantities(frame),
        **_anchors(frame),
    )


def _anchors(frame: pl.DataFrame) -> dict[str, ndarray]:
    if not {*_ANCHOR_COLUMNS} <= set(frame.columns):
        return {}
    anchors = frame.select(
        pl.col(_ANCHOR_COLUMNS).cast(pl.Float64, strict=False).fill_null(np.nan)
    ).to_numpy()
    shape = frame["shape"] if "shape" in frame.columns else pl.Series([-1] * len(frame))
    length = frame["length"] if "length" in frame.columns else pl.Series([None] * len(frame))
    return {
        "anchors": anchors,
        "cascades": shape.is_in(_CASCADES).fill_null(False).to_numpy(),
        "starting": shape.is_in(_STARTING).fill_null(False).to_numpy(),
        "lengths_m": length.cast(pl.Float64, strict=False).fill_null(np.nan).to_numpy(),
    }

"""Are the true angles in range, and the columns worth anything?"""

import numpy as np
import pyarrow as pa  # noqa: TID253 -- looks at Arrow columns; imported only when data are examined
from jaxtyping import Float
from numpy import ndarray

from icereco.data.columns import ragged
from icereco.doctor.finding import Finding, cannot_tell, good
from icereco.doctor.sample import Sample

__all__ = ["check_columns", "check_truth_range"]

_RANGES = {"azimuth": (0.0, 2 * np.pi, "[0, 2π)"), "zenith": (0.0, np.pi, "[0, π]")}
_SLACK = 1e-6


def check_truth_range(sample: Sample) -> Finding:
    """Angles must be numbers in range, in rad."""
    columns = {name: sample.column(name) for name in _RANGES}
    known = {name: values for name, values in columns.items() if values is not None}
    if not known:
        return cannot_tell(
            "truth", "there are no true angles: these events can be reconstructed, not trained on"
        )
    evidence = "; ".join(_range(name, values) for name, values in known.items())
    bad = sum(_outside(name, values) for name, values in known.items())
    if len(known) == 2 and not bad:
        return good("truth", "all true angles are in range", evidence)
    if len(known) < 2:
        return Finding(
            "truth", "error", f"only {next(iter(known))} is known", evidence, "a column was lost", "add it"
        )
    return Finding(
        "truth", "error", f"{bad:,} true angles are NaN or out of range", evidence, *_explained(known)
    )


def _outside(name: str, values: Float[ndarray, "event"]) -> int:
    low, high, _ = _RANGES[name]
    return int(np.count_nonzero(~((values >= low - _SLACK) & (values <= high + _SLACK))))


def _range(name: str, values: Float[ndarray, "event"]) -> str:
    missing = int(np.count_nonzero(np.isnan(values)))
    lost = f", {missing:,} NaN" if missing else ""
    return f"{name} {np.nanmin(values):.3g} to {np.nanmax(values):.3g} rad{lost}, allowed {_RANGES[name][2]}"


def _explained(known: dict[str, Float[ndarray, "event"]]) -> tuple[str, str]:
    """Cause and fix."""
    azimuth, zenith = known["azimuth"], known["zenith"]
    outside = _outside("zenith", zenith) + _outside("azimuth", azimuth)
    if outside == np.isnan(azimuth).sum() + np.isnan(zenith).sum():
        return "events without a true neutrino, or a join that found no partner", "leave these events out"
    if np.nanmax(np.abs(azimuth)) > 4 * np.pi or np.nanmax(np.abs(zenith)) > 2 * np.pi:
        return "angles in degrees", "multiply by π/180"
    if np.nanmin(zenith) < 0 and np.nanmax(zenith) <= np.pi / 2 + _SLACK:
        return "elevation or declination, from −π/2 to π/2, instead of zenith", "zenith = π/2 − elevation"
    if np.nanmin(zenith) >= -1 - _SLACK and np.nanmin(zenith) < 0 and np.nanmax(zenith) <= 1 + _SLACK:
        return "the cosine of the zenith", "zenith = arccos(column)"
    if np.nanmin(azimuth) < 0 and np.nanmax(np.abs(azimuth)) <= np.pi + _SLACK:
        return "azimuth from −π to π", "azimuth modulo 2π"
    return "another definition of the angles, or damaged rows", "see the definition in docs/architecture.md"


def check_columns(sample: Sample) -> list[Finding]:
    """A column that is constant or full of gaps teaches nothing, or hides a mistake."""
    findings = [found for name in sample.table.schema.names if (found := _column(sample, name))]
    return findings or [
        good("columns", "no column is constant or has gaps", f"{len(sample.table.schema.names)} columns")
    ]


def _column(sample: Sample, name: str) -> Finding | None:
    values = _numbers(sample.table.column(name))
    if values is None or not len(values):
        return None
    gaps = int(np.count_nonzero(np.isnan(values)))
    known = values[~np.isnan(values)]
    if gaps:
        return Finding(
            "columns",
            "warning",
            f"column {name} has gaps",
            f"{gaps:,} of {len(values):,} values are NaN or null",
            "a join that found no partner, or a quantity that only some events have",
            "leave these events out, or fill the column" if len(known) else "leave the column out",
        )
    if len(values) > 1 and known.min() == known.max() and name != "auxiliary":
        return Finding(
            "columns",
            "warning",
            f"column {name} is constant",
            f"all {len(values):,} values are {known[0]:g}",
            "a quantity that was not simulated or not stored, and was filled in",
            "nothing, if that is so: a model cannot learn from it",
        )
    return None


def _numbers(column: pa.Array) -> Float[ndarray, "value"] | None:
    kind = column.type
    if hasattr(kind, "value_type") and not column.null_count:
        return np.asarray(ragged(column).values, np.float64)
    if not (pa.types.is_integer(kind) or pa.types.is_floating(kind)):
        return None
    return np.asarray(column.to_numpy(zero_copy_only=False), np.float64)

"""Are the true angles in range, and do the columns hold information?"""

import numpy as np
import pyarrow as pa
from jaxtyping import Float
from numpy import ndarray

from icereco.doctor.finding import Finding, cannot_tell, good
from icereco.doctor.sample import Sample
from icereco.tables.columns import ragged
from icereco.tables.schema import TRUTH_COLUMNS

__all__ = ["check_columns", "check_truth_range"]

_RANGES = {"azimuth": (0.0, 2 * np.pi, "[0, 2π)"), "zenith": (0.0, np.pi, "[0, π]")}
_SLACK = 1e-6
_LEAST_EVENTS = 10


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
    """The likely cause of true angles out of range, and the fix."""
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


_OF_FITS = ("_azimuth", "_zenith")
"""Columns of official fits, which have no value where a fit failed or a file has none: no model reads them."""


def check_columns(sample: Sample) -> list[Finding]:
    """A model learns nothing from a column that is constant or has gaps, which may also hide a mistake."""
    columns = {name: _numbers(sample.table.column(name)) for name in sample.table.schema.names}
    known = {name: values for name, values in columns.items() if values is not None and len(values)}
    missing = {name: int(np.isnan(values).sum()) for name, values in known.items()}
    gaps = {
        name: count
        for name, count in missing.items()
        if count and name not in TRUTH_COLUMNS and not name.endswith(_OF_FITS)
    }
    constant = [name for name, values in known.items() if not missing[name] and _is_constant(name, values)]
    findings = []
    if gaps:
        findings.append(
            Finding(
                "columns",
                "warning",
                f"values are missing in {', '.join(gaps)}",
                "; ".join(
                    f"{name}: {count:,} of {len(known[name]):,} NaN or null" for name, count in gaps.items()
                ),
                "a join that found no partner, or a quantity that only some events have",
                "leave these events or columns out, unless that is how it should be",
            )
        )
    if constant and len(sample) >= _LEAST_EVENTS:
        findings.append(
            Finding(
                "columns",
                "warning",
                f"the same value for all events in {', '.join(constant)}",
                "; ".join(f"{name}: always {known[name][0]:g}" for name in constant),
                "a quantity that was not simulated or not stored, and was filled in",
                "nothing, unless it should vary: a model cannot learn from it",
            )
        )
    return findings or [good("columns", "no column is constant or has gaps", f"{len(columns)} columns")]


def _is_constant(name: str, values: Float[ndarray, "value"]) -> bool:
    return name not in ("event_id", "auxiliary") and bool(values.min() == values.max())


def _numbers(column: pa.Array) -> Float[ndarray, "value"] | None:
    kind = column.type
    if hasattr(kind, "value_type") and not column.null_count:
        return np.asarray(ragged(column).values, np.float64)
    if not (pa.types.is_integer(kind) or pa.types.is_floating(kind)):
        return None
    return np.asarray(column.to_numpy(zero_copy_only=False), np.float64)

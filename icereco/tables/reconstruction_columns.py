"""The columns of a table of reconstructions: a row per event, and a column for everything that is known of it."""

import re
from collections.abc import Collection, Mapping

import pyarrow as pa
from jaxtyping import Float
from numpy import ndarray

from icereco.detector.site import Site
from icereco.errors import IcerecoError
from icereco.events.batch import EventBatch
from icereco.events.reconstruction import Reconstruction
from icereco.events.truth import EVENT_KINDS, Truth
from icereco.physics.equatorial import equatorial_angles
from icereco.physics.sphere import angles_from_direction
from icereco.tables.posteriors import posterior_columns
from icereco.tables.schema import IDENTITY_FIELDS

__all__ = [
    "ALWAYS",
    "VERTEX_COVARIANCE",
    "declared_field",
    "is_reserved",
    "reconstruction_rows",
    "rows_without_events",
]

ALWAYS = (
    "event_id",
    "azimuth",
    "zenith",
    "direction_x",
    "direction_y",
    "direction_z",
    "pulses_used",
    "pulses_total",
)
"""The columns that every table has."""

VERTEX_COVARIANCE = {"xx": (0, 0), "xy": (0, 1), "xz": (0, 2), "yy": (1, 1), "yz": (1, 2), "zz": (2, 2)}
"""The elements of a symmetric matrix that are columns, by the ends of their names."""

_LIST = pa.list_(pa.float64())
_NUMBER = pa.float64()


def _field(name: str, kind: pa.DataType, unit: str, meaning: str) -> pa.Field:
    return pa.field(name, kind, metadata={"unit": unit, "meaning": meaning})


_FIELDS = {
    field.name: field
    for field in (
        _field("event_id", pa.int64(), "", "as in the input"),
        *IDENTITY_FIELDS.values(),
        _field("azimuth", _NUMBER, "rad", "of the origin, in [0, 2π); null without a direction"),
        _field("zenith", _NUMBER, "rad", "of the origin, in [0, π]; null without a direction"),
        _field("direction_x", _NUMBER, "", "cos azimuth · sin zenith"),
        _field("direction_y", _NUMBER, "", "sin azimuth · sin zenith"),
        _field("direction_z", _NUMBER, "", "cos zenith"),
        _field("ra", _NUMBER, "rad", "right ascension of the origin (ICRS), in [0, 2π)"),
        _field("dec", _NUMBER, "rad", "declination of the origin (ICRS)"),
        _field(
            "kappa", _NUMBER, "", "concentration of the posterior, as that of one von Mises-Fisher density"
        ),
        _field("sigma", _NUMBER, "rad", "opening angle that holds 39.3 % of that density"),
        *(
            _field(
                f"r{part}",
                _NUMBER,
                "rad",
                f"opening angle of the circle around the direction that holds {part} %, if nearly round",
            )
            for part in (50, 90)
        ),
        *(
            _field(f"area{part}_sr", _NUMBER, "sr", f"solid angle of the smallest region that holds {part} %")
            for part in (50, 90)
        ),
        _field("posterior_weight", _LIST, "", "weights of the von Mises-Fisher densities in the posterior"),
        _field("posterior_kappa", _LIST, "", "their concentrations"),
        _field("posterior_azimuth", _LIST, "rad", "azimuths of their mean directions"),
        _field("posterior_zenith", _LIST, "rad", "zeniths of their mean directions"),
        _field("energy", _NUMBER, "GeV", "estimated energy of the neutrino"),
        _field("energy_log10_sigma", _NUMBER, "", "one sigma of the decimal logarithm of the energy"),
        _field("energy_16", _NUMBER, "GeV", "quantile of 16 % of the energy"),
        _field("energy_84", _NUMBER, "GeV", "quantile of 84 % of the energy"),
        _field("vertex_x", _NUMBER, "m", "estimated interaction vertex"),
        _field("vertex_y", _NUMBER, "m", "see vertex_x"),
        _field("vertex_z", _NUMBER, "m", "see vertex_x"),
        *(
            _field(f"vertex_covariance_{axes}", _NUMBER, "m²", "covariance of the vertex")
            for axes in VERTEX_COVARIANCE
        ),
        *(_field(f"probability_{kind}", _NUMBER, "", f"that the event is a {kind}") for kind in EVENT_KINDS),
        _field("inelasticity", _NUMBER, "", "estimated part of the neutrino's energy that the hadrons got"),
        _field("inelasticity_sigma", _NUMBER, "", "one sigma of the inelasticity"),
        _field("status", pa.string(), "", "how the method ended"),
        _field("pulses_used", pa.int64(), "", "pulses that the method looked at"),
        _field("pulses_total", pa.int64(), "", "pulses of the event"),
        _field("true_azimuth", _NUMBER, "rad", "true azimuth of the origin"),
        _field("true_zenith", _NUMBER, "rad", "true zenith of the origin"),
        _field("true_energy", _NUMBER, "GeV", "true energy of the neutrino"),
        _field("true_kind", pa.string(), "", "true kind"),
        _field("true_vertex_x", _NUMBER, "m", "true interaction vertex, or where the track enters"),
        _field("true_vertex_y", _NUMBER, "m", "see true_vertex_x"),
        _field("true_vertex_z", _NUMBER, "m", "see true_vertex_x"),
        _field("true_inelasticity", _NUMBER, "", "true part of the neutrino's energy that the hadrons got"),
    )
}

_OF_OTHERS = re.compile(r"(?!input_)(true_.*|.*_(azimuth|zenith|kappa))")
"""Columns of the truth, and of other methods."""

_RENAMED = "input_"
"""Begins the name of a column of the input whose own name means something else here."""


def is_reserved(name: str) -> bool:
    """Return whether a column of this name has, or may have, another meaning than a further figure of the method."""
    return name in _FIELDS or _OF_OTHERS.fullmatch(name) is not None


def declared_field(name: str) -> pa.Field | None:
    """What a column of this name holds; None for a further figure of a method."""
    return _field_of(name) if is_reserved(name) else None


def reconstruction_rows(
    batch: EventBatch,
    result: Reconstruction,
    comparisons: Mapping[str, Reconstruction] | None = None,
    carried: Mapping[str, pa.Array] | None = None,
    site: Site | None = None,
) -> pa.RecordBatch:
    """One row per event of the batch; columns of what is not there (posterior, energy, truth, …) are left out.

    Args:
        batch: the events.
        result: what the method says of them.
        comparisons: what other methods say, by name; their columns begin with it, as linefit_azimuth.
        carried: what the input says of the events besides (`icereco.tables.carried`). A column whose name means something else here
            gets one that begins with input_; what identifies the events (`icereco.tables.schema.IDENTITY_FIELDS`) stands first.
        site: of the detector, for right ascension and declination; they need the times of the events, too.

    Raises:
        IcerecoError: that other name is the name of a column, too.
    """
    carried = carried or {}
    identity = {name: column for name, column in carried.items() if _is_identity(name, column)}
    columns: dict[str, ndarray | pa.Array] = {"event_id": batch.event_id, **identity}
    columns |= dict(zip(("azimuth", "zenith"), angles_from_direction(result.direction), strict=True))
    columns |= _axes("direction", result.direction)
    columns |= _equatorial(result.direction, identity.get("start_mjd"), site)
    columns |= posterior_columns(result.posterior, result.direction) | _targets(result)
    total = batch.pulse_count
    used = total if result.pulses_used is None else result.pulses_used
    columns |= {"pulses_used": used, "pulses_total": total}
    columns |= {} if result.status is None else {"status": result.status}
    columns |= result.extras
    for name, other in (comparisons or {}).items():
        columns |= _compared(name, other)
    columns |= _truth_columns(batch.truth)
    fields = [_field_of(name) for name in columns]
    others = _renamed({name: carried[name] for name in carried if name not in identity}, columns)
    fields += [_field(name, column.type, "", "as in the input") for name, column in others.items()]
    columns |= others
    arrays = [
        column
        if isinstance(column, pa.Array)
        else pa.array(column, field.type, from_pandas=True)  # NaN becomes null
        for column, field in zip(columns.values(), fields, strict=True)
    ]
    return pa.RecordBatch.from_arrays(arrays, schema=pa.schema(fields))


def _is_identity(name: str, column: pa.Array) -> bool:
    return name in IDENTITY_FIELDS and bool(column.type == IDENTITY_FIELDS[name].type)


def _renamed(carried: Mapping[str, pa.Array], taken: Collection[str]) -> dict[str, pa.Array]:
    """Columns of the input by the names that they get in the table, which are not those of others."""
    names = {name: f"{_RENAMED}{name}" if name in taken or is_reserved(name) else name for name in carried}
    for name, new in names.items():
        if new != name and (new in carried or new in taken):
            raise IcerecoError(
                f"the input's column {name} would be called {new}, as {name} is, or may be, a column of reconstructions; but the input has "
                f"{new}, too: rename one, or leave it out (--reader icereco:without={name})"
            )
    return {names[name]: column for name, column in carried.items()}


def rows_without_events() -> pa.RecordBatch:
    """No row, with the columns that every table has."""
    return pa.RecordBatch.from_pylist([], schema=pa.schema([_FIELDS[name] for name in ALWAYS]))


def _axes(name: str, vectors: Float[ndarray, "event 3"] | None) -> dict[str, ndarray]:
    return {} if vectors is None else {f"{name}_{axis}": vectors[:, i] for i, axis in enumerate("xyz")}


def _equatorial(
    direction: Float[ndarray, "event 3"], start_mjd: pa.Array | None, site: Site | None
) -> dict[str, ndarray]:
    if start_mjd is None or site is None:
        return {}
    mjd = start_mjd.to_numpy(zero_copy_only=False)
    return dict(zip(("ra", "dec"), equatorial_angles(direction, mjd, site), strict=True))


def _targets(result: Reconstruction) -> dict[str, ndarray]:
    """Energy, vertex, kind and inelasticity, as far as they are estimated, and how sure each is."""
    columns = {"energy": result.energy_gev, "energy_log10_sigma": result.energy_log10_sigma}
    if (interval := result.energy_interval_gev) is not None:
        columns |= {"energy_16": interval[:, 0], "energy_84": interval[:, 1]}
    columns |= _axes("vertex", result.vertex_m)
    if (covariance := result.vertex_covariance_m2) is not None:
        columns |= {
            f"vertex_covariance_{axes}": covariance[:, i, j] for axes, (i, j) in VERTEX_COVARIANCE.items()
        }
    if (probability := result.kind_probability) is not None:
        columns |= {f"probability_{kind}": probability[:, i] for i, kind in enumerate(EVENT_KINDS)}
    columns |= {"inelasticity": result.inelasticity, "inelasticity_sigma": result.inelasticity_sigma}
    return {name: column for name, column in columns.items() if column is not None}


def _compared(name: str, other: Reconstruction) -> dict[str, ndarray]:
    azimuth, zenith = angles_from_direction(other.direction)
    kappa = {} if other.kappa is None else {f"{name}_kappa": other.kappa}
    return {f"{name}_azimuth": azimuth, f"{name}_zenith": zenith, **kappa}


def _field_of(column: str) -> pa.Field:
    if not is_reserved(column):
        return _field(column, _NUMBER, "", "further figure of the method")
    return _FIELDS.get(column) or _compared_field(column)


def _compared_field(column: str) -> pa.Field:
    method, _, quantity = column.rpartition("_")
    unit = "" if quantity == "kappa" else "rad"
    return _field(column, _NUMBER, unit, f"{quantity} of the method {method}, to compare with")


def _truth_columns(truth: Truth | None) -> dict[str, ndarray]:
    if truth is None:
        return {}
    columns: dict[str, ndarray | None] = {"energy": truth.energy_gev, "kind": truth.kind}
    columns |= dict(zip(("azimuth", "zenith"), angles_from_direction(truth.direction), strict=True))
    columns |= _axes("vertex", truth.vertex_m)
    columns["inelasticity"] = truth.inelasticity
    return {f"true_{name}": column for name, column in columns.items() if column is not None}

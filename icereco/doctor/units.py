"""Are times in ns and charges in photo-electrons?"""

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from icereco.doctor.finding import Finding, cannot_tell, good
from icereco.doctor.sample import Sample
from icereco.events.batch import EventBatch
from icereco.tables.units import (
    POSSIBLE_M_PER_NS,
    UNITS_OF_TIME,
    USUAL_M_PER_NS,
    factor_to_ns,
    is_other_unit,
    speeds_m_per_ns,
)

__all__ = ["check_charge", "check_time"]

_COARSEST_NS = 2
_LEAST_PULSES = 100
_CHARGE_PE = (0.1, 10.0)


def check_time(sample: Sample) -> Finding:
    """Light crosses a detector at up to 0.3 m/ns."""
    times = sample.lists["time"].values
    bad = int(np.count_nonzero(~np.isfinite(times)))
    if bad:
        return Finding(
            "time",
            "error",
            f"{bad:,} pulse times are NaN or infinite",
            f"{bad:,} of {len(times):,} pulses",
            "a failed pulse extraction, or a join that found no partner",
            "leave these pulses out, or find out where they come from",
        )
    if (grid := _grid_ns(times)) > _COARSEST_NS:
        return _coarse(grid, times)
    speeds = _speeds(sample.events)
    if len(speeds) < 10:
        return cannot_tell("time", "fewer than 10 events with five pulses at different times")
    speed = float(np.median(speeds))
    evidence = f"median extent over duration of {len(speeds):,} events: {speed:.3g} m/ns (light: 0.30)"
    without_noise = bool(sample.events.auxiliary.any())
    low, high = USUAL_M_PER_NS if without_noise else POSSIBLE_M_PER_NS
    if low <= speed <= high:
        return good("time", "times are in ns", evidence)
    if not is_other_unit(speed, without_noise=without_noise):
        return _doubtful(evidence)
    factor = factor_to_ns(speed)
    return Finding(
        "time",
        "error",
        f"times are not in ns; they look like {UNITS_OF_TIME[factor]}",
        evidence,
        f"a file whose time column is in {UNITS_OF_TIME[factor]}",
        f"multiply the column time by {factor:g}",
    )


def _doubtful(evidence: str) -> Finding:
    return Finding(
        "time",
        "warning",
        "times may not be in ns: events are unusually long or short for their extent",
        f"{evidence}; usual without noise: {USUAL_M_PER_NS[0]:g} to {USUAL_M_PER_NS[1]:g}",
        "another unit of time, such as a clock tick of some ns, or much noise among pulses that are not auxiliary",
        "compare the times of an event with another source; convert them to ns if they are not",
    )


def _grid_ns(times: Float[ndarray, "pulse"]) -> float:
    """The step of all times, ns, where it is what rounding to float32 or float64 leaves; else 0.

    That is a power of 2, and not larger than what separates neighbouring float32 numbers of that size.
    """
    if len(times) < _LEAST_PULSES or not np.array_equal(times, np.rint(times)):
        return 0.0
    step = int(np.gcd.reduce(times.astype(np.int64)))
    rounded = step & (step - 1) == 0 and step <= np.spacing(np.float32(np.median(np.abs(times))))
    return float(step) if rounded else 0.0


def _coarse(grid: float, times: Float[ndarray, "pulse"]) -> Finding:
    return Finding(
        "time",
        "error",
        f"all times are multiples of {grid:g} ns: their digits are lost",
        f"{len(times):,} pulses from {times.min():.9g} to {times.max():.9g} ns",
        "absolute times (of a day, or UTC) as floating-point numbers: float64 resolves UTC in ns to 256 ns, float32 times "
        "of a second to 64 ns",
        "store times relative to the first pulse of each event, or as int64, which icereco reads without loss",
    )


def _speeds(batch: EventBatch) -> Float[ndarray, "event"]:
    """Root mean square extent over root mean square duration of each event, m/ns.

    Of pulses that are not auxiliary, of events that have at least five.
    """
    kept = ~batch.auxiliary
    place_m = batch.position_m[batch.dom_of_pulse[kept]]
    return speeds_m_per_ns(batch.event_of_pulse[kept], place_m, batch.time_ns[kept], len(batch))


def check_charge(sample: Sample) -> Finding:
    """Most pulses are of one photo-electron."""
    charge = sample.lists["charge"].values
    if not len(charge):
        return cannot_tell("charge", "no pulses")
    evidence = _quantiles(charge)
    bad, negative = ~np.isfinite(charge), charge < 0
    if bad.any() or negative.any():
        what = (
            f"{int(bad.sum()):,} charges are NaN or infinite"
            if bad.any()
            else f"{int(negative.sum()):,} charges are negative"
        )
        return Finding(
            "charge",
            "error",
            what,
            evidence,
            "a failed pulse extraction"
            if bad.any()
            else "the logarithm of the charge instead of the charge, or a failed baseline",
            "leave these pulses out"
            if bad.any()
            else "store 10**charge if it is a logarithm, else leave these pulses out",
        )
    middle = float(np.median(charge))
    if _CHARGE_PE[0] <= middle <= _CHARGE_PE[1]:
        return good("charge", "charges are in photo-electrons", evidence)
    return Finding(
        "charge",
        "warning",
        "charges do not look like photo-electrons: most pulses should be near 1",
        evidence,
        "charges in pC, in ADC counts or as time over threshold",
        "divide the column charge by the charge of one photo-electron",
    )


def _quantiles(values: ndarray) -> str:
    known = values[np.isfinite(values)]
    if not len(known):
        return "no finite values"
    low, middle, high = np.quantile(known, (0.01, 0.5, 0.99))
    return f"1 % below {low:.3g}, half below {middle:.3g}, 99 % below {high:.3g} p.e."

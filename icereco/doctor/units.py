"""Are times in ns and charges in photo-electrons?"""

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from icereco.doctor.finding import Finding, cannot_tell, good
from icereco.doctor.sample import Sample
from icereco.events.batch import EventBatch

__all__ = ["check_charge", "check_time"]

_SPEED_M_PER_NS = (0.008, 4.0)
"""What the ratio of an event's extent to its duration can be: noise makes it small, light cannot make it large."""
_TYPICAL_M_PER_NS = 0.1
_UNITS = {1e-3: "ps", 0.1: "0.1 ns", 1e3: "µs", 1e6: "ms", 1e9: "s"}
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
    speeds = _speeds(sample.events)
    if len(speeds) < 10:
        return cannot_tell("time", "fewer than 10 events with five pulses at different times")
    speed = float(np.median(speeds))
    evidence = f"median extent over duration of {len(speeds):,} events: {speed:.3g} m/ns (light: 0.30)"
    if _SPEED_M_PER_NS[0] <= speed <= _SPEED_M_PER_NS[1]:
        return good("time", "times are in ns", evidence)
    factor = min(_UNITS, key=lambda one: abs(np.log(speed / one / _TYPICAL_M_PER_NS)))
    return Finding(
        "time",
        "error",
        f"times are not in ns; they look like {_UNITS[factor]}",
        evidence,
        f"a file whose time column is in {_UNITS[factor]}",
        f"multiply the column time by {factor:g}",
    )


def _speeds(batch: EventBatch) -> Float[ndarray, "event"]:
    """Root mean square extent over root mean square duration of each event with at least five pulses, m/ns."""
    event, place = batch.event_of_pulse, batch.position_m[batch.dom_of_pulse]
    count = np.maximum(batch.pulse_count, 1)

    def spread(values: Float[ndarray, "pulse"]) -> Float[ndarray, "event"]:
        mean = np.bincount(event, values, len(batch)) / count
        variance: ndarray = np.bincount(event, (values - mean[event]) ** 2, len(batch)) / count
        return variance

    extent = np.sqrt(spread(place[:, 0]) + spread(place[:, 1]) + spread(place[:, 2]))
    duration = np.sqrt(spread(batch.time_ns))
    chosen = (batch.pulse_count >= 5) & (duration > 0) & (extent > 0)
    speed: ndarray = extent[chosen] / duration[chosen]
    return speed


def check_charge(sample: Sample) -> Finding:
    """Most pulses are of one photo-electron."""
    charge = sample.lists["charge"].values
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
    middle = float(np.median(charge)) if len(charge) else 1.0
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

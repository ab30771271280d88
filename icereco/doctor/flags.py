"""Is `auxiliary` true for the noisy pulses, and not the other way round?"""

import numpy as np
from jaxtyping import Bool, Float, Int
from numpy import ndarray

from icereco.doctor.finding import Finding, cannot_tell, good
from icereco.doctor.sample import Sample

__all__ = ["check_auxiliary"]

_CHECK = "auxiliary"
_WITHIN_NS = 1000.0
_MODULES_APART = 2
_LOOKED_AT = 6
_SURE, _EXCLUDED = 5.0, 3.0


def check_auxiliary(sample: Sample) -> Finding:
    """A pulse in local coincidence has another within 1 µs on a module next to it: these must not be auxiliary."""
    flag = np.concatenate([[], *[sample.events.auxiliary]]).astype(bool)
    share = float(flag.mean()) if len(flag) else 0.0
    if share in (0.0, 1.0):
        return _constant(share)
    difference = _per_event(sample, flag)
    if len(difference) < 30:
        return cannot_tell(_CHECK, f"only {len(difference)} events have pulses of both kinds")
    mean = float(difference.mean())
    lead = mean / max(float(difference.std()) / np.sqrt(len(difference)), 1e-12)
    evidence = (
        f"pulses with auxiliary = False have a neighbour in time and place {100 * abs(mean):.0f} percentage points "
        f"{'more' if mean > 0 else 'less'} often than those with True ({abs(lead):.0f} σ, {len(difference):,} events); "
        f"{100 * share:.0f} % of the pulses are True"
    )
    if lead < -_SURE:
        return Finding(
            _CHECK,
            "error",
            "auxiliary looks inverted",
            evidence,
            "a column that says the opposite, such as hlc (hard local coincidence) of GraphNeT or IceTray, was taken "
            "for auxiliary",
            "store auxiliary = not hlc",
        )
    if lead < _EXCLUDED:
        return cannot_tell(_CHECK, evidence, "examine more events with --events")
    return good(_CHECK, "auxiliary marks the pulses without local coincidence", evidence)


def _constant(share: float) -> Finding:
    if share == 0:
        return good(
            _CHECK,
            "no pulse is auxiliary",
            "False for every pulse: the file does not record it, or has no noise",
        )
    return Finding(
        _CHECK,
        "warning",
        "every pulse is auxiliary",
        "True for every pulse",
        "the flag was inverted, or filled in because the file has none",
        "store False where nothing is known",
    )


def _per_event(sample: Sample, flag: Bool[ndarray, "pulse"]) -> Float[ndarray, "event"]:
    """Share of pulses with a neighbour, False minus True, of each event that has both."""
    batch = sample.events
    event, sensor = batch.event_of_pulse, batch.pulses.sensor_id
    near = _has_neighbour(event, sample.detector.string[sensor], sample.detector.om[sensor], batch.time_ns)
    shares = []
    counts = []
    for value in (False, True):
        chosen = flag == value
        count = np.bincount(event[chosen], minlength=len(batch))
        shares.append(np.bincount(event[chosen], near[chosen], len(batch)) / np.maximum(count, 1))
        counts.append(count)
    both = (counts[0] > 0) & (counts[1] > 0)
    difference: ndarray = (shares[0] - shares[1])[both]
    return difference


def _has_neighbour(
    event: Int[ndarray, "pulse"],
    string: Int[ndarray, "pulse"],
    module: Int[ndarray, "pulse"],
    time_ns: Float[ndarray, "pulse"],
) -> Bool[ndarray, "pulse"]:
    """Whether another module of the string, up to two away, has a pulse within 1 µs (among the nearest in time)."""
    order = np.lexsort((time_ns, string, event))
    event, string, module, time_ns = event[order], string[order], module[order], time_ns[order]
    near = np.zeros(len(event), bool)
    for step in range(1, min(_LOOKED_AT, len(event) - 1) + 1):
        apart = np.abs(module[step:] - module[:-step])
        coincident = (event[step:] == event[:-step]) & (string[step:] == string[:-step])
        coincident &= (
            (time_ns[step:] - time_ns[:-step] <= _WITHIN_NS) & (apart >= 1) & (apart <= _MODULES_APART)
        )
        near[step:] |= coincident
        near[:-step] |= coincident
    result = np.empty_like(near)
    result[order] = near
    return result

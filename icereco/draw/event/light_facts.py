"""What is said of the expected light of an event."""

from functools import lru_cache

from icereco.draw.canvas.hits import Hits
from icereco.draw.canvas.scale import compact
from icereco.draw.canvas.scene import Frame
from icereco.draw.event.expected import LEAST_PE, ExpectedLight

__all__ = ["light_facts"]

_NAMED = 3  # modules without pulses


@lru_cache(maxsize=2)  # every picture of the event says them
def light_facts(expected: ExpectedLight, hits: Hits, frame: Frame) -> list[str]:
    """Facts about the whole event: sums, modules that are dark although they should not be, and what was fitted."""
    if expected.problem is not None:
        return [f"no expected light of {expected.name}: {expected.problem}"]
    seen, plain = hits.charge_pe.sum(), hits.charge_pe[~hits.pulse_auxiliary].sum()
    silent = expected.silent(hits)
    named = [
        f"{frame.name(sensor)}: {compact(float(expected.photo_electrons[sensor]))}"
        for sensor in silent[:_NAMED].tolist()
    ]
    dark = [f"× {len(silent):,} without pulses have {LEAST_PE:g} p.e. or more", *named]
    return [
        f"expected of {expected.name}: {compact(expected.total_pe)} p.e.",
        f"seen: {compact(plain)}" + f", with auxiliary pulses {compact(seen)}" * bool(plain < seen),
        *(dark if len(silent) else [f"no module without pulses has {LEAST_PE:g} p.e."]),
        *expected.facts,
    ]

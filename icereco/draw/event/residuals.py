"""Times of pulses after direct light of the main method or of the truth."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from jaxtyping import Float, Int
from numpy import ndarray

from icereco.detector.detector import LIGHT_M_PER_NS
from icereco.draw.canvas.front import Front
from icereco.draw.canvas.hits import Hits
from icereco.draw.event.hypothesis import Hypothesis
from icereco.draw.event.state import EventState
from icereco.events.reconstruction import Estimate
from icereco.events.truth import EventTruth
from icereco.physics.direct_light import DirectLight, hits_by_class, time_zero_ns

__all__ = ["CLASSES", "Residuals", "pulse_shade", "residual_shade", "residuals_of", "source_of"]

CLASSES = ("early", "direct", "late", "auxiliary")
"""Of pulses; see `icereco.physics.direct_light.DIRECT_NS`."""

_AUXILIARY = CLASSES.index("auxiliary")
_LINEAR_NS, _FULL_NS = 25.0, 1000.0


@dataclass(frozen=True, slots=True, eq=False)
class Residuals:
    """Time residuals of an event.

    Attributes:
        hypothesis: to whose direct light.
        time_ns: float64 `[P]`.
        group: int64 `[P]`, index in `CLASSES`.
        direct_doms: the number of modules with direct pulses.
        zero_ns: when the particle was at the place of the hypothesis; NaN where no pulse tells.
    """

    hypothesis: Hypothesis
    time_ns: Float[ndarray, "pulse"]
    group: Int[ndarray, "pulse"]
    direct_doms: int
    zero_ns: float = float("nan")

    def front(self, time_ns: float, light: DirectLight, color: int) -> Front | None:
        """Where direct light is at a moment; None where the time of the source is not known, or a track has not started or has stopped."""
        passed, source = time_ns - self.zero_ns, self.hypothesis
        if not np.isfinite(passed):
            return None
        if source.travel is None:
            return Front(source.position_m, None, 0.0, max(passed / light.slowness, 0.0), color)
        gone = passed * LIGHT_M_PER_NS
        if (source.starts and gone < 0) or (source.length_m is not None and gone > source.length_m):
            return None
        place = source.position_m + gone * source.travel
        return Front(place, source.travel, light.delay * LIGHT_M_PER_NS, 0.0, color)


def residuals_of(state: EventState) -> Residuals | None:
    """The residuals to the main method, or to the truth if the style says so; None without a hypothesis or pulses."""
    if state.shown is None or not len(state.shown.hits.time_ns):
        return None
    source = source_of(state)
    return None if source is None else _residuals(state.shown.hits, source, state.frame.light)


def source_of(state: EventState) -> Estimate | EventTruth | None:
    """The main method, or the truth if the style says so or there is no method."""
    truth, main = None if state.shown is None else state.shown.truth, next(iter(state.estimates), None)
    return truth if main is None or (truth is not None and state.style.against_truth) else main


@lru_cache(maxsize=2)  # every picture of the event needs them
def _residuals(hits: Hits, source: Estimate | EventTruth, light: DirectLight) -> Residuals | None:
    hypothesis = _hypothesis(source, hits.center_m)
    if hypothesis is None:
        return None
    delay = hypothesis.delay_ns(hits.position_m, light)
    zero = hypothesis.time_ns
    if zero is None:
        counted = ~hits.auxiliary if not hits.auxiliary.all() else np.ones(len(delay), bool)
        zero = time_zero_ns((hits.first_ns - delay)[counted])
    time = hits.time_ns - delay[hits.dom] - zero
    group = np.where(hits.pulse_auxiliary, _AUXILIARY, hits_by_class(time))
    direct = np.unique(hits.dom[group == CLASSES.index("direct")])
    return Residuals(hypothesis, time, group, len(direct), zero)


def _hypothesis(source: Estimate | EventTruth, centre_m: Float[ndarray, "3"]) -> Hypothesis | None:
    if isinstance(source, EventTruth):
        return Hypothesis.of_truth(source, centre_m)
    return Hypothesis.of_estimate(source, centre_m)


def residual_shade(time_ns: Float[ndarray, "*n"]) -> Float[ndarray, "*n"]:
    """Places of residuals in a colour map: 0.5 at 0, its ends at ±1,000 ns, linear for direct light and logarithmic beyond."""
    return np.asarray(0.5 + 0.5 * np.arcsinh(time_ns / _LINEAR_NS) / np.arcsinh(_FULL_NS / _LINEAR_NS))


def pulse_shade(state: EventState) -> Float[ndarray, "pulse"]:
    """Places of the pulses in the colour map, by time or by residual; 0 to 1 within it."""
    assert state.shown is not None
    residuals = residuals_of(state) if state.style.color_by == "residual" else None
    if residuals is not None:
        return residual_shade(residuals.time_ns)
    low, high = state.colors_ns
    return (state.shown.hits.time_ns - low) / max(high - low, 1e-9)

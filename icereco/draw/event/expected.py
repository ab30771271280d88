"""Light that modules are expected to see of a hypothesis, beside what they have seen."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from jaxtyping import Float, Int
from numpy import ndarray

from icereco.draw.canvas.hits import Hits

__all__ = ["LEAST_PE", "ExpectedLight", "light_shade"]

LEAST_PE = 1.0
"""Expected photo-electrons from which on a module without pulses is remarkable: it has none in e⁻¹ of all cases at most."""

_FULL = 10.0  # ratio of seen and expected light at the ends of the colours
_FAINTEST_PE = 1e-3


@dataclass(frozen=True, slots=True, eq=False)
class ExpectedLight:
    """What the likelihood's model of light expects.

    Attributes:
        name: of the method, or of the truth.
        facts: what is its own, and what was fitted to the event, in words.
        photo_electrons: `[S]`, of all modules, without noise; empty with a problem.
        problem: why nothing can be expected, in words; None where there is no problem.
    """

    name: str
    facts: Sequence[str]
    photo_electrons: Float[ndarray, "sensor"]
    problem: str | None = None

    def of(self, hits: Hits) -> Float[ndarray, "dom"]:
        """Expected photo-electrons of the hit modules; NaN with a problem."""
        if self.problem is not None:
            return np.full(len(hits.sensor_id), np.nan)
        return np.asarray(self.photo_electrons[hits.sensor_id])

    def silent(self, hits: Hits) -> Int[ndarray, "module"]:
        """Modules without pulses that should see `LEAST_PE` or more, the brightest first."""
        return _silent(self, hits)

    @property
    def total_pe(self) -> float:
        """Expected photo-electrons of all modules."""
        return float(self.photo_electrons.sum())


@lru_cache(maxsize=2)  # every picture of the event needs them
def _silent(expected: ExpectedLight, hits: Hits) -> Int[ndarray, "module"]:
    bright = expected.photo_electrons >= LEAST_PE
    if expected.problem is None:
        bright[hits.sensor_id] = False
    sensors = np.flatnonzero(bright)
    return np.asarray(sensors[np.argsort(-expected.photo_electrons[sensors], kind="stable")])


def light_shade(seen_pe: Float[ndarray, "dom"], expected_pe: Float[ndarray, "dom"]) -> Float[ndarray, "dom"]:
    """Places of the ratio of seen and expected light in a colour map: 0 where ten times as much was seen, 0.5 where as much, 1 for a tenth."""
    ratio = np.maximum(seen_pe, _FAINTEST_PE) / np.maximum(expected_pe, _FAINTEST_PE)
    return np.asarray(0.5 - 0.5 * np.log(ratio) / np.log(_FULL))

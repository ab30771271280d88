"""A search for the learning rate: a few steps with a rate that grows, and how the loss goes along."""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import chain, count, islice

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from icereco.errors import IcerecoError
from icereco.training.trainer import NonFiniteLossError, Trainer

__all__ = ["RateSearch", "search_rate", "steps_of"]

LOWEST, HIGHEST = 0.01, 100.0
"""Of the rates that the profile says, the first and the last that are tried."""

_SMOOTHING = 0.9
"""How much of the mean loss of the steps before is kept at each step."""

_SAFETY = 5.0
"""The rate at which the loss stops falling over these steps is too high for a whole training; Smith takes a part of it, too."""

_RISE = 0.5
"""In nats: a loss so much higher than the first one will not fall again."""

_LEAST_STEPS = 10


@dataclass(frozen=True, slots=True)
class RateSearch:
    """What a search found.

    Attributes:
        factors: `[S]`, by which the rates of the profile were multiplied at each step.
        losses: `[S]`, means over the last steps.
    """

    factors: Float[ndarray, "step"]
    losses: Float[ndarray, "step"]

    @property
    def turning(self) -> float:
        """The factor at which the loss was lowest; with a larger one it rises again."""
        return float(self.factors[self.losses.argmin()])

    @property
    def suggested(self) -> float:
        """The factor to train with."""
        return self.turning / _SAFETY


def search_rate(step: Callable[[float], float], steps: int, advance: Callable[[int], object]) -> RateSearch:
    """Take steps with a rate that grows exponentially, until the loss is higher than at first.

    L. N. Smith, "Cyclical Learning Rates for Training Neural Networks", arXiv:1506.01186, section 3.3.

    Args:
        step: takes one with a factor of the full rates, and returns its loss.
        steps: from the lowest rate to the highest.
        advance: called with 1 after each step.

    Raises:
        IcerecoError: the loss is not finite after fewer than ten steps.
    """
    factors, means, mean = np.geomspace(LOWEST, HIGHEST, steps), list[float](), 0.0
    for number, factor in enumerate(factors, 1):
        try:
            loss = step(float(factor))
        except NonFiniteLossError:
            break
        mean = _SMOOTHING * mean + (1 - _SMOOTHING) * loss
        means.append(mean / (1 - _SMOOTHING**number))
        advance(1)
        if means[-1] > means[0] + _RISE:
            break
    if len(means) < _LEAST_STEPS:
        raise IcerecoError(
            f"the loss is not finite, or rises, after {len(means)} steps, at {factors[len(means)]:.2g} times the rates of the profile; "
            "begin lower: -o train.learning_rate=…, or examine the events: icereco doctor EVENTS"
        )
    return RateSearch(factors[: len(means)], np.array(means))


def steps_of(trainer: Trainer) -> Callable[[float], float]:
    """Return a function that takes the next step, of as many epochs as it needs; all rates of the profile keep their ratios."""
    stream = chain.from_iterable(map(trainer.batches.epoch, count()))

    def step(factor: float) -> float:
        return trainer.step(*islice(stream, trainer.options.batches_per_step), rate=factor)["loss"]

    return step

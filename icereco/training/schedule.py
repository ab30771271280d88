"""The learning rate as a function of training progress."""

import math

from icereco.profiles.train_options import TrainOptions

__all__ = ["rate_at"]


def rate_at(progress: float, options: TrainOptions) -> float:
    """Return the fraction of the full learning rate: linear warm-up, then the chosen schedule.

    A cosine to zero (Loshchilov and Hutter 2017), or the full rate and a linear decay to zero at the end (Hu et al.,
    arXiv:2404.06395): there the rate does not depend on how long the training will be until it decays.

    Args:
        progress: the part of all training events seen, 0 to 1.
        options: the schedule, and how long warm-up and decay are.

    >>> rate_at(1.0, TrainOptions())
    0.0
    """
    warmup = options.warmup_fraction
    if progress < warmup:
        return progress / warmup
    if options.schedule == "warmup-stable-decay":
        return min(max(1.0 - progress, 0.0) / min(options.decay_fraction, 1.0 - warmup), 1.0)
    return 0.5 * (1.0 + math.cos(math.pi * min((progress - warmup) / (1.0 - warmup), 1.0)))

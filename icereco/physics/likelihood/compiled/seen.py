"""Observations in two arrays, as machine code takes them: every further array costs time at every call."""

from typing import NamedTuple

import torch
from jaxtyping import Float
from numpy import ndarray
from torch import Tensor

from icereco.physics.likelihood.observation import Observation

__all__ = [
    "COUNT",
    "EFFICIENCY",
    "FIRST_PULSE",
    "LAST_PULSE",
    "LATER",
    "LATER_NOISE",
    "NOISE",
    "NOISE_PER_NS",
    "PULSE_WEIGHT",
    "TIME_NS",
    "WEIGHT",
    "X_M",
    "Y_M",
    "Z_M",
    "Seen",
    "seen_of",
]

X_M, Y_M, Z_M, EFFICIENCY, COUNT, WEIGHT, NOISE, FIRST_PULSE, LAST_PULSE = range(9)
"""Columns of modules: as in `Observation`, and the range of its pulses."""

TIME_NS, PULSE_WEIGHT, NOISE_PER_NS, LATER, LATER_NOISE = range(5)
"""Columns of pulses, as in `Observation`."""


class Seen(NamedTuple):
    """Observations of events, float64."""

    modules: Float[ndarray, "event module 9"]
    pulses: Float[ndarray, "event pulse 5"]


def seen_of(observation: Observation) -> Seen:
    """Rearrange an observation on the CPU, whose pulses are in the order of their modules."""
    of_module = (observation.efficiency, observation.count, observation.weight, observation.noise)
    edges = _edges(observation)
    modules = torch.stack([*observation.module_m.unbind(2), *of_module, edges[:, :-1], edges[:, 1:]], 2)
    pulses = torch.stack([getattr(observation, name) for name in _OF_PULSE], 2)
    return Seen(modules.double().numpy(), pulses.double().numpy())


_OF_PULSE = ("time_ns", "pulse_weight", "noise_per_ns", "later", "later_noise")


def _edges(observation: Observation) -> Float[Tensor, "event edge"]:
    """Return where the pulses of each module begin, and where those of the last one end."""
    modules = torch.arange(observation.count.shape[1] + 1).expand(len(observation), -1).contiguous()
    edges = torch.searchsorted(observation.module_of_pulse.contiguous(), modules)
    return edges.to(observation.count.dtype)

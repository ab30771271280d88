"""Observations in few arrays, as machine code takes them: every further array costs time at every call."""

from typing import NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from numpy import ndarray
from torch import Tensor

from icereco.physics.likelihood.compiled.lanes import LANES
from icereco.physics.likelihood.observation import Observation

__all__ = [
    "COUNT",
    "EFFICIENCY",
    "LATER",
    "LATER_NOISE",
    "LOG_NOISE_PER_NS",
    "MODULE",
    "NOISE",
    "PULSE_TIME_NS",
    "PULSE_WEIGHT",
    "PULSE_WEIGHTS",
    "WEIGHT",
    "X_M",
    "Y_M",
    "Z_M",
    "Seen",
    "seen_of",
]

X_M, Y_M, Z_M, EFFICIENCY, COUNT, WEIGHT, NOISE, PULSE_WEIGHTS = range(8)
"""Rows of modules: as in `Observation`, and the sum of the weights of its pulses, each counted again for the pulses that are later."""

PULSE_TIME_NS, PULSE_WEIGHT, LOG_NOISE_PER_NS, LATER, LATER_NOISE, MODULE = range(6)
"""Rows of pulses: as in `Observation`, with the place of its module."""


class Seen(NamedTuple):
    """Observations of events, float64, with modules that have pulses before others, and both filled up to groups of lanes.

    Attributes:
        modules, pulses: see the rows above.
        groups: how many groups of modules, of modules with pulses, and of pulses an event has.
    """

    modules: Float[ndarray, "event 8 module"]
    pulses: Float[ndarray, "event 6 pulse"]
    groups: Int[ndarray, "event 3"]


def seen_of(observation: Observation, first_only: bool) -> Seen:
    """Rearrange an observation on the CPU.

    Args:
        observation: of events.
        first_only: whether the likelihood is that of first pulses.
    """
    module = observation.module_of_pulse.clamp(max=observation.count.shape[1] - 1)
    real = observation.weight > 0
    used = (observation.pulse_weight > 0) & (observation.module_of_pulse == module) & real.gather(1, module)
    counts = observation.pulse_weight.double() * (1.0 + observation.later if first_only else 1.0)
    of_pulses = torch.zeros(real.shape, dtype=torch.float64)
    of_pulses.scatter_add_(1, module, torch.where(used, counts, 0.0))
    hit = torch.zeros(real.shape, dtype=torch.float64).scatter_add_(1, module, used.double()) > 0
    order = torch.sort(real.long() + hit.long(), dim=1, descending=True, stable=True).indices
    place = torch.empty_like(order).scatter_(
        1, order, torch.arange(order.shape[1]).expand_as(order).contiguous()
    )
    of_module = (observation.efficiency, observation.count, observation.weight, observation.noise)
    modules = torch.stack([*observation.module_m.unbind(2), *of_module, of_pulses], 1).double()
    log_noise = torch.where(used, observation.noise_per_ns, 1.0).double().log()
    of_pulse = (
        observation.time_ns,
        observation.pulse_weight,
        log_noise,
        observation.later,
        observation.later_noise,
    )
    pulses = torch.stack([one.double() for one in (*of_pulse, place.gather(1, module))], 1)
    first = torch.sort(used.long(), dim=1, descending=True, stable=True).indices
    return Seen(
        _arranged(modules, order, real, _NO_MODULE),
        _arranged(pulses, first, used, _NO_PULSE),
        torch.stack([-(-one.sum(1) // LANES) for one in (real, hit, used)], 1).numpy(),
    )


_NO_MODULE = (0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0, 0.0)
_NO_PULSE = (0.0, 0.0, 0.0, 0.0, 1.0, 0.0)
"""Columns where lanes are not filled: their logarithms exist, and their weights are zero."""


def _arranged(
    columns: Float[Tensor, "event column number"],
    order: Int[Tensor, "event number"],
    real: Bool[Tensor, "event number"],
    else_: tuple[float, ...],
) -> Float[ndarray, "event column lane"]:
    """Put columns in order, those that are not real replaced, and fill up groups of lanes."""
    filler = torch.tensor(else_, dtype=torch.float64)[:, None]
    kept = torch.where(real[:, None], columns, filler).gather(2, order[:, None].expand_as(columns))
    width = -(-kept.shape[2] // LANES) * LANES
    full = filler.expand(len(kept), -1, width).clone()
    full[:, :, : kept.shape[2]] = kept
    arranged: ndarray = full.numpy()
    return arranged

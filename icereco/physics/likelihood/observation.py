"""What a detector saw of events, as a likelihood needs it: hit and silent modules, and the times of pulses."""

from dataclasses import dataclass
from typing import Self

import torch
from jaxtyping import Float, Int
from torch import Tensor

from icereco.physics.likelihood.columns import each

__all__ = ["Observation"]


@dataclass(frozen=True, slots=True)
class Observation:
    """Events with as many modules and pulses each, filled up with ones of weight 0.

    Attributes:
        module_m: positions of the modules, hit and silent.
        efficiency: relative to a standard module.
        count: photo-electrons of each module.
        weight: how many modules this one represents; silent ones may be thinned out.
        noise: expected photo-electrons of noise and afterpulses.
        module_of_pulse: index of each pulse's module, ascending.
        time_ns: of each pulse, after a reference time of the event.
        pulse_weight: how many photo-electrons of this time the pulse counts as.
        noise_per_ns: expected rate of noise and afterpulses at the time of each pulse.
        later: further photo-electrons of the module that are known only to be later than the pulse: all of them if only first
            pulses are used, else none.
        later_noise: expected photo-electrons of noise and afterpulses of the module after the pulse.
        leading: 1 for the first pulse of each module in local coincidence, which a first guess is made from, else 0.
    """

    module_m: Float[Tensor, "event module 3"]
    efficiency: Float[Tensor, "event module"]
    count: Float[Tensor, "event module"]
    weight: Float[Tensor, "event module"]
    noise: Float[Tensor, "event module"]
    module_of_pulse: Int[Tensor, "event pulse"]
    time_ns: Float[Tensor, "event pulse"]
    pulse_weight: Float[Tensor, "event pulse"]
    noise_per_ns: Float[Tensor, "event pulse"]
    later: Float[Tensor, "event pulse"]
    later_noise: Float[Tensor, "event pulse"]
    leading: Float[Tensor, "event pulse"]

    def __len__(self) -> int:
        return len(self.count)

    def take(self, event: Int[Tensor, "chosen"]) -> Self:
        """Select events, with repetitions."""
        return each(lambda column: column.index_select(0, event), self)

    def of_pulses(self, of_module: Float[Tensor, "event module *more"]) -> Float[Tensor, "event pulse *more"]:
        """Return of each pulse what is given of its module."""
        more = of_module.shape[2:]
        index = self.module_of_pulse.reshape(*self.module_of_pulse.shape, *[1] * len(more))
        return of_module.gather(1, index.expand(-1, -1, *more))

    def to(self, device: torch.device, dtype: torch.dtype) -> Self:
        """Move to a device, and convert the values."""
        return each(
            lambda column: column.to(device, dtype) if column.is_floating_point() else column.to(device), self
        )

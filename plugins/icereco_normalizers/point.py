"""Each event as if all its light came from one point."""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from icereco.nn.segments import segment_mean, segment_of

__all__ = ["Point", "light_from_point"]

NEAR = 1e-2
"""Below this distance, in units of position, a direction from the point means nothing; 5 m in `relative-time`."""

MOST_LATE = 1.0
"""In units of time, 1,000 ns in `relative-time`."""


@dataclass(frozen=True, slots=True)
class Point:
    """What `P` pulses look like from the centre of charge of their events.

    Attributes:
        away: unit vector from the centre to the pulse's DOM; shorter within `NEAR`.
        distance: from the centre to the pulse's DOM.
        late: time after light from the centre would have come straight, zero in the mean over the event's charge.
        charge_dipole: where from the event's centre its charge lies, by the square root of the charge.
        time_dipole: where from the event's centre its light is late; early light lies the other way.
    """

    away: Float[Tensor, "pulse 3"]
    distance: Float[Tensor, "pulse 1"]
    late: Float[Tensor, "pulse 1"]
    charge_dipole: Float[Tensor, "pulse 3"]
    time_dipole: Float[Tensor, "pulse 3"]

    @property
    def columns(self) -> tuple[Tensor, ...]:
        """All of it, eleven columns in five blocks."""
        return self.away, self.distance, self.late, self.charge_dipole, self.time_dipole


def light_from_point(
    position: Float[Tensor, "pulse 3"],
    time: Float[Tensor, "pulse"],
    charge: Float[Tensor, "pulse"],
    counted: Bool[Tensor, "pulse"],
    offsets: Int[Tensor, "event_plus_1"],
    time_per_distance: Float[Tensor, ""],
) -> Point:
    """The pulses seen from the charge-weighted mean position of the `counted` ones, IceCube's first guess of a cascade.

    A cascade is nearly a point of light: its direction shows in the side on which light is earlier and stronger, not in
    how positions move with time. The two dipoles (after the dipole first guess of AMANDA, astro-ph/0407044) express this in one
    vector each; light more than `MOST_LATE` from its time counts no more than that, whether noise or scattered.

    Args:
        position: of the pulse's DOM.
        time: of the pulse, from any zero.
        charge: its weight in the mean.
        counted: pulses that define the centre.
        offsets: of the events' pulses; sums run over one event after another, so that neighbours change nothing.
        time_per_distance: of light in the medium, in these units.
    """
    counts = counted[:, None].to(position.dtype)
    weight = charge[:, None] * counts
    event = segment_of(offsets, time.shape[0])

    def mean(
        values: Float[Tensor, "pulse column"], by: Float[Tensor, "pulse 1"]
    ) -> Float[Tensor, "pulse column"]:
        """The event's weighted mean, for each of its pulses."""
        return segment_mean(values, by, offsets)[event]

    offset = position - mean(position, weight)
    distance = torch.linalg.vector_norm(offset, dim=-1, keepdim=True)
    away = offset / distance.clamp(min=NEAR)
    late = time[:, None] - distance * time_per_distance
    late = late - mean(late, weight)
    time_dipole = mean(away * late.clamp(-MOST_LATE, MOST_LATE), counts)
    return Point(away, distance, late, mean(away, weight.sqrt()), time_dipole)

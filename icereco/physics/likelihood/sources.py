"""Hypotheses of what shone: a track, a track that starts at a cascade, a cascade; their parameters and their light."""

from dataclasses import dataclass, replace
from typing import Self

import torch
from jaxtyping import Float, Int
from torch import Tensor

from icereco.physics.light.light import Expectation, LightModel
from icereco.physics.likelihood.columns import each

__all__ = [
    "CASCADE",
    "ENDLESS_M",
    "HYPOTHESES",
    "MOVES",
    "STARTING",
    "TRACK",
    "Coordinates",
    "Hypothesis",
    "Sources",
    "tangents",
]

MOVES = (
    "turn_first", "turn_second", "shift_first_m", "shift_second_m", "shift_along_m", "delay_ns", "log_yield", "log_light",
    "end_m",
)  # fmt: skip
"""Directions in which parameters move: turns (rad) and shifts along the tangents and along the direction of travel, and
additions to the time and to the last three parameters."""

_TURNS = ("turn_first", "turn_second")

ENDLESS_M = 4000.0
"""Distance before its reference point at which a track of infinite length starts."""


@dataclass(frozen=True, slots=True)
class Sources:
    """Parameters of the light of events, float64.

    Attributes:
        travel: unit vectors along the particles' directions.
        position_m: the vertex, or the reference point of a track without one.
        time_ns: when the particle is there.
        log_yield: logarithm of the light of the track per metre, over that of a bare muon.
        log_light: logarithm of the light of the cascade in metres of a bare muon.
        end_m: where the track ends, from the reference point.
    """

    travel: Float[Tensor, "job 3"]
    position_m: Float[Tensor, "job 3"]
    time_ns: Float[Tensor, "job"]
    log_yield: Float[Tensor, "job"]
    log_light: Float[Tensor, "job"]
    end_m: Float[Tensor, "job"]

    def __len__(self) -> int:
        return len(self.time_ns)

    def take(self, job: Int[Tensor, "chosen"]) -> Self:
        """Select jobs, with repetitions."""
        return each(lambda column: column.index_select(0, job), self)

    def moved(self, move: Float[Tensor, "job move"]) -> Self:
        """Move along all of `MOVES`; a turn leaves the reference point where it is."""
        first, second = tangents(self.travel)
        turn = move[:, :1] * first + move[:, 1:2] * second
        angle = turn.norm(dim=1, keepdim=True)
        travel = torch.cos(angle) * self.travel + torch.sinc(angle / torch.pi) * turn
        shift = move[:, 2:3] * first + move[:, 3:4] * second + move[:, 4:5] * self.travel
        return replace(
            self,
            travel=travel / travel.norm(dim=1, keepdim=True),
            position_m=self.position_m + shift,
            time_ns=self.time_ns + move[:, 5],
            log_yield=self.log_yield + move[:, 6],
            log_light=self.log_light + move[:, 7],
            end_m=self.end_m + move[:, 8],
        )


def tangents(direction: Float[Tensor, "job 3"]) -> tuple[Float[Tensor, "job 3"], Float[Tensor, "job 3"]]:
    """Return two unit vectors that are perpendicular to each unit vector and to each other."""
    x, y, z = direction.unbind(1)
    # Duff et al., J. Comput. Graph. Tech. 6 (2017) 1: no branch, exact everywhere.
    sign = torch.copysign(torch.ones_like(z), z)
    a = -1.0 / (sign + z)
    b = x * y * a
    first = torch.stack([1.0 + sign * x * x * a, sign * b, -sign * x], 1)
    return first, torch.stack([b, sign + y * y * a, -y], 1)


@dataclass(frozen=True, slots=True)
class Coordinates:
    """What the light of a job's sources at a module depends on, one element per pair of job and module.

    Attributes:
        along_m: distance of the module along the direction of travel from the reference point.
        across_square_m2: square of its distance from the line.
        height_m: z of the module above the reference point.
        travel_z: z of the direction of travel.
        log_yield, log_light, end_m: as of `Sources`.
        module_z_m: z of the module.
    """

    along_m: Float[Tensor, "pair"]
    across_square_m2: Float[Tensor, "pair"]
    height_m: Float[Tensor, "pair"]
    travel_z: Float[Tensor, "pair"]
    log_yield: Float[Tensor, "pair"]
    log_light: Float[Tensor, "pair"]
    end_m: Float[Tensor, "pair"]
    module_z_m: Float[Tensor, "pair"]


@dataclass(frozen=True, slots=True)
class Hypothesis:
    """What shone.

    Attributes:
        name: such as "track".
        moves: indices in `MOVES` of the parameters that are free.
        has_track, has_cascade: which sources there are.
        starts: whether the track starts at the reference point; otherwise it comes from infinity.
    """

    name: str
    moves: tuple[int, ...]
    has_track: bool
    has_cascade: bool
    starts: bool

    def of_fixed_direction(self) -> Self:
        """Return the hypothesis with a direction that stays as it is; everything else remains free."""
        return replace(self, moves=tuple(move for move in self.moves if MOVES[move] not in _TURNS))

    def light(self, model: LightModel, at: Coordinates) -> list[Expectation]:
        """Return the expectation of each source at modules of unit efficiency."""
        sources = []
        if self.has_track:
            sources.append(self._track(model, at))
        if self.has_cascade:
            square = at.across_square_m2 + at.along_m.square()
            z = at.module_z_m - at.height_m
            sources.append(model.cascades_seen(torch.exp(at.log_light), square, at.along_m, z, at.module_z_m))
        return sources

    def _track(self, model: LightModel, at: Coordinates) -> Expectation:
        line = model.line_seen(at.along_m, at.across_square_m2, at.height_m, at.travel_z, at.module_z_m)
        before = 0.0 if self.starts else ENDLESS_M
        whole = replace(line, along_m=line.along_m + before, emitted_m=line.emitted_m + before)
        return model.tracks(torch.exp(at.log_yield) * whole.share(at.end_m + before), line)


TRACK = Hypothesis("track", (0, 1, 2, 3, 5, 6, 8), has_track=True, has_cascade=False, starts=False)
STARTING = Hypothesis("starting", (0, 1, 2, 3, 4, 5, 6, 7, 8), has_track=True, has_cascade=True, starts=True)
CASCADE = Hypothesis("cascade", (0, 1, 2, 3, 4, 5, 7), has_track=False, has_cascade=True, starts=False)

HYPOTHESES = {hypothesis.name: hypothesis for hypothesis in (TRACK, STARTING, CASCADE)}
"""By name."""

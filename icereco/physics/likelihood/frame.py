"""Where modules lie as seen from the sources of each job, and how that changes with the parameters."""

from collections.abc import Mapping

import torch
from jaxtyping import Float
from torch import Tensor

from icereco.physics.likelihood.sources import MOVES, Hypothesis, Sources, tangents

__all__ = ["Frame"]


class Frame:
    """Points as seen from the sources of each job.

    Attributes:
        leaves: by name of `Coordinates` and "delay_ns", of each pair of job and point; on these alone light depends.
    """

    def __init__(self, sources: Sources, point_m: Float[Tensor, "job point 3"]) -> None:
        dtype = point_m.dtype
        self._travel = sources.travel.to(dtype)
        self._tangents = torch.stack(tangents(sources.travel), 2).to(dtype)
        way = point_m - sources.position_m.to(dtype)[:, None]
        self._along = (way @ self._travel[..., None])[..., 0]
        self._across = way @ self._tangents
        shape = self._along.shape
        self.leaves = {
            "along_m": self._along,
            "across_square_m2": self._across.square().sum(2),
            "height_m": way[..., 2],
            "travel_z": self._travel[:, 2:].expand(shape),
            "delay_ns": sources.time_ns.to(dtype)[:, None].expand(shape),
            "log_yield": sources.log_yield.to(dtype)[:, None].expand(shape),
            "log_light": sources.log_light.to(dtype)[:, None].expand(shape),
            "end_m": sources.end_m.to(dtype)[:, None].expand(shape),
        }

    def along(
        self, hypothesis: Hypothesis, slopes: Mapping[str, Float[Tensor, "job point"]]
    ) -> Float[Tensor, "job point free"]:
        """Turn derivatives by the leaves into those along the free moves of a hypothesis."""
        return torch.stack([self._along_move(MOVES[move], slopes) for move in hypothesis.moves], 2)

    def _along_move(
        self, move: str, slopes: Mapping[str, Float[Tensor, "job point"]]
    ) -> Float[Tensor, "job point"]:
        if move in slopes:
            return slopes[move]
        if move == "shift_along_m":
            return -slopes["along_m"] - self._travel[:, 2:] * slopes["height_m"]
        which = 0 if move in ("turn_first", "shift_first_m") else 1
        side, rise = self._across[..., which], self._tangents[:, 2, which, None]
        across = slopes["across_square_m2"]
        if move.startswith("shift"):
            return -2.0 * side * across - rise * slopes["height_m"]
        return side * (slopes["along_m"] - 2.0 * self._along * across) + rise * slopes["travel_z"]

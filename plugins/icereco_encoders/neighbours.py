"""Nearest neighbours among the DOMs of each event, in pure torch."""

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from icereco.nn.length_groups import Group

__all__ = ["Edges", "nearest"]

MOST_DISTANCES = 1 << 22
"""Distances computed at once; larger events are processed in pieces."""

NUDGE = (3.1e-4, 1.7e-4, 5.3e-4)
"""Neighbours are searched from a place slightly displaced from each DOM, in units of its coordinates.

On a string the DOMs above and below are equally far: which of them is among the nearest must not depend on the order of
the DOMs, nor on rounding.
"""


@dataclass(frozen=True, slots=True)
class Edges:
    """`X` edges, those of a DOM one after another.

    Attributes:
        source: int64 `[X]`, the row of the neighbour.
        target: int64 `[X]`, the row of the DOM whose neighbour it is, ascending.
        offsets: int64 `[D+1]`, where each DOM's edges begin and end.
    """

    source: Int[Tensor, "edge"]
    target: Int[Tensor, "edge"]
    offsets: Int[Tensor, "dom_plus_1"]


@torch.no_grad()
def nearest(points: Float[Tensor, "dom 3"], groups: list[Group], count: int) -> Edges:
    """The `count` nearest other DOMs of each DOM's event, or all others where there are fewer."""
    rows, device = len(points), points.device
    parts = [_nearest_in(points.float(), group, count) for group in groups]
    source = torch.cat([part[0] for part in parts] or [torch.empty(0, dtype=torch.int64, device=device)])
    target = torch.cat([part[1] for part in parts] or [torch.empty(0, dtype=torch.int64, device=device)])
    order = torch.argsort(target, stable=True)
    degree = torch.bincount(target, minlength=rows)
    return Edges(source[order], target[order], torch.nn.functional.pad(degree.cumsum(0), (1, 0)))


def _nearest_in(
    points: Float[Tensor, "dom 3"], group: Group, count: int
) -> tuple[Int[Tensor, "edge"], Int[Tensor, "edge"]]:
    events, longest = group.index.shape
    wanted = min(count, longest - 1)
    if wanted == 0:
        empty = group.index.new_empty(0)
        return empty, empty
    here = points[group.index]
    places = torch.arange(longest, device=points.device)
    sources, targets = [], []
    for some in places.split(max(MOST_DISTANCES // (events * longest), 1)):
        square = _square_distances(here[:, some] + here.new_tensor(NUDGE), here)
        unfit = ~group.real[:, None, :] | (some[:, None] == places)
        distance, neighbour = square.masked_fill_(unfit, float("inf")).topk(wanted, largest=False)
        edge = distance.isfinite() & group.real[:, some, None]
        sources.append(group.index[:, None, :].expand(-1, len(some), -1).gather(2, neighbour)[edge])
        targets.append(group.index[:, some, None].expand_as(neighbour)[edge])
    return torch.cat(sources), torch.cat(targets)


def _square_distances(
    first: Float[Tensor, "event row 3"], second: Float[Tensor, "event dom 3"]
) -> Float[Tensor, "event row dom"]:
    """By differences: the usual shortcut through products loses the last digits, and with them which one is nearer."""
    axes = zip(first.unbind(-1), second.unbind(-1), strict=True)
    parts = [(one.unsqueeze(-1) - other.unsqueeze(-2)).square_() for one, other in axes]
    return parts[0].add_(parts[1]).add_(parts[2])

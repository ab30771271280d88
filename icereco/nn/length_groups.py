"""Groups of events of similar size, for computations on all pairs of an event's DOMs.

Pairs need a dense array. Padding all events to the longest wastes most of it; one array for each length means many
tiny ones. So events are sorted by length and grouped with those that are at most an eighth (or two DOMs) longer.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

__all__ = ["Group", "length_groups", "ungrouped"]

MOST_PAIRS = 1 << 21
"""Most pairs in a group of several events: larger arrays leave the cache and are no faster."""


@dataclass(frozen=True, slots=True)
class Group:
    """`G` events of at most `L` DOMs.

    Attributes:
        index: int64 `[G, L]`, the rows of the DOMs; a padded place repeats a row of its own event.
        real: bool `[G, L]`, which places are not padding.
    """

    index: Int[Tensor, "event dom"]
    real: Bool[Tensor, "event dom"]

    @property
    def pairs(self) -> int:
        """Entries of an array with all pairs."""
        return self.index.shape[0] * self.index.shape[1] ** 2


def length_groups(offsets: Int[Tensor, "event_plus_1"]) -> list[Group]:
    """Groups of the events that have DOMs, the shortest first."""
    lengths, order = torch.sort(offsets.diff(), stable=True)
    starts, sizes = offsets[:-1][order], lengths.tolist()
    groups = []
    first = next((i for i, size in enumerate(sizes) if size), len(sizes))
    while first < len(sizes):
        last = first + 1
        longest = max(sizes[first] + 2, sizes[first] * 9 // 8)
        while (
            last < len(sizes)
            and sizes[last] <= longest
            and (last + 1 - first) * sizes[last] ** 2 <= MOST_PAIRS
        ):
            last += 1
        groups.append(_group(starts[first:last], lengths[first:last], sizes[last - 1]))
        first = last
    return groups


def _group(starts: Int[Tensor, "event"], lengths: Int[Tensor, "event"], longest: int) -> Group:
    place = torch.arange(longest, device=starts.device)
    real = place < lengths[:, None]
    return Group(starts[:, None] + torch.where(real, place, 0), real)


def ungrouped(
    parts: list[Float[Tensor, "_ _ *column"]], groups: list[Group], rows: int
) -> Float[Tensor, "row *column"]:
    """Restore the values of the grouped DOMs to the original order of rows."""
    index = torch.cat([group.index[group.real] for group in groups])
    order = torch.empty(rows, dtype=torch.int64, device=index.device)
    order[index] = torch.arange(rows, device=index.device)
    return torch.cat([part[group.real] for part, group in zip(parts, groups, strict=True)])[order]

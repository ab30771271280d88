"""Ragged sequences, reordered so that those of one length lie side by side.

Attention is the only step of a transformer that looks across tokens, so everything else runs on the flat `[N, width]`
array without padding. Sorting the sequences by length once makes every group of equal length a plain view
`[count, length, …]`: attention then needs no padding and no gather either.
"""

from dataclasses import dataclass
from typing import Self

import torch
from jaxtyping import Float, Int
from torch import Tensor

__all__ = ["Sequences", "split_groups"]


@dataclass(frozen=True, slots=True)
class Sequences:
    """`S` sequences of `N` tokens in all, sorted by length.

    Attributes:
        token_order: int64 `[N]`; sorted tokens are `tokens[token_order]`.
        sequence_order: int64 `[S]`; sorted sequence `i` was sequence `sequence_order[i]`.
        offsets: int64 `[S+1]` of the sorted sequences.
        groups: (length, count) of each run of equal lengths, shortest first.
    """

    token_order: Int[Tensor, "token"]
    sequence_order: Int[Tensor, "sequence"]
    offsets: Int[Tensor, "sequence_plus_1"]
    groups: tuple[tuple[int, int], ...]

    @classmethod
    def from_offsets(cls, offsets: Int[Tensor, "sequence_plus_1"]) -> Self:
        """Sort the sequences `offsets[i]:offsets[i+1]` by length, keeping the order among equals."""
        lengths, order = torch.sort(offsets.diff(), stable=True)
        sorted_offsets = torch.cat([offsets.new_zeros(1), lengths.cumsum(0)])
        shift = offsets[:-1][order] - sorted_offsets[:-1]
        tokens = torch.arange(int(offsets[-1]), device=offsets.device) + shift.repeat_interleave(lengths)
        values, counts = torch.unique_consecutive(lengths, return_counts=True)
        groups = tuple(zip(values.tolist(), counts.tolist(), strict=True))
        return cls(tokens, order, sorted_offsets, groups)

    @property
    def tokens(self) -> int:
        """How many tokens there are."""
        return sum(length * count for length, count in self.groups)

    @property
    def alone(self) -> int:
        """How many tokens, the first ones, are alone in their sequence."""
        return sum(length * count for length, count in self.groups if length <= 1)

    @property
    def company(self) -> "Sequences":
        """The sequences of two tokens and more; its tokens are those after the first `alone`."""
        skipped = sum(count for length, count in self.groups if length <= 1)
        offsets = self.offsets[skipped:] - self.alone
        groups = tuple(group for group in self.groups if group[0] > 1)
        return Sequences(self.token_order[self.alone :], self.sequence_order[skipped:], offsets, groups)

    def restore(self, per_sequence: Float[Tensor, "sequence width"]) -> Float[Tensor, "sequence width"]:
        """Rows of the sorted sequences back in the order that the sequences came in."""
        inverse = torch.empty_like(self.sequence_order)
        inverse[self.sequence_order] = torch.arange(len(inverse), device=inverse.device)
        return per_sequence.index_select(0, inverse)

    def split(self, tokens: Tensor) -> list[Tensor]:
        """Sorted tokens `[N, …]` as one view `[count, length, …]` for each group of equal length."""
        return split_groups(tokens, self.groups)

    def mean(self, tokens: Float[Tensor, "token width"]) -> Float[Tensor, "sequence width"]:
        """The mean of each sorted sequence's tokens; zero for a sequence without tokens."""
        means = [part.sum(1) / max(part.shape[1], 1) for part in self.split(tokens)]
        return torch.cat(means) if means else tokens


def split_groups(tokens: Tensor, groups: tuple[tuple[int, int], ...]) -> list[Tensor]:
    """Tokens `[N, …]` in runs of sequences of equal length, as one view `[count, length, …]` for each (length, count)."""
    parts = torch.split(tokens, [length * count for length, count in groups])
    return [part.unflatten(0, (count, length)) for part, (length, count) in zip(parts, groups, strict=True)]

"""The processes that train one model together, each on its share of the batches of every step.

They are the ranks of torch.distributed: number 0 leads, which writes the run and obeys orders, the others follow. Messages
go through gloo, gradients on GPUs through NCCL. Everything that decides how a training goes on is the same for all, so
that none waits for a message that another does not send.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from itertools import islice
from typing import TypeVar

import torch
from jaxtyping import Float
from torch import Tensor, distributed, nn
from torch.nn.parallel import DistributedDataParallel

from icereco.errors import IcerecoError

__all__ = ["ALONE", "RankLostError", "Ranks", "without_averaging"]

Item = TypeVar("Item")
Made = TypeVar("Made")

_SEEDS = 2**63 - 1
_SYNC = "set_requires_gradient_sync"
"""What modules have that are divided; their class is half a second of imports."""


class RankLostError(IcerecoError):
    """Another process of the training has ended."""


@dataclass(frozen=True, slots=True)
class Ranks:
    """One of the processes of a training; alone by default. Every method but `seed` must be called by all of them.

    Attributes:
        number: of this process, from 0.
        count: how many there are.
    """

    number: int = 0
    count: int = 1

    @property
    def leads(self) -> bool:
        """Whether this process writes the run."""
        return self.number == 0

    def total(self, values: Sequence[float]) -> list[float]:
        """Sum the values over all processes, place by place."""
        if self.count == 1:
            return list(values)
        sums = torch.tensor(values, dtype=torch.float64)
        distributed.all_reduce(sums)
        return [float(one) for one in sums.tolist()]

    def any(self, flag: bool) -> bool:
        """Whether the flag is set in any process."""
        return self.total([float(flag)])[0] > 0

    def gathered(self, item: Item) -> list[Item]:
        """What each process has, by its number; it is pickled on the way."""
        items: list[Item] = [item] * self.count
        if self.count > 1:
            distributed.all_gather_object(items, item)
        return items

    def of_leader(self, item: Item | None) -> Item | None:
        """What the leader has; the others pass None."""
        items = [item]
        if self.count > 1:
            distributed.broadcast_object_list(items, src=0, device=torch.device("cpu"))
        return items[0]

    def dealt(self, items: Iterable[Item], make: Callable[[Item], Made]) -> Iterator[tuple[Item, Made]]:
        """Each item with what `make` makes of it in one of the processes, in order."""
        rest = iter(items)
        while hand := list(islice(rest, self.count)):
            made = make(hand[self.number]) if self.number < len(hand) else None
            for item, one in zip(hand, self.gathered(made), strict=False):
                assert one is not None  # only those without an item make nothing
                yield item, one

    def averaging(self, model: nn.Module) -> nn.Module:
        """Wrap a model so that each backward pass averages its gradients; its weights become those of the leader.

        Which weights a batch uses depends on its events, so those that it does not use are looked for. This also keeps the
        order of the sums, which must not change when a training is resumed.
        """
        if self.count == 1:
            return model
        return DistributedDataParallel(model, find_unused_parameters=True)

    def spread(
        self,
        make: Callable[[Float[Tensor, "matrix row column"]], Float[Tensor, "matrix row column"]],
        matrices: Float[Tensor, "matrix row column"],
    ) -> Float[Tensor, "matrix row column"]:
        """`make` of a stack of matrices that all processes have, each making a part."""
        if self.count == 1:
            return make(matrices)
        each = -(-len(matrices) // self.count)
        filled = nn.functional.pad(matrices, (0, 0, 0, 0, 0, each * self.count - len(matrices)))
        own = make(filled[self.number * each : (self.number + 1) * each]).contiguous()
        parts = [torch.empty_like(own) for _ in range(self.count)]
        distributed.all_gather(parts, own)
        return torch.cat(parts)[: len(matrices)]

    def joined_rows(
        self, own: Float[Tensor, "matrix own_row column"], rows: int
    ) -> Float[Tensor, "matrix row column"]:
        """Whole matrices, of which each process has as many rows, in its turn; the last ones have what is left."""
        each = -(-rows // self.count)
        filled = nn.functional.pad(own, (0, 0, 0, each - own.shape[1])).contiguous()
        parts = [torch.empty_like(filled) for _ in range(self.count)]
        distributed.all_gather(parts, filled)
        return torch.cat(parts, 1)[:, :rows]

    def own_rows(self, whole: Float[Tensor, "matrix row column"]) -> Float[Tensor, "matrix own_row column"]:
        """The rows that this process has of whole matrices, as `joined_rows` has joined them."""
        each = -(-whole.shape[1] // self.count)
        return whole[:, self.number * each : (self.number + 1) * each]

    def seed(self, seed: int, step: int) -> None:
        """Give each process its own random numbers at every step, which are the same in a training that is resumed."""
        if self.count > 1:
            torch.manual_seed(((seed << 40) + step * self.count + self.number) & _SEEDS)

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Say what has happened where a message fails because another process has ended.

        Raises:
            RankLostError: instead of the error of torch.
        """
        try:
            yield
        except RuntimeError as error:
            if self.count == 1 or not _lost(error):
                raise
            raise RankLostError(
                f"another of the {self.count} processes of this training has ended"
            ) from error


ALONE = Ranks()
"""A training by one process."""


def without_averaging(model: nn.Module, wanted: bool) -> AbstractContextManager[None]:
    """Add gradients up in each process for itself in this block, where that is wanted."""
    if not wanted:
        return nullcontext()
    if isinstance(model, DistributedDataParallel):
        return model.no_sync()
    return _without_dividing([part for part in model.modules() if hasattr(part, _SYNC)])


@contextmanager
def _without_dividing(parts: Sequence[nn.Module]) -> Iterator[None]:
    """Keep the gradients of modules that are divided whole in this block."""
    for part in parts:
        getattr(part, _SYNC)(False, recurse=False)
    try:
        yield
    finally:
        for part in parts:
            getattr(part, _SYNC)(True, recurse=False)


def _lost(error: RuntimeError) -> bool:
    """Whether an error is one of the connection: gloo raises no class of its own."""
    said = str(error)
    return isinstance(error, distributed.DistError) or any(
        word in said for word in ("gloo", "Connection closed", "Connection reset", "NCCL")
    )

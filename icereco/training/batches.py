"""What a training takes its events from."""

from collections.abc import Iterator
from typing import Protocol, runtime_checkable

from icereco.events.batch import EventBatch

__all__ = ["Batches"]


@runtime_checkable
class Batches(Protocol):
    """Training events, in an order that (seed, epoch) fixes."""

    def __len__(self) -> int:
        """The number of events."""
        ...

    def epoch(self, epoch: int, start_batch: int = 0) -> Iterator[EventBatch]:
        """The batches of an epoch, from the `start_batch`th on."""
        ...

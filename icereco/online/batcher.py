"""Requests that come at about the same time, computed together in one thread; and a bound on how many may wait."""

import asyncio
import math
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass

import pyarrow as pa

from icereco.errors import IcerecoError

__all__ = ["Batcher", "FullError"]

Compute = Callable[[Sequence[pa.RecordBatch]], list[pa.RecordBatch | IcerecoError]]

_LONGEST_RETRY_SECONDS = 60
_SMOOTHING = 0.2


class FullError(Exception):
    """Too much is waiting already.

    Attributes:
        retry_seconds: when there may be room.
    """

    def __init__(self, retry_seconds: int) -> None:
        super().__init__(retry_seconds)
        self.retry_seconds = retry_seconds


@dataclass(frozen=True, slots=True, eq=False)
class _Waiting:
    rows: pa.RecordBatch
    weight: int
    arrived: float
    answer: asyncio.Future[pa.RecordBatch]


class Batcher:
    """Gathers requests until there are enough for one call, or the first has waited long enough.

    Weights are those of `icereco.online.request_events.Asked`: about one for each pulse and event.

    Attributes:
        held: weight of what has been accepted and is not answered.
        batches: how many calls there were.
    """

    def __init__(self, compute: Compute, weight_per_call: int, most_held: int, wait_seconds: float) -> None:
        self.held = self.batches = 0
        self._compute, self._weight_per_call = compute, weight_per_call
        self._most_held, self._wait_seconds = most_held, wait_seconds
        self._waiting: deque[_Waiting] = deque()
        self._came, self._ending = asyncio.Event(), False
        self._thread = ThreadPoolExecutor(1, "icereco-compute")
        self._weight_per_second = 0.0

    @property
    def waiting(self) -> int:
        """How many requests wait for their call."""
        return len(self._waiting)

    async def answer(self, rows: pa.RecordBatch, weight: int) -> pa.RecordBatch:
        """Reconstruct checked events, with those of others.

        Raises:
            FullError: too much is waiting. A request alone is never too large.
            IcerecoError: the method fails with these events.
        """
        self.require_room(weight)
        one = _Waiting(rows, weight, time.monotonic(), asyncio.get_running_loop().create_future())
        self.held += weight
        self._waiting.append(one)
        self._came.set()
        try:
            return await one.answer
        finally:
            self.held -= weight

    def require_room(self, weight: int = 1) -> None:
        """Raise a FullError where so much more may not wait."""
        if self.held and self.held + weight > self._most_held:
            seconds = self.held / self._weight_per_second if self._weight_per_second else 1.0
            raise FullError(min(max(math.ceil(seconds), 1), _LONGEST_RETRY_SECONDS))

    async def run(self) -> None:
        """Compute until `end` was called and everything is answered."""
        try:
            while await self._is_there():
                await self._gather()
                await self._call(self._taken())
        finally:
            self._thread.shutdown(wait=False)

    def end(self) -> None:
        """Let `run` end once nothing waits."""
        self._ending = True
        self._came.set()

    async def _is_there(self) -> bool:
        while not self._waiting and not self._ending:
            self._came.clear()
            await self._came.wait()
        return bool(self._waiting)

    async def _gather(self) -> None:
        """Wait for company, but not longer than the first request may wait."""
        end = self._waiting[0].arrived + self._wait_seconds
        while sum(one.weight for one in self._waiting) < self._weight_per_call and not self._ending:
            left = end - time.monotonic()
            if left <= 0:
                return
            self._came.clear()
            with suppress(TimeoutError):
                await asyncio.wait_for(self._came.wait(), left)

    def _taken(self) -> list[_Waiting]:
        """The first request, and those after it for which there is room in one call."""
        taken = [self._waiting.popleft()]
        room = self._weight_per_call - taken[0].weight
        while self._waiting and self._waiting[0].weight <= room:
            taken.append(self._waiting.popleft())
            room -= taken[-1].weight
        return taken

    async def _call(self, taken: Sequence[_Waiting]) -> None:
        begun = time.monotonic()
        loop = asyncio.get_running_loop()
        try:
            answers = await loop.run_in_executor(self._thread, self._compute, [one.rows for one in taken])
        except Exception as error:  # that of a request is among the answers: this is a fault of ours
            answers = [IcerecoError(f"{type(error).__name__}: {error}")] * len(taken)
        self.batches += 1
        rate = sum(one.weight for one in taken) / max(time.monotonic() - begun, 1e-6)
        self._weight_per_second += (_SMOOTHING if self._weight_per_second else 1.0) * (
            rate - self._weight_per_second
        )
        for one, answer in zip(taken, answers, strict=True):
            if one.answer.done():  # whoever asked has gone
                continue
            if isinstance(answer, IcerecoError):
                one.answer.set_exception(answer)
            else:
                one.answer.set_result(answer)

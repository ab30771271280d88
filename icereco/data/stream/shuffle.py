"""The order of an epoch: blocks of all data sets shuffled, and cut into windows within which events are shuffled."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from jaxtyping import Float, Int
from numpy import ndarray

from icereco.data.store.rows import Rows
from icereco.data.store.split_by_hash import EXACT_EVENTS
from icereco.data.store.store import Store
from icereco.tables.columns import lengths

__all__ = ["BlockRows", "Portion", "consecutive_windows", "part_order", "shuffled_windows"]

_WINDOW_PULSES = 8_000_000


@dataclass(frozen=True, slots=True)
class Portion:
    """Events of one store, and how often an epoch sees them.

    Attributes:
        store: where the events are.
        rows: which of its events; None means all.
        weight: how often an epoch sees each: 0.3 means another 30 % in each epoch, 2 means each twice.
    """

    store: Store
    rows: Rows | None = None
    weight: float = 1.0

    def __len__(self) -> int:
        return round(self.weight * (len(self.store) if self.rows is None else len(self.rows)))

    def within(self, event_id: Int[ndarray, "event"], first_row: int) -> Int[ndarray, "chosen"]:
        """See `icereco.data.store.rows.Rows`."""
        return np.arange(len(event_id)) if self.rows is None else self.rows.within(event_id, first_row)

    def blocks(self) -> Int[ndarray, "block"]:
        """The blocks that may hold any of these events, ascending."""
        offsets = self.store.block_offsets
        return np.arange(len(offsets) - 1) if self.rows is None else self.rows.blocks(offsets)

    def row_numbers(self) -> Int[ndarray, "event"]:
        """The rows of all these events; looks at every event id."""
        offsets, rows = self.store.block_offsets, [np.empty(0, np.int64)]
        numbers = self.blocks()
        for some in np.array_split(numbers, max(len(numbers) // 256, 1)):
            for number, block in zip(some.tolist(), self.store.blocks(some.tolist()), strict=True):
                first = int(offsets[number])
                rows.append(first + self.within(block.column("event_id").to_numpy(), first))
        return np.concatenate(rows)


@dataclass(frozen=True, slots=True, eq=False)
class BlockRows:
    """The chosen events of one block.

    Attributes:
        block: as it lies in the store.
        chosen: which of its events, ascending.
    """

    block: pa.RecordBatch
    chosen: Int[ndarray, "event"]

    @property
    def pulses(self) -> Int[ndarray, "event"]:
        """Pulses of each event."""
        counts: ndarray = lengths(self.block.column("time"))[self.chosen]
        return counts

    @property
    def doms(self) -> Int[ndarray, "event"]:
        """Hit DOMs of each event."""
        counts: ndarray = lengths(self.block.column("dom_sensor_id"))[self.chosen]
        return counts


@dataclass(frozen=True, slots=True)
class _Order:
    """Blocks in some order: number `[B]`, of which portion `[B]`, and what part of their events is seen `[B]`."""

    portion: Int[ndarray, "block"]
    block: Int[ndarray, "block"]
    share: Float[ndarray, "block"]


def shuffled_windows(
    portions: Sequence[Portion], seed: int, epoch: int, window_blocks: int
) -> Iterator[list[BlockRows]]:
    """The windows of an epoch: about equally many blocks in each, fewer where these are bright."""
    order = _shuffled(portions, seed, epoch)
    start = 0
    while start < len(order.block):
        left = len(order.block) - start
        count = -(-left // -(-left // window_blocks))
        window = _fitting(_window(portions, order, range(start, start + count), (seed, epoch)))
        yield window
        start += len(window)


def consecutive_windows(portion: Portion, window_blocks: int) -> Iterator[list[BlockRows]]:
    """All blocks of a portion in the order of its store."""
    blocks = portion.blocks()
    order = _Order(np.zeros_like(blocks), blocks, np.ones(len(blocks)))
    start = 0
    while start < len(blocks):
        places = range(start, min(start + window_blocks, len(blocks)))
        window = _fitting(_window([portion], order, places, (0, 0)))
        yield window
        start += len(window)


def _fitting(window: list[BlockRows]) -> list[BlockRows]:
    """The leading blocks that have no more pulses than a window may hold; at least one."""
    ends = np.cumsum([int(rows.pulses.sum(dtype=np.int64)) for rows in window])
    return window[: max(1, int(np.searchsorted(ends, _WINDOW_PULSES, side="right")))]


def _window(
    portions: Sequence[Portion], order: _Order, places: range, seed: tuple[int, int]
) -> list[BlockRows]:
    """The blocks at these places of an order."""
    window: dict[int, BlockRows] = {}
    for number, portion in enumerate(portions):
        own = [place for place in places if order.portion[place] == number]
        blocks = order.block[own].tolist()
        for place, block, batch in zip(own, blocks, portion.store.blocks(blocks), strict=True):
            first_row = int(portion.store.block_offsets[block])
            chosen = portion.within(batch.column("event_id").to_numpy(), first_row)
            share = float(order.share[place])
            window[place] = BlockRows(batch, _sample(chosen, share, [*seed, number, block]))
    return [window[place] for place in places]


def _sample(chosen: Int[ndarray, "event"], share: float, seed: list[int]) -> Int[ndarray, "some"]:
    if share >= 1:
        return chosen
    random = np.random.default_rng(seed)
    return chosen[random.random(len(chosen)) < share]


def _shuffled(portions: Sequence[Portion], seed: int, epoch: int) -> _Order:
    """Every block at a random place of the epoch; those of parts that are prepared later, later."""
    random = np.random.default_rng([seed, epoch])
    columns: list[tuple[ndarray, ndarray, ndarray, ndarray]] = []
    for number, portion in enumerate(portions):
        blocks = portion.blocks()
        low, high = _span(portion.store, blocks, seed, staged=epoch == 0)
        for share in _shares(portion.weight):
            place = low + (high - low) * random.random(len(blocks))
            columns.append((place, np.full(len(blocks), number), blocks, np.full(len(blocks), share)))
    keys, numbers, every_block, shares = (np.concatenate(column) for column in zip(*columns, strict=True))
    order = np.argsort(keys, kind="stable")
    return _Order(numbers[order], every_block[order], shares[order])


def _shares(weight: float) -> list[float]:
    whole = int(weight)
    rest = weight - whole
    return [1.0] * whole + ([rest] if rest > 1e-9 else [])


def part_order(store: Store, seed: int) -> list[int]:
    """In what order an epoch that begins before the store is whole needs its parts: the first, then any."""
    remaining = np.arange(1, len(store.geometry.part_events))
    return [0, *np.random.default_rng([seed, 2]).permutation(remaining).tolist()]


def _span(
    store: Store, blocks: Int[ndarray, "block"], seed: int, *, staged: bool
) -> tuple[Float[ndarray, "block"], Float[ndarray, "block"]]:
    """From and to which part of an epoch these blocks are spread, 0 to 1.

    A training that begins while parts are still being prepared takes them in stages: the first file of the first part,
    the rest of it, then 2, 4, 8, … parts, within which all blocks are shuffled. This depends on the data alone, not on
    what is prepared already.
    """
    geometry = store.geometry
    sizes = np.diff(geometry.first_block)
    low, high = np.zeros(sizes.sum()), np.ones(sizes.sum())
    if staged and len(store) > EXACT_EVENTS:
        order = np.array(part_order(store, seed))
        stages = np.split(order, 2 ** np.arange(1, len(order).bit_length() + 1) - 1)
        head = np.arange(min(geometry.blocks_per_shard, sizes[0]))
        parts = [
            np.concatenate([np.arange(*geometry.first_block[[p, p + 1]]) for p in s])
            for s in stages
            if len(s)
        ]
        end = 0.0
        for stage in (head, np.setdiff1d(parts[0], head), *parts[1:]):
            start, end = end, end + len(stage) / len(low)
            low[stage], high[stage] = start, end
    return low[blocks], high[blocks]

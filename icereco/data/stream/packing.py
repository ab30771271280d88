"""Batches by what they cost: events are put together until a budget of pulses, DOMs or events is full."""

import heapq
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int
from numpy import ndarray
from numpy.random import Generator

__all__ = ["Budget", "Filling", "fill_evenly", "fill_in_order"]

_BIG_SHARE = 0.05


@dataclass(frozen=True, slots=True)
class Budget:
    """The most that a batch may hold; an event beyond it is a batch of its own, and is never cut.

    Attributes:
        pulses: of all events of the batch.
        doms: hit DOMs of all events of the batch.
        events: number of events.
    """

    pulses: int = 32_768
    doms: int = 16_384
    events: int = 1_024

    def __post_init__(self) -> None:
        if min(self.pulses, self.doms, self.events) < 1:
            raise ValueError(f"a budget of {self} holds nothing")

    def shares(self, pulses: Int[ndarray, "event"], doms: Int[ndarray, "event"]) -> Float[ndarray, "3 event"]:
        """What part of each limit an event takes."""
        return np.stack([pulses / self.pulses, doms / self.doms, np.full(len(pulses), 1 / self.events)])


@dataclass(frozen=True, slots=True, eq=False)
class Filling:
    """Events arranged in batches: batch `b` is `order[offsets[b]:offsets[b+1]]`.

    Attributes:
        order: int64 `[E]`, each event once.
        offsets: int64 `[B+1]`; no batch is empty.
    """

    order: Int[ndarray, "event"]
    offsets: Int[ndarray, "batch_plus_1"]

    def __len__(self) -> int:
        return len(self.offsets) - 1


def fill_in_order(pulses: Int[ndarray, "event"], doms: Int[ndarray, "event"], budget: Budget) -> Filling:
    """Consecutive events, as many as fit."""
    totals = [np.concatenate([[0], np.cumsum(count, dtype=np.int64)]) for count in (pulses, doms)]
    offsets = [0]
    while offsets[-1] < len(pulses):
        start = offsets[-1]
        ends = [
            int(np.searchsorted(total, total[start] + limit, side="right")) - 1
            for total, limit in zip(totals, (budget.pulses, budget.doms), strict=True)
        ]
        offsets.append(max(start + 1, min(*ends, start + budget.events, len(pulses))))
    return Filling(np.arange(len(pulses)), np.array(offsets))


def fill_evenly(
    pulses: Int[ndarray, "event"],
    doms: Int[ndarray, "event"],
    budget: Budget,
    random: Generator,
) -> Filling:
    """Batches drawn at random, all of about the same cost, as few as the budget allows.

    Bright events are dealt out first, each to the batch that has least; the dim ones fill the batches to one level in
    random order. So every batch mixes bright and dim events as the data do, and steps take equally long.
    """
    shares = budget.shares(pulses, doms)
    alone = shares.max(axis=0) > 1
    batch = np.empty(len(pulses), np.int64)
    batch[alone] = np.arange(alone.sum())
    batch[~alone] = alone.sum() + _even_batches(shares[:, ~alone], random)
    _, batch = np.unique(batch, return_inverse=True)
    count = int(batch.max(initial=-1)) + 1
    batch = random.permutation(count)[batch]
    return Filling(
        np.argsort(batch, kind="stable"),
        np.concatenate([[0], np.cumsum(np.bincount(batch, minlength=count))]),
    )


def _even_batches(shares: Float[ndarray, "3 event"], random: Generator) -> Int[ndarray, "event"]:
    """A batch number for each event so that no batch exceeds any limit."""
    # An event costs what it takes of the limit it strains most: batches whose costs add up to one exceed none.
    cost = shares.max(axis=0)
    brightest = np.flatnonzero(cost > _BIG_SHARE)
    brightest = brightest[np.argsort(-cost[brightest], kind="stable")]
    dim = random.permutation(np.flatnonzero(cost <= _BIG_SHARE))
    # Rounding must not ask for one batch more than exactly full ones.
    count = max(1, int(np.ceil(cost.sum() - 1e-9)))
    while True:
        batch = _deal(cost, brightest, dim, count)
        fullest = max((np.bincount(batch, share).max(initial=0) for share in shares), default=0)
        if fullest <= 1 + 1e-9:
            return batch
        count = max(count + 1, int(count * 1.02))


def _deal(
    cost: Float[ndarray, "event"],
    brightest: Int[ndarray, "bright"],
    dim: Int[ndarray, "dim"],
    count: int,
) -> Int[ndarray, "event"]:
    """Bright events, from the brightest on, each to the batch that holds least; then the dim ones to one level."""
    batch = np.empty(len(cost), np.int64)
    load = np.zeros(count)
    bins = [(0.0, number) for number in range(count)]
    for event in brightest.tolist():
        filled, number = bins[0]
        batch[event] = number
        load[number] = filled + cost[event]
        heapq.heapreplace(bins, (load[number], number))
    poured = cost[dim]
    room = np.maximum(_level(load, float(poured.sum())) - load, 0)
    middles = np.cumsum(poured) - poured / 2
    batch[dim] = np.minimum(np.searchsorted(np.cumsum(room), middles), count - 1)
    return batch


def _level(load: Float[ndarray, "batch"], poured: float) -> float:
    """The level to which `poured` fills bins that hold `load`, as water would."""
    low = np.sort(load)
    levels = (poured + np.cumsum(low)) / np.arange(1, len(low) + 1)
    return float(levels[np.argmax(levels <= np.append(low[1:], np.inf))])

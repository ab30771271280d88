"""Which events train and which validate: told from the event id alone, so that no event is ever in both."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Int, UInt
from numpy import ndarray

from icereco.data.store import Store
from icereco.errors import IcerecoError

__all__ = ["Split", "hash_ids", "split", "split_ids"]


@dataclass(frozen=True, slots=True, eq=False)
class Split:
    """Row numbers of a store, ascending, int64.

    Attributes:
        train: rows to train on.
        validation: rows to validate on.
        description: how they were told apart, to be kept with a run.
    """

    train: Int[ndarray, "train"]
    validation: Int[ndarray, "validation"]
    description: str


def split(
    store: Store,
    *,
    validation_fraction: float | None = None,
    validation_count: int | None = None,
    seed: int = 0,
) -> Split:
    """Split a store by hash of event id: the same ids are split the same way in any file, in any order.

    Args:
        store: the events.
        validation_fraction: about this part of the events validates, or
        validation_count: this many do: those with the smallest hashes (more only where hashes are equal).
        seed: another seed, another split.

    Raises:
        IcerecoError: one part would be empty.
    """
    chosen = split_ids(store.column("event_id"), validation_fraction, validation_count, seed)
    if not 0 < chosen.sum() < len(chosen):
        raise IcerecoError(
            f"{store.folder}: of {len(chosen)} events {int(chosen.sum())} would validate; "
            "both training and validation need at least one: use more events, or another validation part"
        )
    asked = (
        f"{validation_count} events"
        if validation_fraction is None
        else f"{validation_fraction:g} of the events"
    )
    description = f"validation: {asked} by splitmix64 of event_id, seed {seed}"
    return Split(np.flatnonzero(~chosen), np.flatnonzero(chosen), description)


def split_ids(
    event_id: Int[ndarray, "event"], fraction: float | None, count: int | None, seed: int
) -> ndarray:
    """Whether each event validates, bool `[E]`."""
    if (fraction is None) == (count is None):
        raise ValueError("give either validation_fraction or validation_count")
    hashed = hash_ids(event_id, seed)
    if count is not None and not 0 < count < len(hashed):
        return np.full(len(hashed), count > 0)
    if count is not None:
        limit = np.partition(hashed, count - 1)[count - 1]
    else:
        limit = np.uint64(min(max(fraction or 0.0, 0.0), 1 - 2**-53) * 2.0**64)
    validates: ndarray = hashed <= limit
    return validates


def hash_ids(event_id: Int[ndarray, "event"], seed: int) -> UInt[ndarray, "event"]:
    """Uniform 64-bit hashes of ids: the splitmix64 finaliser (Steele, Lea, Flood 2014), twice for the seed."""
    start = _mix(np.array([seed & (2**64 - 1)], np.uint64))
    return _mix(event_id.astype(np.uint64) ^ start)


def _mix(value: UInt[ndarray, "event"]) -> UInt[ndarray, "event"]:
    value = value + np.uint64(0x9E3779B97F4A7C15)
    value = (value ^ (value >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    value = (value ^ (value >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    value ^= value >> np.uint64(31)
    return value

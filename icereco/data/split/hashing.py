"""Event ids, hashed: a split that depends on nothing but the id."""

import numpy as np
from jaxtyping import Int, UInt
from numpy import ndarray

__all__ = ["hash_ids"]


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

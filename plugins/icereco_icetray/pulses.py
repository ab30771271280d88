"""Pulses of one event, module by module: I3RecoPulseSeriesMap and what is made of such maps."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int
from numpy import ndarray

from icereco_icetray.archive import Archive, BlobError

__all__ = ["PulseMap", "om_key", "parts_of_key", "read_pulse_map", "union"]

_LOCAL_COINCIDENCE = 1
_VALUES = {
    0: [("time", "<f8"), ("hit", "<i4"), ("charge", "<f8"), ("width", "<f8")],
    1: [("time", "<f8"), ("hit", "<i4"), ("charge", "<f8"), ("width", "<f8"), ("source", "<i4")],
    2: [("time", "<f4"), ("charge", "<f4"), ("width", "<f4"), ("flags", "u1")],
    3: [("time", "<f8"), ("charge", "<f4"), ("width", "<f4"), ("flags", "u1")],
}
"""What a pulse is made of, by the version of its class (`dataclasses` of icetray)."""
_STRING_STEP = 1 << 40
_OM_STEP = 1 << 8


@dataclass(frozen=True, slots=True, eq=False)
class PulseMap:
    """The pulses of one event.

    Attributes:
        key: int64 `[K]`, ascending, of `om_key`; a module may have no pulses.
        count: int64 `[K]`, pulses of each module.
        time_ns: float64 `[P]`, from the start of the event, by module.
        charge_pe: float32 `[P]`.
        coincident: bool `[P]`, whether in hard local coincidence.
    """

    key: Int[ndarray, "module"]
    count: Int[ndarray, "module"]
    time_ns: Float[ndarray, "pulse"]
    charge_pe: Float[ndarray, "pulse"]
    coincident: Bool[ndarray, "pulse"]

    def __len__(self) -> int:
        return len(self.time_ns)

    @property
    def key_of_pulse(self) -> Int[ndarray, "pulse"]:
        """The module of each pulse."""
        return np.repeat(self.key, self.count)

    def select(self, chosen: Bool[ndarray, "pulse"]) -> "PulseMap":
        """Some of the pulses; modules that have none of them are left out."""
        ends = np.cumsum(self.count)
        kept = np.concatenate([[0], np.cumsum(chosen)])
        count = kept[ends] - kept[ends - self.count]
        hit = count > 0
        return PulseMap(
            self.key[hit], count[hit], self.time_ns[chosen], self.charge_pe[chosen], self.coincident[chosen]
        )


def om_key(string: ndarray, om: ndarray, pmt: ndarray) -> Int[ndarray, "module"]:
    """One number for (string, om, pmt), in the order of IceTray's OMKey."""
    key: ndarray = string.astype(np.int64) * _STRING_STEP + om.astype(np.int64) * _OM_STEP + pmt
    return key


def parts_of_key(key: Int[ndarray, "module"]) -> tuple[ndarray, ndarray, ndarray]:
    """String, om and pmt of numbers of `om_key`."""
    return key // _STRING_STEP, key % _STRING_STEP // _OM_STEP, key % _OM_STEP


def read_pulse_map(blob: bytes) -> PulseMap:
    """Read an I3RecoPulseSeriesMap.

    Raises:
        BlobError: it is damaged, or of a version that is not supported.
    """
    archive = Archive(blob)
    archive.base()
    archive.info("map")
    modules = archive.count()
    if not modules:
        archive.end()
        nothing = np.zeros(0)
        return PulseMap(
            nothing.astype(np.int64),
            nothing.astype(np.int64),
            nothing,
            nothing.astype(np.float32),
            nothing > 0,
        )
    archive.info("pair")
    keys, places, counts, kind = _modules(archive, modules)
    archive.end()
    of_module = np.frombuffer(b"".join(blob[place : place + 9] for place in keys), _KEY)
    count = np.array(counts)
    bytes_of = memoryview(blob)
    joined = b"".join(
        bytes_of[place : place + n * kind.itemsize] for place, n in zip(places, counts, strict=True)
    )
    return _pulse_map(
        om_key(of_module["string"], of_module["om"], of_module["pmt"]), count, np.frombuffer(joined, kind)
    )


_KEY = np.dtype([("string", "<i4"), ("om", "<u4"), ("pmt", "u1")])


def _modules(archive: Archive, modules: int) -> tuple[list[int], list[int], list[int], np.dtype]:
    """Where the key and the pulses of each module begin, how many these are, and what a pulse looks like."""
    keys, places, counts = list[int](), list[int](), list[int]()
    numbered = 4 * _of_key(archive)
    kind: np.dtype | None = None
    blob = archive.blob
    place, step = archive.place, 0
    for _ in range(modules):
        keys.append(place + numbered)
        place += numbered + 9
        if not places:
            archive.place = place
            archive.info("vector")
            place = archive.place
        count = int.from_bytes(blob[place : place + 4], "little")
        place += 4
        if count and kind is None:
            archive.place = place
            kind = _pulse_type(archive)
            place, step = archive.place, kind.itemsize
        places.append(place)
        counts.append(count)
        place += count * step
        if place > len(blob):
            raise BlobError("it ends early")
    archive.place = place
    return keys, places, counts, kind or np.dtype(_VALUES[3])


def _of_key(archive: Archive) -> bool:
    numbered, version = archive.info("OMKey")
    if version != 2:
        raise BlobError(f"version {version} of OMKey is not supported; 2 is")
    return numbered


def _pulse_type(archive: Archive) -> np.dtype:
    numbered, version = archive.info("I3RecoPulse")
    if version not in _VALUES:
        raise BlobError(f"version {version} of I3RecoPulse is not supported; 0 to 3 are")
    return np.dtype([("id", "<u4")] * numbered + _VALUES[version])


def _pulse_map(key: Int[ndarray, "module"], count: Int[ndarray, "module"], pulses: ndarray) -> PulseMap:
    names = pulses.dtype.names or ()
    if "id" in names and len(pulses) and (np.diff(pulses["id"].astype(np.int64)) <= 0).any():
        raise BlobError("a pulse is a reference to an earlier one, which is not supported")
    if (np.diff(key) <= 0).any():
        raise BlobError("its modules are not in order")
    coincident = (
        (pulses["flags"] & _LOCAL_COINCIDENCE) > 0 if "flags" in names else np.ones(len(pulses), bool)
    )
    return PulseMap(
        key, count, pulses["time"].astype(np.float64), pulses["charge"].astype(np.float32), coincident
    )


def union(maps: list[PulseMap]) -> PulseMap:
    """All pulses of several maps; those of a module in order of time."""
    keys = np.concatenate([one.key_of_pulse for one in maps])
    time = np.concatenate([one.time_ns for one in maps])
    order = np.lexsort((time, keys))
    key, count = np.unique(np.concatenate([keys, *(one.key for one in maps)]), return_counts=True)
    count = np.bincount(np.searchsorted(key, keys), minlength=len(key))
    charge, coincident = (
        np.concatenate([getattr(one, name) for one in maps])[order] for name in ("charge_pe", "coincident")
    )
    return PulseMap(key, count, time[order], charge, coincident)

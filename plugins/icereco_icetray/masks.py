"""Masks: which pulses of another map. They are stored as bits, of modules and of the pulses of each chosen module."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool
from numpy import ndarray

from icereco_icetray.archive import Archive, BlobError
from icereco_icetray.pulses import PulseMap

__all__ = ["Mask", "read_mask"]

_EMPTY_BITS = 64


@dataclass(frozen=True, slots=True, eq=False)
class Mask:
    """A choice of pulses.

    Attributes:
        source: key of the map that they are chosen from.
        modules: bool, which of its modules.
        pulses: bool `[Q]`, which of the pulses of the chosen modules, one module after the other.
        counts: `[M]`, how many bits of `pulses` are of each chosen module.
    """

    source: str
    modules: Bool[ndarray, "module"]
    pulses: Bool[ndarray, "pulse"]
    counts: ndarray

    def apply(self, pulses: PulseMap) -> PulseMap:
        """The chosen pulses.

        Raises:
            BlobError: the mask was made for another map.
        """
        if not self.modules.any():
            return pulses.select(np.zeros(len(pulses), bool))
        fits = len(self.modules) == len(pulses.key)
        if not fits or not np.array_equal(self.counts, pulses.count[self.modules]):
            raise BlobError(f"it chooses from another {self.source!r} than the one in the frame")
        chosen = np.zeros(len(pulses), bool)
        chosen[np.repeat(self.modules, pulses.count)] = self.pulses
        return pulses.select(chosen)


def read_mask(blob: bytes) -> Mask:
    """Read an I3RecoPulseSeriesMapMask.

    Raises:
        BlobError: it is damaged, or of a version that is not known.
    """
    archive = Archive(blob)
    if archive.version > 2:
        raise BlobError(f"version {archive.version} of a mask is not supported; 0 to 2 are")
    archive.base()
    source = archive.text()
    if archive.version == 1:
        archive.number("f")
    archive.info("bitmask")
    modules = _bits(*_bitmask(archive))
    archive.info("vector")
    count = archive.count()
    if archive.version == 0 and not count and len(modules) == _EMPTY_BITS:
        modules = np.zeros(_EMPTY_BITS, bool)
    if count != np.count_nonzero(modules):
        raise BlobError(f"it chooses {np.count_nonzero(modules)} modules, but pulses of {count}")
    parts = [_bitmask(archive) for _ in range(count)]
    archive.end()
    counts = np.array([8 * len(raw) - padding for raw, padding in parts], np.int64)
    stored = np.array([8 * len(raw) for raw, _ in parts], np.int64)
    bits = np.unpackbits(
        np.frombuffer(b"".join(raw for raw, _ in parts), np.uint8), bitorder="little"
    ).astype(bool)
    place = np.arange(len(bits)) - np.repeat(np.cumsum(stored) - stored, stored)
    return Mask(source, modules, bits[place < np.repeat(counts, stored)], counts)


def _bitmask(archive: Archive) -> tuple[bytes, int]:
    place = archive.place
    head = archive.blob[place : place + 3]
    if len(head) < 3:
        raise BlobError("it ends early")
    archive.place = place + 3
    return archive.raw(head[0] | head[1] << 8), head[2]


def _bits(raw: bytes, padding: int) -> Bool[ndarray, "bit"]:
    bits = np.unpackbits(np.frombuffer(raw, np.uint8), bitorder="little").astype(bool)
    return bits[: len(bits) - padding]

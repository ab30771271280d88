"""Checksums of frames: CRC-32C without the usual final inversion in version 6, CRC-16 in version 5."""

import binascii
from functools import cache

import numpy as np
from numpy import ndarray

from icereco_icetray.frames import Frame

__all__ = ["checksum_of", "crc32c", "is_intact"]

_POLYNOMIAL = 0x82F63B78
_LANES = 512
_SHORT = 4 * _LANES


def is_intact(frame: Frame) -> bool:
    """Whether the checksum of a frame is that of its bytes."""
    return frame.checksum == checksum_of(frame.covered, frame.version)


def checksum_of(covered: bytes, version: int) -> int:
    """The checksum of what it covers of a frame, in the way of a version of the layout."""
    return crc32c(covered) if version > 5 else binascii.crc_hqx(covered, 0xFFFF)  # CRC-16/CCITT-FALSE


def crc32c(data: bytes) -> int:
    """The CRC of bytes with the Castagnoli polynomial (reflected), a register that begins with 0 and no inversion.

    Pieces of the data are computed side by side and joined: for each piece, the register before it is moved on by as many
    zeros as the piece has bytes. A loop over single bytes would take a second for 10 MB.
    """
    table = _table()
    step = len(data) // _LANES if len(data) >= _SHORT else 0
    lanes = np.frombuffer(data, np.uint8, step * _LANES).reshape(_LANES, step)
    registers = np.zeros(_LANES, np.uint32)
    for column in np.ascontiguousarray(lanes.T):
        registers = (registers >> 8) ^ table[(registers & 0xFF) ^ column]
    register = 0
    if step:
        moved = [list(map(int, part)) for part in _moved(step)]
        for lane in registers.tolist():
            first, second, third, fourth = register.to_bytes(4, "little")
            register = moved[0][first] ^ moved[1][second] ^ moved[2][third] ^ moved[3][fourth] ^ lane
    plain = table.tolist()
    for byte in data[step * _LANES :]:
        register = (register >> 8) ^ plain[(register & 0xFF) ^ byte]
    return register


@cache
def _table() -> ndarray:
    register = np.arange(256, dtype=np.uint32)
    for _ in range(8):
        register = np.where(register & 1, (register >> 1) ^ np.uint32(_POLYNOMIAL), register >> 1)
    return register


def _moved(zeros: int) -> ndarray:
    """What becomes of each byte of a register after so many zeros, uint32 `[4, 256]`; linear, so 32 bits are enough."""
    bits = np.uint32(1) << np.arange(32, dtype=np.uint32)
    table = _table()
    result = bits.copy()
    power = (bits >> 8) ^ table[bits & 0xFF]
    while zeros:
        if zeros & 1:
            result = _apply(power, result)
        power = _apply(power, power)
        zeros >>= 1
    of_byte = (np.arange(256)[:, None] >> np.arange(8)) & 1
    return np.stack(
        [
            np.bitwise_xor.reduce(np.where(of_byte, result[8 * part : 8 * part + 8], 0), axis=1)
            for part in range(4)
        ]
    ).astype(np.uint32)


def _apply(operator: ndarray, registers: ndarray) -> ndarray:
    """A linear operator, given by what becomes of each bit, on several registers."""
    chosen = (registers[:, None] >> np.arange(32, dtype=np.uint32)) & 1
    moved: ndarray = np.bitwise_xor.reduce(np.where(chosen, operator, 0), axis=1).astype(np.uint32)
    return moved

"""Checksums of frames: CRC-32C without the usual inversions in version 6, CRC-16 in version 5."""

import binascii

from icereco_icetray.frames import Frame

__all__ = ["checksum_of", "is_intact"]

_INVERTED = 0xFFFFFFFF


def is_intact(frame: Frame) -> bool:
    """Return whether the checksum of a frame is that of its bytes."""
    return frame.checksum == checksum_of(frame.covered, frame.version)


def checksum_of(covered: bytes, version: int) -> int:
    """Return the checksum of the bytes of a frame that it covers, as a version of the layout defines it.

    >>> hex(checksum_of(b"123456789", 5))
    '0x29b1'
    """
    if version < 6:
        return binascii.crc_hqx(covered, 0xFFFF)  # CRC-16/CCITT-FALSE
    import google_crc32c

    # The library inverts the register before and after; IceTray begins with 0 and inverts nothing.
    return int(google_crc32c.extend(_INVERTED, covered)) ^ _INVERTED

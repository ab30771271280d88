"""Objects and frames as bytes, as IceTray writes them (frame version 6)."""

import struct
from collections.abc import Mapping

from icereco_icetray.checksum import checksum_of
from icereco_icetray.frames import Frame

__all__ = ["double_blob", "particle_blob", "string", "with_slots"]

_HEAD = b"\x00\x01\x02\x00"
_BASE = b"\x01\x00\x01\x00\x00\x00"
_INFINITE_TRACK = 40
_LIGHT_M_PER_NS = 0.299792458
_NAN = float("nan")


def string(text: str) -> bytes:
    """A string: its length, and its bytes."""
    raw = text.encode("latin-1")
    return struct.pack("<I", len(raw)) + raw


def double_blob(value: float) -> bytes:
    """An I3Double."""
    return _HEAD + string("I3Double") + b"\x01\x00\x00\x00\x00\x00" + _BASE + struct.pack("<d", value)


def particle_blob(
    identity: tuple[int, int],
    status: int,
    zenith: float,
    azimuth: float,
    energy_gev: float = _NAN,
    vertex_m: tuple[float, float, float] = (_NAN, _NAN, _NAN),
) -> bytes:
    """An I3Particle of version 5: an infinite track of unknown kind, with the speed of light.

    Args:
        identity: the minor (32 bits) and the major part (64 bits) of its number.
        status: of the fit; 0 for a good one.
        zenith: of where it came from, rad; NaN for unknown, as all that follow.
        azimuth: as zenith.
        energy_gev: of the neutrino.
        vertex_m: a place on its track.
    """
    numbers = struct.pack("<iQiii", *identity, 0, _INFINITE_TRACK, status)
    place = b"\x01\x00" + struct.pack("<II3d", 2, 3, *vertex_m)
    direction = b"\x01\x00" + struct.pack("<II2d", 4, 5, zenith, azimuth)
    rest = struct.pack("<4di", _NAN, energy_gev, _NAN, _LIGHT_M_PER_NS, 0)
    return (
        _HEAD
        + string("I3Particle")
        + b"\x01\x05\x00\x00\x00\x00"
        + _BASE
        + numbers
        + place
        + direction
        + rest
    )


def with_slots(frame: Frame, slots: Mapping[str, tuple[str, bytes]]) -> bytes:
    """The bytes of a frame with further slots behind its own, which stay as they are.

    Args:
        frame: the frame.
        slots: name of the type, and blob, by key.
    """
    raw = frame.raw
    count = struct.unpack_from("<I", raw, 11)[0] + len(slots)
    added = b"".join(
        string(key) + string(name) + struct.pack("<I", len(blob)) + blob
        for key, (name, blob) in slots.items()
    )
    covered = raw[10:11] + struct.pack("<I", count) + raw[15:-4] + added
    return raw[:10] + covered + struct.pack("<I", checksum_of(covered, frame.version))

"""Small .i3 files for tests: objects and frames as IceTray writes them."""

import struct
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

import numpy as np
from icereco_icetray.checksum import checksum_of
from icereco_icetray.compression import open_to_write
from icereco_icetray.encoding import particle_blob, string

__all__ = [
    "Pulse",
    "Slots",
    "double_map",
    "event_frames",
    "frame",
    "geometry",
    "header",
    "mask",
    "particle",
    "pulse_map",
    "superdst",
    "tree",
    "union",
    "write",
]

Om = tuple[int, int, int]
Pulse = tuple[float, float, float, int]
"""Time in ns, charge in p.e., width in ns, flags."""
Slots = dict[str, tuple[str, bytes]]


@dataclass
class Out:
    """Writes one object: class information once, numbers of objects."""

    name: str
    version: int = 0
    content: bytes = b""
    classes: set[str] = field(default_factory=set)
    objects: int = 1

    def begin(self, name: str, version: int = 0) -> "Out":
        self.info(name, 1, version)
        self.add("I", self.objects)
        self.objects += 1
        return self

    def base(self) -> "Out":
        return self.begin("I3FrameObject")

    def info(self, name: str, tracked: int = 0, version: int = 0) -> "Out":
        if name not in self.classes:
            self.classes.add(name)
            self.add("BB", tracked, version)
        return self

    def add(self, codes: str, *values: float) -> "Out":
        self.content += struct.pack("<" + codes, *values)
        return self

    def text(self, text: str) -> "Out":
        self.content += string(text)
        return self

    @property
    def blob(self) -> bytes:
        head = b"\x00\x01\x02\x00" + string(self.name) + bytes([1, self.version])
        return head + struct.pack("<I", 0) + self.content


def header(
    run: int = 1,
    subrun: int = 0,
    event: int = 1,
    subevent: int = 0,
    stream: str = "InIceSplit",
    ticks: int = 0,
) -> bytes:
    out = Out("I3EventHeader", 3).base().add("IIIiI", run, subrun, event, 20, subevent).text(stream)
    for _ in range(2):
        out.begin("I3Time").base().add("iq", 2016, ticks)
    return out.blob


def pulse_map(pulses: Mapping[Om, Sequence[Pulse]]) -> bytes:
    out = Out("I3RecoPulseSeriesMap").base().info("map").add("I", len(pulses))
    for key, series in sorted(pulses.items()):
        out.info("pair").begin("OMKey", 2).add("iIB", *key).info("vector").add("I", len(series))
        for pulse in series:
            out.begin("I3RecoPulse", 3).add("dffB", *pulse)
    return out.blob


def mask(source: str, chosen: Sequence[Sequence[bool] | None]) -> bytes:
    """For each module of the source None, or which of its pulses."""
    out = Out("I3RecoPulseSeriesMapMask", 2).base().text(source).info("bitmask")
    _bits(out, [series is not None for series in chosen])
    kept = [series for series in chosen if series is not None]
    out.info("vector").add("I", len(kept))
    for series in kept:
        _bits(out, series)
    return out.blob


def _bits(out: Out, bits: Sequence[bool]) -> None:
    raw = np.packbits(np.array(bits, bool), bitorder="little").tobytes()
    out.add("HB", len(raw), 8 * len(raw) - len(bits))
    out.content += raw


def union(sources: Sequence[str]) -> bytes:
    out = Out("I3RecoPulseSeriesMapUnion").base().info("vector").add("I", len(sources))
    for source in sources:
        out.text(source)
    return out.blob


def superdst(readouts: Sequence[tuple[int, int, bool, Sequence[tuple[int, int, int]]]]) -> bytes:
    """Readouts of (string, om, local coincidence, pulses of (whole ns, code of charge, code of width)), in order of time."""
    words, headers, widths = list[int](), list[int](), {False: list[int](), True: list[int]()}
    reference = -512
    for place, om, hard, pulses in readouts:
        now, full = reference, 2047
        for number, (time, charge, width) in enumerate(pulses):
            delta = time - now
            stamp = [min(delta, full)]
            words.append(
                stamp[0] & 255 | min(charge, 63) << 8 | hard << 14 | (number == len(pulses) - 1) << 15
            )
            for value, most in ((delta, full), (charge, 63)):
                if value >= most:
                    words += _overflow(value - most)
            widths[hard].append(width)
            if full == 2047:
                headers.append(place << 6 | om - 1 | (stamp[0] >> 8) << 13)
                reference, full = time, 255
            now = time
    out = Out("I3SuperDST", 1).base()
    for kind, code, values in (("stamps", "H", words), ("headers", "H", headers)):
        _compact(out, kind, code, values)
    for values in (widths[False], widths[True], [], [], []):
        _compact(out, "bytes", "B", [width | 1 << 4 for width in _runs(values)] if values else [])
    return out.blob


def _runs(widths: Sequence[int]) -> list[int]:
    """Every code once: neighbours must differ, as a repeated byte would be another digit of the run length."""
    assert all(first != second for first, second in pairwise(widths)), widths
    return list(widths)


def _overflow(rest: int) -> list[int]:
    words = []
    while rest >= 65_535:
        words.append(65_535)
        rest -= 65_535
    return [*words, rest]


def _compact(out: Out, kind: str, code: str, values: Sequence[int]) -> None:
    out.info(f"vector of {kind}").info("SizeCodec")
    size = len(values)
    out.add("B", size) if size < 247 else out.add("BI", 255 - 4, size)
    out.add(f"{size}{code}", *values)


def double_map(numbers: Mapping[str, float]) -> bytes:
    out = Out("I3MapStringDouble").base().info("map").add("I", len(numbers))
    for key, value in numbers.items():
        out.info("pair").text(key).add("d", value)
    return out.blob


def particle(
    zenith: float = 1.0,
    azimuth: float = 2.0,
    energy: float = 100.0,
    *,
    pdg: int = 0,
    shape: int = 40,
    status: int = 0,
    location: int = 0,
    vertex: tuple[float, float, float] = (1.0, 2.0, 3.0),
) -> bytes:
    blob = bytearray(particle_blob((1, 2), status, zenith, azimuth, energy, vertex))
    struct.pack_into("<iii", blob, 42, pdg, shape, status)
    struct.pack_into("<i", blob, 146, location)
    return bytes(blob)


def tree(bits: Sequence[int], particles: Sequence[Mapping[str, float]]) -> bytes:
    """An I3MCTree: bits of its walk in pre-order, and its particles."""
    out = Out("I3MCTree", 1).base().add("I", len(bits))
    if bits:
        blocks = [bits[start : start + 64] for start in range(0, len(bits), 64)]
        numbers = [sum(bit << place for place, bit in enumerate(block)) for block in blocks]
        out.add(f"I{len(numbers)}Q", len(numbers), *numbers)
    for one in particles:
        out.begin("I3Particle", 5).base().add("iQiii", 1, 2, one["pdg"], one.get("shape", 10), -1)
        out.begin("I3Position").base().add("ddd", *(one.get(axis, 0.0) for axis in "xyz"))
        out.begin("I3Direction").base().add("dd", one.get("zenith", 1.0), one.get("azimuth", 2.0))
        out.add("4di", 0.0, one.get("energy", 10.0), 0.0, 0.3, one.get("location", 20))
    return out.blob


def geometry(places: Mapping[Om, tuple[float, float, float]]) -> bytes:
    out = Out("I3Geometry", 3).base().begin("I3OMGeoMap").base().info("map").add("I", len(places))
    for key, place in sorted(places.items()):
        out.info("pair").begin("OMKey", 2).add("iIB", *key).begin("I3OMGeo", 2)
        out.begin("I3Position").base().add("ddd", *place)
        out.begin("I3Orientation").base().begin("I3Quaternion").base().add("dddd", 0, 0, 0, 1)
        out.add("idi", 20, 0.04, 0)
    out.content += b"what follows is not read"
    return out.blob


def frame(stream: str, slots: Slots | None = None, version: int = 6) -> bytes:
    slots = slots or {}
    body = stream.encode() + struct.pack("<I", len(slots))
    for key, (name, blob) in slots.items():
        body += string(key) + string(name) + struct.pack("<I", len(blob)) + blob
    head = b"[i3]" + struct.pack("<IBB", version, 0, 0)
    return head + body + struct.pack("<I", checksum_of(body, version))


def event_frames(
    pulses: Mapping[Om, Sequence[Pulse]],
    more: Slots | None = None,
    *,
    key: str = "SplitInIcePulses",
    **identity: object,
) -> list[bytes]:
    """A frame Q with pulses, and a frame P that chooses all of them."""
    blob = header(**identity)
    chosen = mask("InIcePulses", [[True] * len(series) for _, series in sorted(pulses.items())])
    daq = {
        "I3EventHeader": ("I3EventHeader", blob),
        "InIcePulses": ("I3RecoPulseSeriesMap", pulse_map(pulses)),
    }
    return [
        frame("Q", daq),
        frame(
            "P",
            {
                "I3EventHeader": ("I3EventHeader", blob),
                key: ("I3RecoPulseSeriesMapMask", chosen),
                **(more or {}),
            },
        ),
    ]


def write(path: Path, frames: Iterable[bytes]) -> Path:
    with open_to_write(path, path) as opened:
        opened.write(b"".join(frames))
    return path

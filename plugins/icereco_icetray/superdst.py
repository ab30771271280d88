"""I3SuperDST: all pulses of an event in about four bytes each, as IceCube sends them to the North.

A readout of a module is a header and stamps of 16 bits; times are differences, charges and widths are in bins. The format
is that of `dataclasses/private/dataclasses/payload/I3SuperDST.cxx` of icecube/icetray-public.
"""

import numpy as np
from jaxtyping import Bool, Float, Int
from numpy import ndarray

from icereco_icetray.archive import Archive, BlobError
from icereco_icetray.pulses import PulseMap, om_key

__all__ = ["read_superdst"]

_SAT_FIRST, _SAT_LATER, _SAT_CHARGE = 2047, 255, 63
_WORD_FULL = 65535
_DEEPEST_OM = 60
_TIME_START_NS = -512
_WIDTH_STREAMS = 4


def read_superdst(blob: bytes) -> PulseMap:
    """Read an I3SuperDST.

    Raises:
        BlobError: it is damaged, or of version 0 (before 2011).
    """
    archive = Archive(blob)
    if archive.version != 1:
        raise BlobError(f"version {archive.version} of I3SuperDST is not supported; 1 is")
    archive.base()
    words, headers = _vector(archive, "stamps", "<u2"), _vector(archive, "headers", "<u2")
    widths = [_vector(archive, "bytes", "u1") for _ in range(_WIDTH_STREAMS)]
    extra = _vector(archive, "bytes", "u1")
    archive.end()
    dom, time, code, coincident = _stamps(words.tolist(), headers.tolist())
    if not len(dom):
        return PulseMap(dom, dom, time, time.astype(np.float32), coincident)
    icetop = (dom & 63) >= _DEEPEST_OM
    charge = _charge(code, icetop, extra)
    width = _width(widths, icetop, coincident)
    return _map(dom, time, charge, width, coincident)


def _vector(archive: Archive, kind: str, dtype: str) -> ndarray:
    """A CompactVector: its size takes a byte where it is small."""
    archive.info(f"CompactVector<{kind}>")
    archive.info("SizeCodec")
    size = int(archive.number("B"))
    if size >= 247:
        size = int.from_bytes(archive.raw(255 - size), "little")
    return archive.array(dtype, size)


def _stamps(words: list[int], headers: list[int]) -> tuple[ndarray, ndarray, ndarray, ndarray]:
    """Number of the module, time, code of the charge and coincidence of each pulse, in the order of the file."""
    dom, time, code, coincident = list[int](), list[int](), list[int](), list[bool]()
    place, reference = 0, _TIME_START_NS
    try:
        for header in headers:
            module = header & 0x1FFF
            deep = (module & 63) < _DEEPEST_OM
            high, full, now, last = (header >> 13) << 8, _SAT_FIRST, reference, False
            while not last:
                word = words[place]
                place += 1
                last = word >= 0x8000
                delta, charge = high | word & 255, word >> 8 & 63
                if delta == full:
                    place, more = _overflow(words, place)
                    delta += more
                if deep and charge == _SAT_CHARGE:
                    place, more = _overflow(words, place)
                    charge += more
                now += delta
                if full == _SAT_FIRST:
                    reference, high, full = now, 0, _SAT_LATER
                dom.append(module)
                time.append(now)
                code.append(charge)
                coincident.append(word & 0x4000 != 0)
    except IndexError:
        raise BlobError("its readouts end early") from None
    if place != len(words):
        raise BlobError("its readouts end late")
    return (
        np.array(dom, np.int64),
        np.array(time, np.float64),
        np.array(code, np.int64),
        np.array(coincident, bool),
    )


def _overflow(words: list[int], place: int) -> tuple[int, int]:
    """Where the overflow of a saturated value ends, and how much it is."""
    total = word = words[place]
    place += 1
    while word == _WORD_FULL:
        word = words[place]
        total += word
        place += 1
    return place, total


def _charge(
    code: Int[ndarray, "pulse"], icetop: Bool[ndarray, "pulse"], extra: ndarray
) -> Float[ndarray, "pulse"]:
    """Charges are the centres of bins of 0.05 p.e.; those of IceTop are logarithmic, with further bits of their own."""
    charge = (code * 0.05 + 0.025).astype(np.float32)
    surface = np.flatnonzero(icetop)
    if len(surface) != len(extra):
        raise BlobError(f"{len(extra)} bytes for the charges of {len(surface)} pulses of IceTop")
    full = code[surface] | extra.astype(np.int64) << 6
    charge[surface] = 10.0 ** (full * 9 / 16383 - 2)
    return charge


def _width(
    streams: list[ndarray], icetop: Bool[ndarray, "pulse"], coincident: Bool[ndarray, "pulse"]
) -> Float[ndarray, "pulse"]:
    """Widths in ns; powers of two, of each kind of pulse in a stream of its own."""
    width = np.ones(len(icetop))
    for stream, (top, hard) in zip(
        streams, ((False, False), (False, True), (True, False), (True, True)), strict=True
    ):
        place = np.flatnonzero((icetop == top) & (coincident == hard))
        codes = _run_lengths(stream.tolist())
        if len(codes) != len(place):
            raise BlobError(f"{len(codes)} widths of {len(place)} pulses")
        width[place] = 2.0 ** np.array(codes)
    return width


def _run_lengths(stream: list[int]) -> list[int]:
    """Codes of four bits; bytes with one code are the digits, lowest first, of how often it occurs."""
    codes, place = list[int](), 0
    while place < len(stream):
        code, length, shift = stream[place] & 15, 0, 0
        while place < len(stream) and stream[place] & 15 == code:
            length |= (stream[place] >> 4) << shift
            shift, place = shift + 4, place + 1
        if length > 1 << 24:
            raise BlobError("a run of widths is too long")
        codes += [code] * length
    return codes


def _map(dom: ndarray, time: ndarray, charge: ndarray, width: ndarray, coincident: ndarray) -> PulseMap:
    """Pulses by module and time; those of one module at one time share the width, one half after the other."""
    order = np.lexsort((time, dom))
    dom, time, width = dom[order], time[order], width[order]
    gap = np.where(np.diff(dom) == 0, np.diff(time), np.inf)
    width[:-1] = np.minimum(width[:-1], gap)
    for index in np.flatnonzero(width == 0).tolist():
        _share(dom, time, width, index)
    module, count = np.unique(dom, return_counts=True)
    key = om_key(module >> 6, (module & 63) + 1, np.zeros(len(module), np.int64))
    return PulseMap(key, count, time, charge[order], coincident[order])


def _share(dom: ndarray, time: ndarray, width: ndarray, index: int) -> None:
    """Give half of the width of the pulse before to one whose own is zero, which then begins later."""
    other = index - 1 if index and dom[index - 1] == dom[index] else index + 1
    earlier, later = min(index, other), max(index, other)
    half = max(width[index], width[other]) / 2
    width[index] = width[other] = half
    time[later] = time[earlier] + half

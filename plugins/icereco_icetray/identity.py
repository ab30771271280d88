"""Event ids of sub-events."""

from hashlib import blake2b
from pathlib import Path

from icereco_icetray.objects import EventHeader

__all__ = ["event_id"]

_UNSET = 0xFFFFFFFF
_POSITIVE = (1 << 63) - 1


def event_id(header: EventHeader, file: Path, frame: int) -> int:
    """A hash of 63 bits of what identifies a sub-event: equal for equal ones, wherever they are.

    Simulations number the events of each file anew; where they do not number the files either, by the sub-run, the name of the
    file and the place in it count as well. Of ten million events two have one id with a probability of 5e-6, which is then
    reported where they are read.
    """
    parts = [header.run, header.subrun, header.event, header.subevent, header.stream]
    if header.subrun == _UNSET:
        parts += [file.name, frame]
    digest = blake2b("\n".join(map(str, parts)).encode(), digest_size=8).digest()
    return int.from_bytes(digest, "little") & _POSITIVE

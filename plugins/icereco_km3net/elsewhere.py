"""Files of KM3NeT whose hits are not in the tree of events: what they hold instead, and the way to events with hits."""

from pathlib import Path
from typing import Any

from icereco.errors import IcerecoError

__all__ = ["require_events", "require_hits"]

_EVENTS, _SLICES = "KM3NET_EVENT", "KM3NET_TIMESLICE"
_WAY = "calibrate it and write an offline file with KM3NeT's Jpp, and read that"


def require_events(root: Any, events: Any, file: Path) -> None:
    """Check that events are not all in the trees of the online format.

    Args:
        root: the open ROOT file.
        events: of its tree E.
        file: for the message.

    Raises:
        IcerecoError: the tree of events is empty, and the online trees are not.
    """
    if len(events):
        return
    counts = {name: count for name in _trees(root) if (count := _entries(root, name))}
    if _EVENTS in counts:
        raise IcerecoError(f"{file}: its {_online(counts[_EVENTS])}; {_WAY}")
    if slices := [name for name in counts if name.startswith(_SLICES)]:
        raise IcerecoError(
            f"{file}: holds time slices ({', '.join(slices)}), which are not triggered, and no events; trigger them, then {_WAY}"
        )


def require_hits(root: Any, sample: Any, file: Path) -> None:
    """Check that hits are in the tree of events, where there are any.

    Args:
        root: the open ROOT file.
        sample: its first events, none of which has hits.
        file: for the message.

    Raises:
        IcerecoError: the hits are in a tree of the online format, or are those of the simulation alone.
    """
    truth_alone = "or read its truth alone with --reader km3net:uncalibrated=true"
    if events := _entries(root, _EVENTS):
        raise IcerecoError(f"{file}: the hits of its {_online(events)}; {_WAY}, {truth_alone}")
    if sum(sample.n_mc_hits.tolist()):
        raise IcerecoError(
            f"{file}: its events have no hits of the detector, only simulated ones (mc_hits), before noise and trigger; make "
            f"hits of them with KM3NeT's Jpp, {truth_alone}"
        )


def _online(events: int) -> str:
    return f"{events:,} events are in the tree {_EVENTS}, as the detector sends them (online format), and not calibrated"


def _trees(root: Any) -> list[str]:
    return [name for name in root.keys(recursive=False, cycle=False) if name.startswith("KM3NET_")]


def _entries(root: Any, name: str) -> int:
    return int(root[name].num_entries) if name in _trees(root) else 0

"""The settings with which the app is started."""

from dataclasses import dataclass
from pathlib import Path

__all__ = ["Settings"]


@dataclass(frozen=True, slots=True)
class Settings:
    """Choices of the command line.

    Attributes:
        runs: the folder of runs.
        run: a run to show first, also one of another folder.
        events: events to show first: a data set by its name, or a file of events or reconstructions.
        marker: how dots are drawn: "braille", "quadrant", "block" or "ascii".
        theme: name of a colour theme; None = as remembered, or icereco's own dark one.
        beside: files of reconstructions to show with the events.
        detector: the card of the detector that recorded the events; None = as the data say.
        reader: what reads `events`, maybe with options; None = as declared, or detected.
        read_only: whether nothing may be started, ordered, changed or written.
        remembers: whether looks and choices are those of the last session with this folder, and are kept for the next.
        session: name of a session that was kept, to begin with; None = as the last one ended.
    """

    runs: Path
    run: Path | None = None
    events: str | None = None
    marker: str = "braille"
    theme: str | None = None
    beside: tuple[Path, ...] = ()
    detector: str | None = None
    reader: str | None = None
    read_only: bool = False
    remembers: bool = False
    session: str | None = None

"""What the app is started with."""

from dataclasses import dataclass
from pathlib import Path

from icereco.data.catalog import DEFAULT_DETECTOR

__all__ = ["Settings"]


@dataclass(frozen=True, slots=True)
class Settings:
    """Choices of the command line.

    Attributes:
        runs: the folder of runs.
        run: a run to look at first, wherever it is.
        events: a file of events or reconstructions to look at first.
        marker: how dots are drawn: "braille", "quadrant", "block" or "ascii".
        theme: name of a colour theme.
        beside: files of reconstructions to set beside the events.
        detector: the card of the detector that saw the events.
    """

    runs: Path
    run: Path | None = None
    events: Path | None = None
    marker: str = "braille"
    theme: str = "icereco-dark"
    beside: tuple[Path, ...] = ()
    detector: str = DEFAULT_DETECTOR

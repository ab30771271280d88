"""What the app is started with."""

from dataclasses import dataclass
from pathlib import Path

__all__ = ["Settings"]


@dataclass(frozen=True, slots=True)
class Settings:
    """Choices of the command line.

    Attributes:
        runs: the folder of runs.
        run: a run to look at first, wherever it is.
        events: what to look at first: a data set by its name, or a file of events or reconstructions.
        marker: how dots are drawn: "braille", "quadrant", "block" or "ascii".
        theme: name of a colour theme.
        beside: files of reconstructions to set beside the events.
        detector: the card of the detector that saw the events; None to believe what the data say.
    """

    runs: Path
    run: Path | None = None
    events: str | None = None
    marker: str = "braille"
    theme: str = "icereco-dark"
    beside: tuple[Path, ...] = ()
    detector: str | None = None

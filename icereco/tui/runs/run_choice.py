"""Which runs of a folder are looked at; the curves and the table of runs share it."""

from dataclasses import dataclass
from pathlib import Path

__all__ = ["FILTER_QUESTION", "RunChoice"]

FILTER_QUESTION = "show only runs with, such as: finished layers>2 #good"
"""What is asked for in the table and among the curves; see `icereco.watch.run_filter`."""


@dataclass(frozen=True, slots=True)
class RunChoice:
    """What the user has chosen.

    Attributes:
        current: the run under the cursor.
        overlaid: the runs that stay on the charts, in the order in which they were chosen.
        baseline: the run that others are compared with.
        wanted: the filter of the runs.
    """

    current: Path | None = None
    overlaid: tuple[Path, ...] = ()
    baseline: Path | None = None
    wanted: str = ""

    @property
    def compared(self) -> list[Path]:
        """The runs to compare, that with which the others are compared first."""
        first = [] if self.baseline is None else [self.baseline]
        runs = list(dict.fromkeys([*first, *self.overlaid]))
        return runs if len(runs) > 1 or self.current is None else list(dict.fromkeys([*runs, self.current]))

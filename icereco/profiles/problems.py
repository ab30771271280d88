"""The origin of a setting, and problems reported with it."""

from collections.abc import Sequence
from dataclasses import dataclass

from icereco.errors import IcerecoError

__all__ = ["Origin", "Problem", "ProfileError"]


@dataclass(frozen=True, slots=True)
class Origin:
    """A line of a file, or an override on the command line (which has no line number)."""

    source: str
    line: int | None = None

    def __str__(self) -> str:
        return self.source if self.line is None else f"{self.source}:{self.line}"


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong with a profile."""

    origin: Origin
    message: str

    def __str__(self) -> str:
        return f"{self.origin}: {self.message}"

    @property
    def order(self) -> tuple[bool, str, int]:
        """Sort key: files by name and line, then overrides."""
        return self.origin.line is None, self.origin.source, self.origin.line or 0


class ProfileError(IcerecoError):
    """Everything that is wrong with a profile, at once.

    Attributes:
        problems: sorted by file and line.
    """

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = sorted(problems, key=lambda problem: problem.order)
        if len(self.problems) == 1:
            super().__init__(str(self.problems[0]))
            return
        lines = [str(problem).replace("\n", "\n  ") for problem in self.problems]
        super().__init__("\n  ".join([f"{len(lines)} problems in the profile", *lines]))

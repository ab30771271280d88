"""Which data sets a training is fed with, and how often it sees their events: `PATH` or `PATH=WEIGHT`."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from icereco.errors import IcerecoError

__all__ = ["DataChoice"]

_LARGEST_WEIGHT = 100.0


@dataclass(frozen=True, slots=True)
class DataChoice:
    """A data set as the command line names it.

    Attributes:
        path: file or folder.
        weight: how often an epoch sees each of its events: 0.3 is another 30 % in each epoch, 2 is each twice.
    """

    path: Path
    weight: float = 1.0

    @classmethod
    def all_of(cls, data: "Path | Sequence[Self] | None") -> list[Self]:
        """One path, several choices, or none at all, as a list."""
        if data is None:
            return []
        return [cls(data)] if isinstance(data, Path) else list(data)

    @classmethod
    def parse(cls, text: str) -> Self:
        """`PATH`, or `PATH=WEIGHT`; a path that exists as it stands is one, even with "=" in it.

        Raises:
            IcerecoError: the weight is no number above 0.
        """
        head, equals, tail = text.rpartition("=")
        if not equals or not head or Path(text).exists():
            return cls(Path(text))
        try:
            weight = float(tail)
        except ValueError:
            return cls(Path(text))  # "=" is part of the name
        if not 0 < weight <= _LARGEST_WEIGHT:
            raise IcerecoError(
                f"--data {text}: the weight must be above 0 and at most {_LARGEST_WEIGHT:g}; "
                "it says how often an epoch sees each event"
            )
        return cls(Path(head), weight)

    @classmethod
    def recorded(cls, found: str | Sequence[str] | None) -> list[Self]:
        """What a run's provenance says it was trained on."""
        return [cls.parse(text) for text in ([found] if isinstance(found, str) else found or ())]

    def absolute(self) -> str:
        """The same in a form that `parse` takes anywhere."""
        path = str(self.path.resolve())
        return path if self.weight == 1 else f"{path}={self.weight:g}"

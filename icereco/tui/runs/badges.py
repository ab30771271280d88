"""A letter and a colour for each run, which it keeps for good."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from string import ascii_uppercase

from icereco.tui.themes import CURVES

__all__ = ["Badge", "Badges"]

LETTERS = ascii_uppercase
COUNT = 4 * len(LETTERS)
"""So many pairs of a letter and a colour differ."""


@dataclass(frozen=True, slots=True)
class Badge:
    """What belongs to a run on all charts: the letter tells it apart without colours, too."""

    number: int

    @property
    def letter(self) -> str:
        """The letter that is written on its curves."""
        return LETTERS[self.number % len(LETTERS)]

    @property
    def color(self) -> int:
        """The number of its colour."""
        return self.number % len(CURVES)


class Badges:
    """The badges of the runs of a folder, by name, given when a run is first compared with another.

    Attributes:
        given: the number of each run that has a badge, by its name.
    """

    def __init__(self, given: Mapping[str, int] | None = None) -> None:
        self.given = dict(given or {})

    def of(self, paths: Sequence[Path]) -> dict[Path, Badge]:
        """The badges of the runs that are shown now; a run that is shown alone needs none, and is given none."""
        if len(paths) > 1:
            for path in (*paths[1:], paths[0]):  # what is under the cursor now was chosen last
                if path.name not in self.given:
                    self.given[path.name] = self._free(
                        [self.given[p.name] for p in paths if p.name in self.given]
                    )
        return {path: Badge(self.given.get(path.name, 0)) for path in paths}

    def _free(self, shown: Sequence[int]) -> int:
        """The number whose letter and colour no run that is shown has, if there is one, and few others have."""
        badges = [Badge(number) for number in shown]
        letters, colors = {one.letter for one in badges}, {one.color for one in badges}
        known = [Badge(number) for number in self.given.values()]
        by_number = Counter(one.number for one in known)
        by_color = Counter(one.color for one in known)
        by_letter = Counter(one.letter for one in known)

        def cost(number: int) -> tuple[int, ...]:
            letter, color = Badge(number).letter, Badge(number).color
            return (
                letter in letters,
                color in colors,
                by_number[number],
                by_color[color],
                by_letter[letter],
                number,
            )

        return min(range(COUNT), key=cost)

"""How long a test of endurance goes on: until it has run its cases, or its time is used up."""

import time
from collections.abc import Iterator
from dataclasses import dataclass

__all__ = ["Budget"]


@dataclass(frozen=True)
class Budget:
    """The time of a test, in seconds; at least one case is run."""

    seconds: float

    def cases(self, most: int) -> Iterator[int]:
        """Number the cases, 0, 1, …, until there are `most`, or no time is left."""
        end = time.monotonic() + self.seconds
        for number in range(most):
            yield number
            if time.monotonic() > end:
                return

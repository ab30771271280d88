"""One part of a data set's declared split, taken while its events are read."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from icereco.data.split.rule import PARTS, Part, SplitRule

__all__ = ["Selection"]


@dataclass(frozen=True, slots=True)
class Selection:
    """The train, validation or test part of a rule."""

    rule: SplitRule
    part: Part

    @property
    def text(self) -> str:
        """In words; part of the fingerprint of what is read."""
        return f"{self.part} of the split {self.rule.text}"

    @property
    def share(self) -> float:
        """About how many of the events that are read are kept."""
        if self.rule.by == "file":
            return 1.0
        first, last = self.rule.bands().get(self.part, (0, -1))
        return (last - first + 1) / 2.0**64

    @property
    def within_file(self) -> "Selection | None":
        """What is still to be selected of a file that is read."""
        return self if self.rule.by == "event" else None

    def of_files(self, names: Sequence[str]) -> list[bool]:
        """Whether each file is read."""
        if self.rule.by == "event":
            return [True] * len(names)
        return [part == self.part for part in self.rule.parts_of_files(names)]

    def of_events(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """The events of a batch that are in the part."""
        if self.rule.by == "file":
            return batch
        part = self.rule.parts_of_events(batch.column("event_id").to_numpy())
        return batch.filter(pa.array(np.equal(part, PARTS.index(self.part))))

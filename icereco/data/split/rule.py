"""How a data set is split into train, validation and test: declared once, by event or by file, and always the same.

By event, the hash of the event id decides, so that an id is in the same part in every file, in any order, on any
machine. By file, the name of its file decides. Neither looks at the events around it.
"""

import hashlib
from collections.abc import Sequence
from fnmatch import fnmatchcase
from pathlib import PurePosixPath
from typing import Literal, Self

import numpy as np
from jaxtyping import Int
from numpy import ndarray
from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from icereco.errors import IcerecoError

__all__ = ["PARTS", "Part", "SplitRule"]

Part = Literal["train", "validation", "test"]
PARTS: tuple[Part, ...] = ("train", "validation", "test")

_HASHES = 1 << 64


class SplitRule(BaseModel):
    """The rule that assigns events to parts.

    Attributes:
        by: "event" (hash of the id) or "file" (its name).
        validation: a share of the events, or of the files, or patterns of file names such as "batch_65?.parquet".
        test: likewise; what neither takes is for training.
        seed: of the hashes; a different seed gives a different split.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    by: Literal["event", "file"] = "event"
    validation: float | tuple[str, ...] = Field(0.1, union_mode="left_to_right")
    test: float | tuple[str, ...] = Field(0.0, union_mode="left_to_right")
    seed: int = 1

    @field_validator("validation", "test")
    @classmethod
    def _share(cls, value: float | tuple[str, ...]) -> float | tuple[str, ...]:
        if isinstance(value, float) and not 0.0 <= value < 1.0:
            raise ValueError("a share must be at least 0 and below 1")
        return value

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        shares = [value for value in (self.validation, self.test) if isinstance(value, float)]
        if self.by == "event" and len(shares) < 2:
            raise ValueError("patterns of file names go with a split by file")
        if len(shares) == 1 and shares[0] > 0:
            raise ValueError("validation and test must both be shares, or both be patterns of file names")
        if sum(shares) >= 1.0:
            raise ValueError("validation and test must leave something to train on")
        return self

    @property
    def short(self) -> str:
        """The rule in few words."""
        parts = ((part, getattr(self, part)) for part in PARTS[1:])
        return f"by {self.by}: " + ", ".join(f"{part} {_words(value)}" for part, value in parts if value)

    @property
    def text(self) -> str:
        """The whole rule in words, to be kept with a run."""
        if self.by == "file" and not all(isinstance(one, float) for one in (self.validation, self.test)):
            return self.short
        what = {"event": "splitmix64 of event_id", "file": "sha256 of the file's name"}[self.by]
        return f"{self.short} ({what}, seed {self.seed})"

    def bands(self) -> dict[Part, tuple[int, int]]:
        """The hashes of each part, first and last; a part without any is left out."""
        validation, test = (
            value if isinstance(value, float) else 0.0 for value in (self.validation, self.test)
        )
        edges = [0, round(validation * _HASHES), round((validation + test) * _HASHES), _HASHES]
        ends: dict[Part, tuple[int, int]] = {
            "validation": (edges[0], edges[1] - 1),
            "test": (edges[1], edges[2] - 1),
            "train": (edges[2], edges[3] - 1),
        }
        return {part: band for part, band in ends.items() if band[0] <= band[1]}

    def parts_of_events(self, event_id: Int[ndarray, "event"]) -> Int[ndarray, "event"]:
        """For a split by event: index into `PARTS` of each event."""
        from icereco.data.split.hashing import hash_ids

        bands, parts = self.bands(), np.zeros(len(event_id), np.int8)
        hashed = hash_ids(event_id, self.seed)
        for number, part in enumerate(PARTS):
            if part in bands:
                first, last = (np.uint64(edge) for edge in bands[part])
                parts[(hashed >= first) & (hashed <= last)] = number
        return parts

    def parts_of_files(self, names: Sequence[str]) -> list[Part]:
        """For a split by file: the part of each file, by its name.

        Raises:
            IcerecoError: a pattern matches no file, or a file matches patterns of two parts.
        """
        if isinstance(self.validation, float) and isinstance(self.test, float):
            return [self._part_of_hash(name) for name in names]
        return [self._part_of_name(name) for name in self._with_all_patterns(names)]

    def _part_of_hash(self, name: str) -> Part:
        last = PurePosixPath(name).name  # the same, whether the folder is given or one above it
        digest = hashlib.sha256(f"{self.seed} {last}".encode()).digest()
        hashed = int.from_bytes(digest[:8], "big")
        return next(part for part, (first, last) in self.bands().items() if first <= hashed <= last)

    def _part_of_name(self, name: str) -> Part:
        fits = [part for part in PARTS[1:] if any(_fits(name, one) for one in self._patterns(part))]
        if len(fits) > 1:
            raise IcerecoError(
                f"the file {name} would be in both validation and test; make the patterns exclude each other"
            )
        return fits[0] if fits else "train"

    def _with_all_patterns(self, names: Sequence[str]) -> Sequence[str]:
        for part in PARTS[1:]:
            for pattern in self._patterns(part):
                if not any(_fits(name, pattern) for name in names):
                    some = ", ".join(list(names)[:3])
                    raise IcerecoError(
                        f"the pattern {pattern!r} of {part} matches no file; the files are {some}, …"
                    )
        return names

    def _patterns(self, part: Part) -> tuple[str, ...]:
        value = getattr(self, part)
        return () if isinstance(value, float) else value


def _words(value: float | tuple[str, ...]) -> str:
    return f"{value:.4g}" if isinstance(value, float) else " ".join(value)


def _fits(name: str, pattern: str) -> bool:
    return fnmatchcase(name, pattern) or fnmatchcase(PurePosixPath(name).name, pattern)

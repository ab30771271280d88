"""The manifest of a store: which block lies where, and what its events were made from."""

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path

import numpy as np
from jaxtyping import Int
from numpy import ndarray
from pydantic import BaseModel, ConfigDict

from icereco import __version__
from icereco.data.store.shards import Shard
from icereco.system.documents import parse_json

__all__ = ["FORMAT_VERSION", "MANIFEST", "Geometry", "Manifest", "older_format", "shard_name"]


MANIFEST = "store.json"


_FORMAT = "icereco-store"


FORMAT_VERSION = 3
"""3: the hit DOMs of each event instead of a sensor_id for each pulse."""


class Geometry(BaseModel):
    """Which block lies where: known before anything is prepared, from the number of events in each part.

    Attributes:
        part_events: events of each part of the source.
        block_events: events of a block, but for the last of a part.
        blocks_per_shard: blocks of a file, but for the last of a part.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    part_events: tuple[int, ...]
    block_events: int
    blocks_per_shard: int

    @cached_property
    def first_block(self) -> Int[ndarray, "part_plus_1"]:
        """Number of the first block of each part, and the number of blocks."""
        blocks = -(-np.array(self.part_events, np.int64) // self.block_events)
        return np.concatenate([[0], np.cumsum(blocks)])

    @cached_property
    def block_offsets(self) -> Int[ndarray, "block_plus_1"]:
        """Row at which each block begins, and the number of rows."""
        parts = [
            np.minimum(np.arange(self.block_events, events + self.block_events, self.block_events), events)
            for events in self.part_events
        ]
        starts = np.cumsum([0, *self.part_events])
        ends = [start + part for start, part in zip(starts[:-1], parts, strict=True)]
        return np.concatenate([[0], *ends]).astype(np.int64)

    def part_of(self, block: int) -> int:
        """The part that a block belongs to."""
        return int(np.searchsorted(self.first_block, block, side="right")) - 1

    def needed(self, blocks: Sequence[int]) -> dict[int, int]:
        """How many leading events of each part must be there for these blocks: to the end of their files."""
        leading: dict[int, int] = {}
        for block in blocks:
            part = self.part_of(block)
            files = (block - int(self.first_block[part])) // self.blocks_per_shard + 1
            events = files * self.blocks_per_shard * self.block_events
            leading[part] = max(leading.get(part, 0), min(events, self.part_events[part]))
        return leading

    def place(self, block: int) -> tuple[str, int]:
        """The file that a block is in, and its number there."""
        part = self.part_of(block)
        shard, index = divmod(block - int(self.first_block[part]), self.blocks_per_shard)
        return shard_name(part, shard), index


def shard_name(part: int, shard: int) -> str:
    """The name of a file of a store; names sort as the events do."""
    return f"events-{part:05d}-{shard:05d}.arrow"


class Manifest(BaseModel):
    """The contents of `store.json`.

    Attributes:
        format: "icereco-store"; format_version: of the files.
        icereco_version: that wrote them.
        source: path the events came from, for people; source_fingerprint: see `icereco.data.sources.fingerprint.fingerprint`.
        reader: that read them.
        detector: name of the card that sensor ids were checked against; detector_fingerprint: its fingerprint.
        geometry: which block lies where.
        columns: of every shard; none as long as the store is being made.
        shards: the files; none as long as the store is being made.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    format: str = _FORMAT
    format_version: int = FORMAT_VERSION
    icereco_version: str = __version__
    source: str
    source_fingerprint: str
    reader: str
    detector: str
    detector_fingerprint: str
    geometry: Geometry
    columns: tuple[str, ...] = ()
    shards: tuple[Shard, ...] = ()

    @property
    def events(self) -> int:
        """All events."""
        return sum(self.geometry.part_events)

    @property
    def pulses(self) -> int:
        """All pulses."""
        return sum(shard.pulses for shard in self.shards)

    @property
    def doms(self) -> int:
        """All hit DOMs."""
        return sum(shard.doms for shard in self.shards)


def older_format(folder: Path) -> int | None:
    """The format of a store that an earlier icereco wrote there; None where there is no such store."""
    try:
        document = parse_json((folder / MANIFEST).read_bytes())
    except (OSError, ValueError):
        return None
    version = (
        document.get("format_version")
        if isinstance(document, dict) and document.get("format") == _FORMAT
        else None
    )
    return version if isinstance(version, int) and version < FORMAT_VERSION else None

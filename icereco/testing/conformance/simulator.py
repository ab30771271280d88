"""What a simulator promises: valid events with truth, decided by the seed alone."""

from itertools import islice
from pathlib import Path

import pyarrow as pa

from icereco.errors import IcerecoError
from icereco.tables.schema import SCHEMA
from icereco.tables.validation import EventChecker, check_truth
from icereco.testing.conformance.samples import detector
from icereco.testing.conformance.subject import Subject, require

_SEED = 7
_BLOCKS = 2


def _blocks(
    subject: Subject, seed: int = _SEED, first: int = 0, count: int = _BLOCKS
) -> list[pa.RecordBatch]:
    return list(islice(subject.build(detector()).blocks(seed, first), count))


def same_seed_same_events(subject: Subject) -> None:
    """The same seed gives the same events every time."""
    require(_blocks(subject) == _blocks(subject), "the same seed gave other events the second time")


def another_seed_other_events(subject: Subject) -> None:
    """Another seed gives other events."""
    first, other = (pa.Table.from_batches(_blocks(subject, seed)) for seed in (_SEED, _SEED + 1))
    require(first.num_rows and not first.equals(other), "seeds 7 and 8 gave the same events (or none)")


def blocks_stand_alone(subject: Subject) -> None:
    """Block k does not depend on whether earlier blocks were made, so that processes can share the work."""
    whole, later = _blocks(subject), _blocks(subject, first=1, count=1)
    require(whole[1] == later[0], "block 1 differs if block 0 was not made before")


def events_are_valid(subject: Subject) -> None:
    """Its events are of the own layout: known sensors, finite times and charges, each event_id once over all blocks."""
    checker = EventChecker(detector(), Path("simulated"))
    for block in _blocks(subject):
        require(
            block.schema.equals(SCHEMA),
            f"a block has the columns {block.schema.names}, not those of the own layout",
        )
        try:
            checker.check(block)
        except IcerecoError as error:
            require(False, str(error))
    require(checker.total, f"{_BLOCKS} blocks held no event")


def truth(subject: Subject) -> None:
    """Every event has a true direction, its angles in range."""
    for block in _blocks(subject):
        try:
            check_truth(block, Path("simulated"))
        except IcerecoError as error:
            require(False, str(error))


PROMISES = (
    same_seed_same_events,
    another_seed_other_events,
    blocks_stand_alone,
    events_are_valid,
    truth,
)

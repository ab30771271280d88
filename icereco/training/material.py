"""What a training is fed: a store of events, split into training and validation."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from icereco.data.budget import Budget
from icereco.data.simulation import simulated_events
from icereco.data.sources import open_source
from icereco.data.split import Split, split
from icereco.data.store import Progress, Store, prepared
from icereco.data.stream import Stream
from icereco.detector import Detector
from icereco.errors import IcerecoError
from icereco.events import EventBatch
from icereco.profiles import Profile
from icereco.training.options import TrainOptions

__all__ = ["Material", "Stages", "gather"]

Stages = Callable[[str], Progress]
"""Gives a named stage of the preparation something to tell its progress to."""

LARGEST_VALIDATION_SHARE = 0.2
SIMULATION_SEED = 1
DEFAULT_EVENTS = 20_000


@dataclass(frozen=True, slots=True)
class Material:
    """Events to train and to validate on.

    Attributes:
        facts: JSON-able: where the events come from, their fingerprint, and how they are split.
    """

    store: Store
    detector: Detector
    split: Split
    facts: dict[str, Any]

    def training(self, options: TrainOptions) -> Stream:
        """The training events in batches, shuffled by the profile's seed."""
        return Stream(self.store, self.detector, self.split.train, _budget(options), options.seed)

    def validation(self, options: TrainOptions) -> Iterator[EventBatch]:
        """The validation events in their order, in batches."""
        return Stream(self.store, self.detector, self.split.validation, _budget(options)).in_order()


def gather(profile: Profile, detector: Detector, data: Path | None, stages: Stages) -> Material:
    """Prepare the events of `data`, or simulate what the profile asks for if that is None; both are cached.

    Raises:
        IcerecoError: the data cannot be read, has no truth, or is too little to split.
    """
    options = profile.train
    path = data or _simulate(profile, detector, stages)
    store = prepared(open_source(path), detector, stages("sorting"))
    if not store.has_truth:
        raise IcerecoError(
            f"{path} has no truth to train on: it needs the columns azimuth and zenith "
            "(in Kaggle's layout train_meta.parquet beside the train folder)"
        )
    store.require_truth()
    count = min(options.validation_events, int(len(store) * LARGEST_VALIDATION_SHARE))
    parts = split(store, validation_count=max(count, 1), seed=options.seed)
    kept = Split(parts.train[: options.events], parts.validation, parts.description)
    facts = {
        "data": None if data is None else str(data.resolve()),
        "store": str(store.folder.resolve()),
        "data_fingerprint": store.manifest.source_fingerprint,
        "train_events": len(kept.train),
        "validation_events": len(kept.validation),
        "split": kept.description,
    }
    return Material(store, detector, kept, facts)


def _simulate(profile: Profile, detector: Detector, stages: Stages) -> Path:
    if profile.simulation is None:
        raise IcerecoError(
            f"profile {profile.name!r} has no [simulation] to make events with; give a file or folder with --data"
        )
    options = profile.train
    events = (options.events or DEFAULT_EVENTS) + options.validation_events
    return simulated_events(profile.simulation, detector, events, SIMULATION_SEED, stages("simulating"))


def _budget(options: TrainOptions) -> Budget:
    return Budget(options.pulses_per_batch, options.doms_per_batch, options.events_per_batch)

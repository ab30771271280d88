"""Training material: events of one or several data sets, split into training, validation and calibration."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Int
from numpy import ndarray

from icereco.data.simulated import simulated_events
from icereco.data.sources.skip_bad import Skipped, skip_bad, write_skipped
from icereco.data.sources.source import Source
from icereco.data.split.rule import SplitRule
from icereco.data.store.prepare import Progress, growing, is_store, prepared
from icereco.data.store.rows import RowNumbers
from icereco.data.store.split_by_hash import EXACT_EVENTS, Split, split
from icereco.data.store.split_by_rule import declared_split
from icereco.data.store.store import Store
from icereco.data.stream.packing import Budget
from icereco.data.stream.shuffle import part_order
from icereco.data.stream.stream import Portion, Stream
from icereco.detector.detector import Detector
from icereco.errors import IcerecoError
from icereco.evaluation.recalibrate import LEAST_EVENTS
from icereco.events.batch import EventBatch
from icereco.profiles import Profile
from icereco.profiles.train_options import TrainOptions
from icereco.protocols import is_self_supervised
from icereco.system.log import get_logger
from icereco.training.batches import Batches
from icereco.training.data_choice import DataChoice
from icereco.training.event_weights import EventWeights
from icereco.training.ranks import ALONE, Ranks
from icereco.training.variation import varied

__all__ = ["Material", "Stages", "gather"]

logger = get_logger(__name__)

Stages = Callable[[str], Progress]
"""Maps the name of a stage of the preparation to the function to which it reports its progress."""

LARGEST_VALIDATION_SHARE, LARGEST_CALIBRATION_SHARE = 0.2, 0.1
SIMULATION_SEED = 1
DEFAULT_EVENTS = 20_000


@dataclass(frozen=True)
class Material:
    """Events to train, to validate and to calibrate on.

    Attributes:
        train: events to train on, of each data set.
        validate: events to validate on, of each data set.
        calibrate: events to calibrate posteriors on, of each data set; possibly none.
        facts: JSON-able: where the events come from, their fingerprint, and how they are split.
        weights: of the events in the loss; None where all count alike.
    """

    train: tuple[Portion, ...]
    validate: tuple[Portion, ...]
    calibrate: tuple[Portion, ...]
    detector: Detector
    facts: dict[str, Any]
    weights: EventWeights | None = None

    def training(self, options: TrainOptions, ranks: Ranks = ALONE) -> Batches:
        """The training events in batches, shuffled by the profile's seed and varied as it says; the share of this process."""
        shared = {"rank": ranks.number, "ranks": ranks.count}
        stream = Stream(self.train, self.detector, _budget(options), options.seed, **shared)
        return varied(stream, options, self.detector)

    def validation(self, options: TrainOptions) -> Iterator[EventBatch]:
        """The validation events in their order, in batches."""
        return Stream(self._validation_portions, self.detector, _budget(options)).in_order()

    def calibration(self, options: TrainOptions) -> Iterator[EventBatch]:
        """The events to calibrate on in their order, in batches."""
        some = [portion for portion in self.calibrate if len(portion)]
        return Stream(some, self.detector, _budget(options)).in_order() if some else iter(())

    def first_batch(self, options: TrainOptions) -> EventBatch:
        """Return a batch to inspect before training, without waiting for data that is still being prepared.

        It holds validation events for small data sets, else training events, as the validation files may be prepared last.
        """
        many = any(len(portion.store) > EXACT_EVENTS for portion in self.train)
        portions = self.train if many else self.validate
        return next(Stream(portions, self.detector, _budget(options), workers=0).in_order())

    @cached_property
    def _validation_portions(self) -> tuple[Portion, ...]:
        """The validation events by row number, cached, as they are read at each validation."""
        return tuple(replace(portion, rows=RowNumbers(portion.row_numbers())) for portion in self.validate)


@contextmanager
def gather(
    profile: Profile,
    detector: Detector,
    data: Path | Sequence[DataChoice] | None,
    stages: Stages,
    skipped: Path | None = None,
    *,
    whole: bool = False,
) -> Iterator[Material]:
    """Prepare the events of `data`, or simulate what the profile asks for if there is none; both are cached.

    With many files, training begins on the first while the others are prepared in the background, until the block ends,
    unless the `whole` is wanted first.
    `skipped` is the file that lists the bad events which are left out.

    Raises:
        IcerecoError: the data cannot be read, has no truth where the loss needs it, or is too little to split.
    """
    options, requested = profile.train, DataChoice.all_of(data)
    need_truth = not is_self_supervised(profile.role("loss").component.load_factory())
    chosen = requested or DataChoice.all_of(_simulate(profile, detector, stages))
    for one in chosen:
        one.data.require_detector(detector)
    with ExitStack() as stack:
        sources = _opened(chosen, detector, skipped, need_truth=need_truth)
        conditions = [one.where for one in chosen]
        whole = whole or options.event_weights is not None or any(one is not None for one in conditions)
        stores = [
            stack.enter_context(
                _store(source, detector, options.seed, stages, whole=whole, need_truth=need_truth)
            )
            for source in sources
        ]
        cuts = [_cut(store, condition) for store, condition in zip(stores, conditions, strict=True)]
        parts = _split(stores, sources, [one.data.split for one in chosen], cuts, options)
        _require_parts(parts, conditions)
        train = [
            Portion(store, part.train, one.weight)
            for store, part, one in zip(stores, parts, chosen, strict=True)
        ]
        if len(train) > 1:
            _say_shares(train, chosen)
        facts = {
            "data": _one_or_all([one.absolute() for one in requested]),
            "store": _one_or_all([str(store.folder.resolve()) for store in stores]),
            "data_fingerprint": _one_or_all([store.manifest.source_fingerprint for store in stores]),
            "train_events": sum(len(portion) for portion in train),
            "validation_events": sum(len(part.validation) for part in parts),
            "calibration_events": sum(len(part.calibration) for part in parts),
            "energy_range_gev": _energy_range_gev(stores, cuts),
            "split": _one_or_all([part.description for part in parts]),
            "data_sets": [one.record() for one in requested],
        }
        validate = [Portion(store, part.validation) for store, part in zip(stores, parts, strict=True)]
        calibrate = [Portion(store, part.calibration) for store, part in zip(stores, parts, strict=True)]
        weights = _weights(options.event_weights, train, validate)
        yield Material(tuple(train), tuple(validate), tuple(calibrate), detector, facts, weights)


def _weights(
    column: str | None, train: Sequence[Portion], validate: Sequence[Portion]
) -> EventWeights | None:
    return None if column is None else EventWeights.measured(column, train, validate)


def _opened(
    chosen: Sequence[DataChoice], detector: Detector, listing: Path | None, *, need_truth: bool
) -> list[Source]:
    """Open the sources, leaving out bad events where the choice says so."""
    sources, bad_events = [], list[Skipped]()
    for one in chosen:
        source = one.open()
        if one.skip_bad:
            source, skipped = skip_bad(source, detector, need_truth=need_truth)
            bad_events += skipped
        sources.append(source)
    if listing is not None:
        write_skipped(listing, bad_events)
    return sources


def _say_shares(train: Sequence[Portion], chosen: Sequence[DataChoice]) -> None:
    total = sum(map(len, train))
    for portion, one in zip(train, chosen, strict=True):
        share = 100 * len(portion) / total
        logger.info("an epoch sees %d events (%.0f %%) of %s", len(portion), share, one.data.label)


def _cut(store: Store, condition: str | None) -> Int[ndarray, "event"] | None:
    """The rows for which a condition is true; None where there is none."""
    if condition is None:
        return None
    from icereco.data.cut import rows_where  # polars is for conditions alone

    rows = rows_where(store, condition)
    logger.info("%s: %d of %d events where %s", store.manifest.source, len(rows), len(store), condition)
    return rows


def _require_parts(parts: Sequence[Split], conditions: Iterable[str | None]) -> None:
    """Check that cuts leave something of what trains and of what validates."""
    cuts = " or ".join(dict.fromkeys(one for one in conditions if one is not None))
    lengths = {
        "train on": [len(part.train) for part in parts],
        "validate on": [len(part.validation) for part in parts],
    }
    for purpose, counts in lengths.items():
        if cuts and not any(counts):
            raise IcerecoError(
                f"--where {cuts!r} leaves no event to {purpose} ({_counted(lengths)}); "
                "widen it, or hold out more events: -o train.validation_events=…"
            )


def _counted(lengths: Mapping[str, Sequence[int]]) -> str:
    return ", ".join(f"{sum(counts)} to {purpose}" for purpose, counts in lengths.items())


@contextmanager
def _store(
    source: Source, detector: Detector, seed: int, stages: Stages, *, whole: bool, need_truth: bool
) -> Iterator[Store]:
    """Open a store, complete, or else still growing if the source has many events in several files."""
    if whole or is_store(source) or len(source.parts()) == 1 or source.count() <= EXACT_EVENTS:
        store = prepared(source, detector, stages("sorting"))
        _require_trainable(store, source.path, need_truth=need_truth)
        yield store
        return
    with growing(source, detector, lambda store: part_order(store, seed), need_truth=need_truth) as store:
        if store.wait is None:
            _require_trainable(store, source.path, need_truth=need_truth)
        else:
            logger.info(
                "%s: %d events are prepared while training goes on; what is done is kept for the next time",
                source.path,
                len(store),
            )
        yield store


def _require_trainable(store: Store, path: Path, *, need_truth: bool) -> None:
    if need_truth and not store.has_truth:
        raise IcerecoError(
            f"{path} has no truth to train on: it needs the columns azimuth and zenith "
            "(in Kaggle's layout train_meta.parquet beside the train folder). Without truth a model can be pre-trained: "
            "icereco train --profile pretrain"
        )
    if need_truth:
        store.require_truth()
    if not store.manifest.pulses:
        raise IcerecoError(
            f"{path}: none of its {len(store):,} events has a pulse, so there is nothing to learn from"
        )


def _split(
    stores: Sequence[Store],
    sources: Sequence[Source],
    rules: Sequence[SplitRule | None],
    cuts: Sequence[Int[ndarray, "event"] | None],
    options: TrainOptions,
) -> list[Split]:
    """Split each data set separately, in proportion to its share of all events, and cut the parts afterwards."""
    total = sum(map(len, stores))
    splits = []
    for store, source, rule, cut in zip(stores, sources, rules, cuts, strict=True):
        share = len(store) / total
        train = None if options.events is None else max(round(options.events * share), 1)
        if cut is None:
            splits.append(_split_one(store, source, rule, share, train, options))
            continue
        whole = _split_one(store, source, rule, share, None, options)
        splits.append(_cut_split(store, whole, cut, train))
    return splits


def _cut_split(store: Store, whole: Split, rows: Int[ndarray, "event"], train: int | None) -> Split:
    from icereco.data.cut import cut_split

    split = cut_split(store, whole, rows, train)
    return split if _enough(len(split.calibration)) else replace(split, calibration=RowNumbers(rows[:0]))


def _split_one(
    store: Store,
    source: Source,
    rule: SplitRule | None,
    share: float,
    train: int | None,
    options: TrainOptions,
) -> Split:
    """Split a data set with a share of all events, as it declares or else by hash."""
    validation = max(round(options.validation_events * share), 1)
    if rule is not None:
        calibration = _calibration(options, validation, share)
        return declared_split(store, rule, source.part_names(), validation, train, calibration)
    validation = min(validation, max(int(len(store) * LARGEST_VALIDATION_SHARE), 1))
    calibration = min(_calibration(options, validation, share), int(len(store) * LARGEST_CALIBRATION_SHARE))
    return split(store, validation, options.seed, train, _enough(calibration))


def _calibration(options: TrainOptions, validation: int, share: float) -> int:
    """How many events calibrate of a data set with a share of all events."""
    return _enough(min(round(options.calibration_events * share), validation))


def _enough(events: int) -> int:
    """None, rather than too few to fit anything to."""
    return events if events >= LEAST_EVENTS else 0


def _one_or_all(texts: list[str]) -> str | list[str] | None:
    return texts if len(texts) > 1 else next(iter(texts), None)


def _energy_range_gev(
    stores: Sequence[Store], cuts: Sequence[Int[ndarray, "event"] | None]
) -> list[float] | None:
    """The smallest and largest true energy; None where one is not known, or not yet, as files are still prepared."""
    if any(store.wait is not None or "energy_gev" not in store.targets for store in stores):
        return None
    energies = [
        energy[energy > 0]  # False for NaN
        for store, cut in zip(stores, cuts, strict=True)
        for energy in (store.each("energy") if cut is None else [store.column("energy")[cut]])
    ]
    known = [energy for energy in energies if len(energy)]
    if not known:
        return None
    return [float(min(map(np.min, known))), float(max(map(np.max, known)))]


def _simulate(profile: Profile, detector: Detector, stages: Stages) -> Path:
    if profile.simulation is None:
        raise IcerecoError(
            f"profile {profile.name!r} has no [simulation] to make events with; give a file or folder with --data"
        )
    options = profile.train
    held_out = options.validation_events + _calibration(options, options.validation_events, 1.0)
    events = (options.events or DEFAULT_EVENTS) + held_out
    return simulated_events(profile.simulation, detector, events, SIMULATION_SEED, stages("simulating"))


def _budget(options: TrainOptions) -> Budget:
    return Budget(options.pulses_per_batch, options.doms_per_batch, options.events_per_batch)

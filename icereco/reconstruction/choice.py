"""What reconstructs events where nothing is named: the newest run of their detector, or else a trained model, or else a fit."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from icereco.data.catalog import DataSet
from icereco.data.sources.detector_of import are_of, detector_of
from icereco.data.sources.source import Source
from icereco.detector.detector import Detector, load_detector
from icereco.errors import IcerecoError
from icereco.reconstruction.method_names import WITHOUT_MODEL
from icereco.reconstruction.methods import Method, untrained_method
from icereco.reconstruction.models import Weights, trained_method
from icereco.runs.folder import finished_runs, list_runs
from icereco.system.log import get_logger
from icereco.trained.library import Library, TrainedModel

__all__ = ["Choice", "Events", "choose"]

logger = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Choice:
    """The method that is used, and in words what it is and why it was chosen."""

    method: Method
    words: str


@dataclass(frozen=True, slots=True, eq=False)
class Events:
    """What is known of the detector of the events that are going to be reconstructed.

    Attributes:
        source: the first of them; None where they are still to come, and the user says of which detector they are.
        detector: of them, as the user or the data set says, or as their sensors or the file show; None if no card fits.
        certain: whether the user or the data set says so. The numbers of sensors alone fit several detectors.
    """

    source: Source | None
    detector: Detector | None
    certain: bool

    @classmethod
    def of(cls, data: Sequence[DataSet], sources: Sequence[Source], named: str | Path | None) -> "Events":
        """Find out.

        Args:
            data: the data sets.
            sources: each of them, opened.
            named: the detector that the user names, if any.
        """
        declared = [one.detector for one in data if one.detector is not None]
        said = named or next(iter(declared), None)
        if said is not None:
            return cls(next(iter(sources), None), load_detector(said), certain=True)
        try:
            return cls(sources[0], detector_of(sources[0]), certain=False)
        except IcerecoError:  # a model may have been trained for a detector without a card
            return cls(sources[0], None, certain=False)

    def can_be_of(self, detector: Detector) -> bool:
        """Return whether a run in the working folder may be meant, whose detector this is."""
        if self.detector is None:
            return are_of(self.first, detector)
        if np.array_equal(self.detector.position_m, detector.position_m):
            return True
        return not self.certain and _has_sensors(self.first, detector)

    def are_for(self, model: TrainedModel) -> bool:
        """Return whether a trained model is for their detector, as far as anybody can tell."""
        if self.detector is not None and (self.certain or self.first.geometry() is None):
            return self.detector.name == model.card.detector
        return are_of(self.first, _detector_in(model.weights()))  # by places of modules; or no card fits

    @property
    def first(self) -> Source:
        """The source, where one is needed to find out."""
        assert self.source is not None, "without events their detector is certain"
        return self.source

    @property
    def label(self) -> str:
        """The name of the detector."""
        return "this detector" if self.detector is None else self.detector.name


def choose(
    events: Events, runs: Path, library: Library, options: Mapping[str, str], device: str | None = None
) -> Choice:
    """Choose a method: the newest finished run of the detector, or else the trained model for it, or else the likelihood fit.

    Args:
        events: which are reconstructed.
        runs: folder of runs.
        library: of trained models; the user's own go first, the newest of them, or else the one with the smallest error.
        options: of the likelihood fit; where there are any, that is chosen.
        device: as for `icereco.system.devices.find_device`.

    Raises:
        IcerecoError: a checkpoint is damaged; or there is no model, and the detector has no light model to fit with.
    """
    if options:
        words = "".join(f", {key}={value}" for key, value in options.items())
        return Choice(_fit(events, options, device), f"method {WITHOUT_MODEL}{words}")
    finished = finished_runs(runs)
    for number, run in enumerate(finished):
        if events.can_be_of(_detector_in(run.best)):
            newest = "the newest finished one" + (f" of {events.label}" if number else "")
            return Choice(trained_method(Weights.of_run(run), device), f"run {run.name}, {newest}")
    reason = _why_no_run(runs, bool(finished), events.label)
    for model in sorted(_usable(library), key=_preference, reverse=True):
        if events.are_for(model):
            origin = "which comes with icereco" if model.origin == "built in" else "one of yours"
            words = f"model {model.name}, {origin}, as {reason}"
            return Choice(trained_method(Weights.of_model(model), device), words)
    return _without_model(events, reason, device)


def _without_model(events: Events, reason: str, device: str | None) -> Choice:
    if events.detector is None:
        detector_of(events.first)  # raises what is known of their sensors
    other = (
        f"train one: icereco train -o detector.use={events.label}; quicker without training: --method linefit"
    )
    try:
        method = _fit(events, {}, device)
    except IcerecoError as error:
        raise IcerecoError(
            f"there is no model for {events.label}, as {reason}, and it cannot be fitted by --method {WITHOUT_MODEL}: "
            f"{error}\n{other}"
        ) from None
    return Choice(
        method, f"method {WITHOUT_MODEL}, as {reason} and there is no model for {events.label} ({other})"
    )


def _fit(events: Events, options: Mapping[str, str], device: str | None) -> Method:
    detector = detector_of(events.first) if events.detector is None else events.detector
    return untrained_method(WITHOUT_MODEL, detector, options, device)


def _preference(model: TrainedModel) -> tuple[bool, str, float]:
    """The user's own before others, newer ones before older ones; of those that come with icereco the one with the smallest error."""
    own, overall = model.origin == "yours", model.card.overall
    return own, model.card.date.isoformat() if own else "", -180.0 if overall is None else -overall.median_deg


def _usable(library: Library) -> list[TrainedModel]:
    problems: list[str] = []
    models = library.models(problems)
    for problem in problems:
        logger.warning("a model is left out: %s", problem)
    return models


def _why_no_run(runs: Path, any_finished: bool, detector: str) -> str:
    if any_finished:
        return f"no finished run in {runs} is of {detector}"
    names = [run.name for run in list_runs(runs) if run.best.is_file()]
    if names:
        return f"no run in {runs} has finished ({names[0]} has weights: --run {names[0]})"
    return "no model has been trained here"


def _detector_in(checkpoint: Path) -> Detector:
    from icereco.model.checkpoint import (
        detector_in,  # not at the top: a method without training needs no torch
    )

    return detector_in(checkpoint)


def _has_sensors(source: Source, detector: Detector) -> bool:
    """Whether the first events have no sensor that the detector lacks, nor anything else wrong."""
    try:
        source.require_first(detector, quiet=True)
    except IcerecoError:
        return False
    return True

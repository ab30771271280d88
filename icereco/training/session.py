"""One training session: from a profile and data, or from a run that was stopped, to a run folder full of results."""

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

from icereco import __version__
from icereco.detector.detector import Detector, load_detector
from icereco.errors import IcerecoError
from icereco.events.batch import EventBatch
from icereco.events.tensors import to_tensors
from icereco.model.feature_check import check_features
from icereco.model.model import Model, build_model
from icereco.profiles import Profile, parse_profile
from icereco.protocols import Fittable, SelfSupervised
from icereco.runs.folder import RunFolder
from icereco.runs.metrics import numbers_of
from icereco.runs.orders import OrderReader
from icereco.runs.provenance import provenance
from icereco.system.devices import find_device
from icereco.system.log import get_logger
from icereco.training.averaging import AveragedModel, running_average
from icereco.training.calibration import calibrated
from icereco.training.checkpoints import Checkpoints, TimedCheckpoints
from icereco.training.data_choice import DataChoice
from icereco.training.datasets import Material, Stages, gather
from icereco.training.frozen_parts import freeze
from icereco.training.observer import Observers, TrainingObserver
from icereco.training.optimizer import Optimizers, build_optimizers
from icereco.training.order_handler import Orders, StoppedEarlyError, obeying_stages
from icereco.training.recorder import Recorder
from icereco.training.resume_state import Position, load_state
from icereco.training.start import Loaded, Start
from icereco.training.stop_request import StopRequest
from icereco.training.target_check import require_targets
from icereco.training.trainer import Batches, NonFiniteLossError, Trainer
from icereco.training.validation_file import ValidationFile
from icereco.training.wandb import Tracker

__all__ = ["Session", "begin", "resume"]

logger = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Session:
    """A training that is ready to start or to resume.

    Attributes:
        batches: the training events.
        average: the running mean of the weights, if one is kept.
        position: the progress of the training, updated while it runs.
        facts: provenance of the run, also stored in its checkpoints.
        orders: reader of the run's control file.
    """

    run: RunFolder
    profile: Profile
    detector: Detector
    material: Material
    model: Model
    optimizers: Optimizers
    batches: Batches
    average: AveragedModel | None
    position: Position
    facts: dict[str, Any]
    orders: OrderReader

    def trainer(self, observer: TrainingObserver) -> Trainer:
        """Return a trainer that starts at `position` and reports to `observer` alone; it writes no files itself."""
        return Trainer(
            model=self.model,
            optimizers=self.optimizers,
            options=self.profile.train,
            batches=self.batches,
            validation=lambda: self.material.validation(self.profile.train),
            observer=observer,
            average=self.average,
            weights=self.material.weights,
            position=self.position,
        )

    def train(self, stop: StopRequest, tracker: Tracker, display: TrainingObserver) -> bool:
        """Train to the end, or until a stop is requested; True if the end was reached. Saves in either case.

        Raises:
            NonFiniteLossError: the loss or its gradient is not finite; the last good checkpoint is kept.
        """
        recorder = Recorder(
            self.run, tracker, self.position, self.profile.train.epochs, self.batches, self.orders.offset
        )
        pretraining = isinstance(self.model.loss, SelfSupervised)  # nothing is reconstructed
        files = [] if pretraining else [self._validation_file()]
        records = Observers(self._checkpoints(), *files, recorder)
        orders = Orders(self.orders, stop, recorder, records)
        recorder.say("training")
        try:
            trainer = self.trainer(Observers(records, display, TimedCheckpoints(records), orders))
            ended = trainer.run(stop)
        except BaseException as error:
            recorder.say("failed", str(error) if isinstance(error, NonFiniteLossError) else _message(error))
            raise
        records.on_checkpoint("last")
        if not ended:
            recorder.say("stopped", f"resume with: icereco train --resume {self.run.name}")
            return False
        recorder.ends_early = trainer.ends_early
        why = self._why_early(trainer.progress) if trainer.ends_early else None
        if not pretraining:
            recorder.say("validating")
            self._reconstruct_validation(recorder)
        recorder.say("finished", why)
        return True

    def _why_early(self, progress: float) -> str:
        options = self.profile.train
        why = (
            f"ended early, after {progress * options.epochs:.2f} of {options.epochs} epochs: no lower validation loss in "
            f"{options.patience} validations (train.patience)"
        )
        logger.info(why)
        return why

    def _checkpoints(self) -> Checkpoints:
        return Checkpoints(
            self.run,
            self.profile,
            self.detector,
            self.model,
            self.optimizers,
            self.average,
            self.position,
            self._facts,
        )

    def _validation_file(self, **facts: Any) -> ValidationFile:
        facts |= {"method": self.profile.name}
        return ValidationFile(self.run.validation, lambda: self._facts() | facts)

    def _facts(self) -> dict[str, Any]:
        position = self.position
        return self.facts | {"run": self.run.name, "step": position.step, "events": position.events}

    def _reconstruct_validation(self, recorder: Recorder) -> None:
        """Write the reconstructions of the validation events by the best weights, together with the line fit."""
        best = calibrated(self.run.best, self.material.calibration(self.profile.train), _device(self.model))
        observer = Observers(self._validation_file(checkpoint_sha256=best.sha256), recorder)
        with observer.during_validation():
            for batch in self.material.validation(self.profile.train):
                observer.on_validation_batch(batch, best.model.reconstruct(batch))


@contextmanager
def begin(
    profile: Profile,
    data: Path | Sequence[DataChoice] | None,
    run: RunFolder,
    stages: Stages,
    device: torch.device | None = None,
    more_facts: Mapping[str, Any] | None = None,
    start: Start | None = None,
) -> Iterator[Session]:
    """Start a new training in an empty run folder, which is locked for this process while the block lasts.

    Args:
        profile: the model and how to train it.
        data: events to train on; None for simulated ones.
        run: a folder from `RunFolder.create`.
        stages: receives the progress of each stage of preparing the data.
        device: where to train; by default the first GPU if there is one.
        more_facts: further provenance of the run.
        start: the trained model whose weights it starts with, as far as they fit; None for random ones.

    Raises:
        IcerecoError: the data cannot be trained on, nothing of `start` fits, or the folder is in use.
    """
    with run.lock(), _log_to(run), ExitStack() as stack:
        orders = OrderReader(run.control)  # before the status announces that orders are accepted
        # A run that never began would block the next run of the same name.
        stack.enter_context(_preparing(run, lambda _: run.discard()))
        run.write_profile(profile.resolved_toml())
        stages, detector = obeying_stages(stages, run, orders), load_detector(profile.detector)
        model = _build(profile, detector)
        loaded = Loaded() if start is None else start.load_into(model, profile, detector)
        if start is None and profile.train.frozen:
            logger.warning(
                "frozen at random first values, as there is no --from: %s", ", ".join(profile.train.frozen)
            )
        material = stack.enter_context(gather(profile, detector, data, stages, run.skipped))
        used = device or find_device()
        computing = {"device": str(used), "threads": torch.get_num_threads(), **(more_facts or {})}
        computing |= {} if start is None else {"start": start.record()}
        computing |= {"self_supervised": True} if isinstance(model.loss, SelfSupervised) else {}
        facts = provenance(**material.facts, **computing)
        session = _assemble(run, profile, model, material, facts, orders, used, loaded)
        run.write_provenance(session.facts)
        yield session


@contextmanager
def resume(run: RunFolder, stages: Stages, device: torch.device | None = None) -> Iterator[Session]:
    """Resume a stopped training exactly where it ended; bit for bit on the same device, with as many threads.

    Raises:
        IcerecoError: there is no state to resume from, the run has finished or is in use, or its data has changed.
    """
    with run.lock(), _log_to(run):
        if run.state() == "finished":
            raise IcerecoError(_finished(run))
        if not _states(run):
            raise IcerecoError(
                f"run {run.name!r} saved nothing to resume from ({run.training_state} is missing); start a new training"
            )
        orders = OrderReader(run.control)
        with (
            _preparing(run, lambda error: run.write_status("stopped", message=_message(error))),
            ExitStack() as stack,
        ):
            stages = obeying_stages(stages, run, orders)
            yield _recall(run, stages, orders, stack, device or find_device())


def _finished(run: RunFolder) -> str:
    status = run.status()
    why = f": it {status.message}" if status is not None and status.message else ""
    return (
        f"run {run.name!r} has finished{why}\n  evaluate it: icereco evaluate {run.name}\n"
        f"  or go on from its best weights with a new run: icereco train --from {run.name}"
    )


def _changed(run: RunFolder, data: Sequence[DataChoice], version: str) -> str:
    """Explain that a run cannot resume because its data has changed; `version` is the icereco that began it."""
    names = ", ".join(one.absolute() for one in data)
    if not names and version != __version__:
        return (
            f"run {run.name!r} trains on events that icereco {version} simulated, and {__version__} simulates different ones: "
            f"start a new training, or resume this one with icereco {version}"
        )
    return f"the data of run {run.name!r} ({names or 'simulated'}) has changed since it began; start a new training"


def _recall(
    run: RunFolder, stages: Stages, orders: OrderReader, stack: ExitStack, device: torch.device
) -> Session:
    profile = parse_profile(run.profile_text(), run.profile_name() or run.name)
    facts = run.provenance()
    data = DataChoice.recorded(facts.get("data_sets", []))
    detector = load_detector(profile.detector)
    material = stack.enter_context(gather(profile, detector, data, stages, run.skipped))
    if material.facts["data_fingerprint"] != facts.get("data_fingerprint"):
        raise IcerecoError(_changed(run, data, str(facts.get("icereco", "of unknown version"))))
    model = _build(profile, detector)
    session = _assemble(run, profile, model, material, facts, orders, device, Loaded())
    position = _newest_state(run, session)
    run.rewind_metrics(position.step)
    _report_gap(run, position.step, profile.train.log_every_steps)
    logger.info("going on from step %s", f"{position.step:,}")
    return replace(session, position=position)


def _build(profile: Profile, detector: Detector) -> Model:
    model = build_model(profile, detector, profile.train.seed)
    freeze(model, profile.train.frozen)
    return model


def _states(run: RunFolder) -> list[Path]:
    """The saved states of a training, the newest first."""
    return [path for path in (run.training_state, run.training_state_before) if path.is_file()]


def _newest_state(run: RunFolder, session: Session) -> Position:
    """Restore the newest state that is whole."""
    newest, *older = _states(run)
    try:
        return load_state(newest, session.model, session.optimizers, session.average)
    except IcerecoError as error:
        if not older:
            raise
        logger.warning("%s; the state before it is used", error)
        return load_state(older[0], session.model, session.optimizers, session.average)


def _report_gap(run: RunFolder, step: int, log_every_steps: int) -> None:
    """Warn where metrics before the saved state are missing, as after a power cut: they are not written again."""
    last = max((numbers_of(row).get("step", 0.0) for row in run.read_metrics()), default=0.0)
    if last < step - step % log_every_steps:
        logger.warning(
            "the metrics of steps %s to %s are missing from %s", f"{last + 1:,.0f}", f"{step:,}", run.metrics
        )


@contextmanager
def _preparing(run: RunFolder, give_up: Callable[[BaseException], None]) -> Iterator[None]:
    """Write the status "preparing"; an error before the first step is passed to `give_up`."""
    run.write_status("preparing")
    try:
        yield
    except BaseException as error:
        status = run.status()
        if status is not None and status.phase == "preparing":
            if isinstance(error, StoppedEarlyError):
                run.write_status("stopped", message=str(error))
            else:
                give_up(error)
        raise


def _message(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}"


def _assemble(
    run: RunFolder,
    profile: Profile,
    model: Model,
    material: Material,
    facts: dict[str, Any],
    orders: OrderReader,
    device: torch.device,
    loaded: Loaded,
) -> Session:
    options = profile.train
    if device.type == "cuda":
        torch.cuda.set_device(device)  # whose random numbers are then saved and restored
    model = model.to(device)
    torch.manual_seed(options.seed)  # dropout
    batches = material.training(options)
    if not loaded.normalizer:
        _fit_normalizer(model, batches)
    _meet_first_batch(model, material.first_batch(options), loaded)
    return Session(
        run=run,
        profile=profile,
        detector=material.detector,
        material=material,
        model=model,
        optimizers=build_optimizers(model, options),
        batches=batches,
        average=running_average(model, options),
        position=Position(),
        facts=facts,
        orders=orders,
    )


def _fit_normalizer(model: Model, batches: Batches) -> None:
    """Fit a normalizer that learns from training events; a resumed training then loads the fitted constants."""
    if isinstance(model.normalizer, Fittable):
        with model.attributing("normalizer", "when it was fitted"):
            model.normalizer.fit(to_tensors(batch, _device(model)) for batch in batches.epoch(0))


def _meet_first_batch(model: Model, batch: EventBatch, loaded: Loaded) -> None:
    """Check targets and features of one batch, as wrong units may lead to NaN hours later; centre new outputs on it."""
    require_targets(model, batch)
    if warning := check_features(model.features(to_tensors(batch, _device(model)))):
        logger.warning(warning)
    model.centre_outputs(batch, model.heads.keys() - loaded.heads)


def _device(model: Model) -> torch.device:
    return next(model.parameters()).device


@contextmanager
def _log_to(run: RunFolder) -> Iterator[None]:
    """Write the log to the run folder as well."""
    handler = logging.FileHandler(run.log, encoding="utf-8")
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)-7s %(name)s %(message)s"))
    root = logging.getLogger("icereco")
    root.addHandler(handler)
    try:
        yield
    finally:
        root.removeHandler(handler)
        handler.close()

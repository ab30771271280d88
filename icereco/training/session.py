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
from icereco.model.model import Model, build_model
from icereco.profiles import Profile, parse_profile
from icereco.protocols import SelfSupervised
from icereco.runs.folder import RunFolder
from icereco.runs.orders import OrderReader
from icereco.runs.provenance import provenance
from icereco.system.devices import find_device
from icereco.system.log import get_logger
from icereco.training.averaging import AveragedModel, running_average
from icereco.training.batches import Batches
from icereco.training.calibration import calibrated
from icereco.training.checkpoints import Checkpoints, TimedCheckpoints
from icereco.training.collection import Release
from icereco.training.data_choice import DataChoice
from icereco.training.datasets import Material, Stages, gather
from icereco.training.division import UNDIVIDED, Division
from icereco.training.frozen_parts import freeze
from icereco.training.invitation import Invitation
from icereco.training.observer import Observers, TrainingObserver
from icereco.training.optimizer import Optimizers, build_optimizers
from icereco.training.order_handler import Orders, StoppedEarlyError, obeying_stages
from icereco.training.ranks import RankLostError
from icereco.training.recorder import Recorder
from icereco.training.resume_state import Position, state_tensors
from icereco.training.saved_states import report_gap, restore_newest, saved_states
from icereco.training.start import Loaded, Start
from icereco.training.step_sharing import require_shares
from icereco.training.stop_request import StopRequest
from icereco.training.trainer import Trainer
from icereco.training.untrained import fit_normalizer, meet_first_batch
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
        division: the processes that train, of which this is the first, and how they divide the weights.
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
    division: Division

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
            division=self.division,
        )

    def train(self, stop: StopRequest, tracker: Tracker, display: TrainingObserver) -> bool:
        """Train to the end, or until a stop is requested; True if the end was reached. Saves in either case.

        Raises:
            NonFiniteLossError: the loss or its gradient is not finite; the last good checkpoint is kept.
            RankLostError: another process has ended; the last checkpoint is kept.
        """
        recorder = Recorder(
            self.run, tracker, self.position, self.profile.train.epochs, self.batches, self.orders.offset
        )
        pretraining = isinstance(self.model.loss, SelfSupervised)  # nothing is reconstructed
        files = [] if pretraining else [self._validation_file()]
        records = Observers(self._checkpoints(), *files, recorder)
        orders = Orders(self.orders, stop, recorder, records)
        recorder.say("training")
        how_to_resume = f"resume with: icereco train --resume {self.run.name}"
        try:
            with self.division.ranks.watching():
                self._invite()
                self.division.divide(self.model, self.optimizers, self.average)
                release = Release(self.division)
                trainer = self.trainer(
                    Observers(records, display, TimedCheckpoints(records), orders, release)
                )
                ended = trainer.run(stop)
                records.on_checkpoint("last")
                release.between_steps()
        except BaseException as error:
            recorder.say("failed", _message(error))
            if isinstance(error, RankLostError):
                raise RankLostError(f"{error}\n  {how_to_resume}") from error
            raise
        if not ended:
            recorder.say("stopped", how_to_resume)
            return False
        recorder.ends_early = trainer.ends_early
        why = self._why_early(trainer.progress) if trainer.ends_early else None
        if not pretraining:
            recorder.say("validating")
            self._reconstruct_validation(recorder)
        recorder.say("finished", why)
        return True

    def _invite(self) -> None:
        """Send the other processes what they need to train along."""
        if self.division.ranks.count == 1:
            return
        Invitation(
            profile=(self.profile.resolved_toml(), self.profile.name),
            data_sets=self.facts.get("data_sets", []),
            fingerprint=self.facts["data_fingerprint"],
            state=state_tensors(self.model, self.optimizers, self.average),
            position=self.position,
            shard=self.division.wanted,
        ).send(self.division.ranks)

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
            self.division,
        )

    def _validation_file(self, **facts: Any) -> ValidationFile:
        facts |= {"method": self.profile.name}
        return ValidationFile(self.run.validation, lambda: self._facts() | facts)

    def _facts(self) -> dict[str, Any]:
        position = self.position
        return self.facts | {"run": self.run.name, "step": position.step, "events": position.events}

    def _reconstruct_validation(self, recorder: Recorder) -> None:
        """Write the reconstructions of the validation events by the best weights, together with the line fit."""
        best = calibrated(
            self.run.best, self.material.calibration(self.profile.train), next(self.model.parameters()).device
        )
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
    division: Division = UNDIVIDED,
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
        division: the processes that train, of which this is the first, and how they divide the weights.

    Raises:
        IcerecoError: the data cannot be trained on, nothing of `start` fits, or the folder is in use.
    """
    ranks = division.ranks
    require_shares(profile.train, ranks)
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
        gathered = gather(profile, detector, data, stages, run.skipped, whole=ranks.count > 1)
        material = stack.enter_context(gathered)
        used = device or find_device()
        computing = {"device": str(used), "threads": torch.get_num_threads(), **(more_facts or {})}
        computing |= {"processes": ranks.count} if ranks.count > 1 else {}
        computing |= {"shard": True} if division.wanted else {}
        computing |= {} if start is None else {"start": start.record()}
        computing |= {"self_supervised": True} if isinstance(model.loss, SelfSupervised) else {}
        facts = provenance(**material.facts, **computing)
        session = _assemble(run, profile, model, material, facts, orders, used, loaded, division)
        run.write_provenance(session.facts)
        yield session


@contextmanager
def resume(
    run: RunFolder,
    stages: Stages,
    device: torch.device | None = None,
    division: Division = UNDIVIDED,
) -> Iterator[Session]:
    """Resume a stopped training exactly where it ended; bit for bit on the same device, with as many threads and processes.

    Raises:
        IcerecoError: there is no state to resume from, the run has finished or is in use, or its data has changed.
    """
    with run.lock(), _log_to(run):
        if run.state() == "finished":
            raise IcerecoError(_finished(run))
        if not saved_states(run):
            raise IcerecoError(
                f"run {run.name!r} saved nothing to resume from ({run.training_state} is missing); start a new training"
            )
        orders = OrderReader(run.control)
        with (
            _preparing(run, lambda error: run.write_status("stopped", message=_message(error))),
            ExitStack() as stack,
        ):
            stages = obeying_stages(stages, run, orders)
            yield _recall(run, stages, orders, stack, device or find_device(), division)


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
    run: RunFolder,
    stages: Stages,
    orders: OrderReader,
    stack: ExitStack,
    device: torch.device,
    division: Division,
) -> Session:
    ranks = division.ranks
    profile = parse_profile(run.profile_text(), run.profile_name() or run.name)
    require_shares(profile.train, ranks)
    facts = run.provenance()
    data = DataChoice.recorded(facts.get("data_sets", []))
    detector = load_detector(profile.detector)
    gathered = gather(profile, detector, data, stages, run.skipped, whole=ranks.count > 1)
    material = stack.enter_context(gathered)
    if material.facts["data_fingerprint"] != facts.get("data_fingerprint"):
        raise IcerecoError(_changed(run, data, str(facts.get("icereco", "of unknown version"))))
    model = _build(profile, detector)
    session = _assemble(run, profile, model, material, facts, orders, device, Loaded(), division)
    position = restore_newest(run, session.model, session.optimizers, session.average)
    run.rewind_metrics(position.step)
    report_gap(run, position.step, profile.train.log_every_steps)
    logger.info("going on from step %s", f"{position.step:,}")
    return replace(session, position=position)


def _build(profile: Profile, detector: Detector) -> Model:
    model = build_model(profile, detector, profile.train.seed)
    freeze(model, profile.train.frozen)
    return model


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
    return str(error) if isinstance(error, IcerecoError) else f"{type(error).__name__}: {error}"


def _assemble(
    run: RunFolder,
    profile: Profile,
    model: Model,
    material: Material,
    facts: dict[str, Any],
    orders: OrderReader,
    device: torch.device,
    loaded: Loaded,
    division: Division,
) -> Session:
    options = profile.train
    if device.type == "cuda":
        torch.cuda.set_device(device)  # whose random numbers are then saved and restored
    model = model.to(device)
    torch.manual_seed(options.seed)  # dropout
    if not loaded.normalizer:
        fit_normalizer(model, material.training(options))
    meet_first_batch(model, material.first_batch(options), loaded)
    return Session(
        run=run,
        profile=profile,
        detector=material.detector,
        material=material,
        model=model,
        optimizers=build_optimizers(model, options, division.ranks),
        batches=material.training(options, division.ranks),
        average=running_average(model, options),
        position=Position(),
        facts=facts,
        orders=orders,
        division=division,
    )


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

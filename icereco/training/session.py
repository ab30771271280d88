"""One sitting of training: from a profile and data, or from a run that was stopped, to a run folder full of results."""

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from icereco import __version__
from icereco.detector.detector import Detector, load_detector
from icereco.errors import IcerecoError
from icereco.events.tensors import to_tensors
from icereco.model.checkpoint import load_checkpoint, save_checkpoint
from icereco.model.feature_check import check_features
from icereco.model.model import build_model
from icereco.profiles import Profile, parse_profile
from icereco.reconstruction.methods import comparison_methods
from icereco.runs.folder import RunFolder
from icereco.runs.orders import OrderReader
from icereco.runs.provenance import provenance
from icereco.system.log import get_logger
from icereco.tables.reconstruction_columns import reconstruction_rows
from icereco.tables.reconstructions import reconstruction_writer
from icereco.training.averaging import running_average
from icereco.training.data_choice import DataChoice
from icereco.training.datasets import Material, Stages, gather
from icereco.training.optimizer import build_optimizers
from icereco.training.order_handler import Orders, StoppedEarlyError, obeying_stages
from icereco.training.recorder import Recorder
from icereco.training.resume_state import Position, load_state, save_state
from icereco.training.stop_request import StopRequest
from icereco.training.trainer import Listener, NonFiniteLossError, Trainer, Witness
from icereco.training.wandb import Tracker

__all__ = ["Session", "begin", "resume"]

logger = get_logger(__name__)


@dataclass(slots=True)
class Session:
    """A training that is ready to run, or to go on.

    Attributes:
        facts: what the run was made with; goes into its checkpoints too.
        orders: of the run's control file.
    """

    run: RunFolder
    profile: Profile
    detector: Detector
    material: Material
    trainer: Trainer
    facts: dict[str, Any]
    orders: OrderReader

    def train(self, stop: StopRequest, tracker: Tracker, display: Listener) -> bool:
        """Train to the end, or until asked to stop; True if the end was reached. Saves in either case.

        Raises:
            NonFiniteLossError: the loss is no number any more; the last good checkpoint is kept.
        """
        recorder = Recorder(self.run, tracker, self.profile.train.epochs, lambda: self.trainer.progress)
        self.trainer.listener = Listeners([recorder, display])
        position = self.trainer.position
        self._connect(recorder, stop)
        recorder.say("training", position)
        try:
            ended = self.trainer.run(stop)
        except NonFiniteLossError as error:
            recorder.say("failed", position, str(error))
            raise
        except BaseException as error:
            recorder.say("failed", position, _told(error))
            raise
        self.trainer.save("last")
        if ended:
            recorder.say("validating", position)
            self._write_validation(lambda: recorder.beat("validating", position))
        hint = None if ended else f"resume with: icereco train --resume {self.run.name}"
        recorder.say("finished" if ended else "stopped", position, hint)
        return ended

    def _connect(self, recorder: Recorder, stop: StopRequest) -> None:
        """Let the trainer obey orders, and tell of its saving and validating."""
        trainer, position = self.trainer, self.trainer.position

        def save(which: str) -> None:
            self.save(which)
            recorder.saved_step = position.step

        recorder.answered = self.orders.offset
        recorder.saved_step = position.step or None  # a resumed training stands where it saved
        trainer.save = save
        trainer.between = Orders(self.orders, stop, recorder, position, lambda: save("last")).obey
        trainer.validating = lambda: recorder.beat("validating", position)
        trainer.witness = self._witness

    @contextmanager
    def _witness(self) -> Iterator[Witness]:
        """Keeps the reconstructions of a validation, for whoever looks at events while training goes on."""
        facts = self._facts() | {"method": self.profile.name}
        methods = comparison_methods()
        with reconstruction_writer(self.run.validation, facts) as output:
            yield lambda batch, found: output.write(
                reconstruction_rows(batch, found, {name: fit(batch) for name, fit in methods.items()})
            )

    def _facts(self) -> dict[str, Any]:
        position = self.trainer.position
        return self.facts | {"run": self.run.name, "step": position.step, "events": position.events}

    def save(self, which: str) -> None:
        """The weights as "best" or "last"; with "last" also all that is needed to resume."""
        trainer = self.trainer
        path = self.run.best if which == "best" else self.run.last
        save_checkpoint(path, trainer.result, self.profile, self.detector, self._facts())
        if which == "last":
            save_state(
                self.run.training_state, trainer.model, trainer.optimizers, trainer.position, trainer.average
            )

    def _write_validation(self, beat: Callable[[], None]) -> None:
        """Reconstructions of the validation events by the best weights, beside the line fit."""
        best = load_checkpoint(self.run.best, _device(self.trainer))
        methods = comparison_methods()
        facts = self._facts() | {"checkpoint_sha256": best.sha256, "method": self.profile.name}
        with reconstruction_writer(self.run.validation, facts) as output:
            for batch in self.material.validation(self.profile.train):
                found = best.model.reconstruct(batch)
                others = {name: fit(batch) for name, fit in methods.items()}
                output.write(reconstruction_rows(batch, found, others))
                beat()


class Listeners:
    """Tells several listeners."""

    def __init__(self, listeners: Sequence[Listener]) -> None:
        self.listeners = listeners

    def on_step(self, position: Position, loss: float) -> None:
        """Tell all."""
        for listener in self.listeners:
            listener.on_step(position, loss)

    def on_metrics(self, metrics: dict[str, Any]) -> None:
        """Tell all."""
        for listener in self.listeners:
            listener.on_metrics(metrics)


@contextmanager
def begin(
    profile: Profile, data: Path | Sequence[DataChoice] | None, run: RunFolder, stages: Stages
) -> Iterator[Session]:
    """A new training in an empty run folder, which is this process's alone while the block lasts.

    Args:
        profile: the model and how to train it.
        data: events to train on; None for simulated ones.
        run: a folder from `RunFolder.create`.
        stages: told how far each stage of preparing the data is.

    Raises:
        IcerecoError: the data cannot be trained on, or the folder is in use.
    """
    with run.lock(), _log_to(run), ExitStack() as stack:
        orders = OrderReader(run.control)  # before anybody sees that orders are taken
        # A run that never began would only be in the way of the next of its name.
        stack.enter_context(_preparing(run, lambda _: run.discard()))
        run.write_profile(profile.resolved_toml())
        stages, detector = obeying_stages(stages, run, orders), load_detector(profile.detector)
        material = stack.enter_context(gather(profile, detector, data, stages, run.skipped))
        session = _assemble(run, profile, material, provenance(**material.facts), orders)
        run.write_provenance(session.facts)
        yield session


@contextmanager
def resume(run: RunFolder, stages: Stages) -> Iterator[Session]:
    """A training that was stopped, to go on exactly where it stood.

    Raises:
        IcerecoError: nothing to go on from, already finished, in use, or the data has changed since.
    """
    with run.lock(), _log_to(run):
        if run.state() == "finished":
            raise IcerecoError(
                f"run {run.name!r} has finished; train a new one, or evaluate it: icereco evaluate {run.name}"
            )
        if not run.training_state.is_file():
            raise IcerecoError(
                f"run {run.name!r} saved nothing to resume from ({run.training_state} is missing); train anew"
            )
        orders = OrderReader(run.control)
        with (
            _preparing(run, lambda error: run.write_status("stopped", message=_told(error))),
            ExitStack() as stack,
        ):
            yield _recall(run, obeying_stages(stages, run, orders), orders, stack)


def _changed(run: RunFolder, data: Sequence[DataChoice], version: str) -> str:
    """Why a run cannot go on with other data than it began with; `version` is the icereco that began it."""
    names = ", ".join(one.absolute() for one in data)
    if not names and version != __version__:
        return (
            f"run {run.name!r} trains on events that icereco {version} simulated, and {__version__} simulates others: "
            f"train anew, or resume it with icereco {version}"
        )
    return f"the data of run {run.name!r} ({names or 'simulated'}) has changed since it began; train anew"


def _recall(run: RunFolder, stages: Stages, orders: OrderReader, stack: ExitStack) -> Session:
    profile = parse_profile(run.profile.read_text(encoding="utf-8"), run.profile_name() or run.name)
    facts = run.provenance()
    data = DataChoice.recorded(facts.get("data_sets", []))
    material = stack.enter_context(
        gather(profile, load_detector(profile.detector), data, stages, run.skipped)
    )
    if material.facts["data_fingerprint"] != facts.get("data_fingerprint"):
        raise IcerecoError(_changed(run, data, str(facts.get("icereco", "of unknown version"))))
    session = _assemble(run, profile, material, facts, orders)
    trainer = session.trainer
    trainer.position = load_state(run.training_state, trainer.model, trainer.optimizers, trainer.average)
    run.rewind_metrics(trainer.position.step)
    logger.info("going on from step %s", f"{trainer.position.step:,}")
    return session


@contextmanager
def _preparing(run: RunFolder, give_up: Callable[[BaseException], None]) -> Iterator[None]:
    """Say that the run is being prepared; what ends it before its first step goes to `give_up`."""
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


def _told(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}"


def _assemble(
    run: RunFolder, profile: Profile, material: Material, facts: dict[str, Any], orders: OrderReader
) -> Session:
    options = profile.train
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    detector = load_detector(profile.detector)
    model = build_model(profile, detector, options.seed).to(device)
    torch.manual_seed(options.seed)  # dropout
    trainer = Trainer(
        model=model,
        optimizers=build_optimizers(model, options),
        options=options,
        batches=material.training(options),
        validation=lambda: material.validation(options),
        listener=Listeners([]),
        save=lambda which: session.save(which),
    )
    session = Session(run, profile, detector, material, trainer, facts, orders)
    _fit_normalizer(trainer)
    _meet_first_batch(session)
    trainer.average = running_average(model, options)
    return session


def _fit_normalizer(trainer: Trainer) -> None:
    """Let a normalizer that learns from training events do so; a resumed training then loads what it learned."""
    normalizer = trainer.model.normalizer
    if hasattr(normalizer, "fit"):
        device = _device(trainer)
        normalizer.fit(to_tensors(batch, device) for batch in trainer.batches.epoch(0))


def _meet_first_batch(session: Session) -> None:
    """Check the features of one batch, as wrong units end in NaN hours later, and centre the outputs on it."""
    batch = session.material.first_batch(session.profile.train)
    features = session.trainer.model.normalizer(to_tensors(batch, _device(session.trainer)))
    if warning := check_features(features):
        logger.warning(warning)
    session.trainer.model.centre_outputs(batch)


def _device(trainer: Trainer) -> torch.device:
    return next(trainer.model.parameters()).device


@contextmanager
def _log_to(run: RunFolder) -> Iterator[None]:
    """Keep what is logged in the run folder too."""
    handler = logging.FileHandler(run.log, encoding="utf-8")
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)-7s %(name)s %(message)s"))
    root = logging.getLogger("icereco")
    root.addHandler(handler)
    try:
        yield
    finally:
        root.removeHandler(handler)
        handler.close()

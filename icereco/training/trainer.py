"""The training loop: batches in, steps, validations and checkpoints out."""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import islice
from typing import Any

import numpy as np
import torch
from numpy import ndarray
from torch import nn

from icereco.errors import IcerecoError
from icereco.evaluation.validation_figures import ValidationFigures
from icereco.events.batch import EventBatch
from icereco.events.reconstruction import Reconstruction
from icereco.events.tensors import to_tensors
from icereco.model.model import Model
from icereco.model.precision import full_precision
from icereco.profiles.train_options import TrainOptions
from icereco.protocols import SelfSupervised
from icereco.system.log import get_logger
from icereco.training.averaging import AveragedModel, averaged
from icereco.training.batches import Batches
from icereco.training.divided import whole
from icereco.training.division import UNDIVIDED, Division
from icereco.training.event_losses import EventLosses, outputs_and_losses
from icereco.training.event_weights import EventWeights
from icereco.training.observer import TrainingObserver
from icereco.training.optimizer import Optimizers
from icereco.training.rank_rates import RankRates
from icereco.training.ranks import Ranks, without_averaging
from icereco.training.resume_state import Position
from icereco.training.schedule import rate_at
from icereco.training.step_size import UpdateRatio
from icereco.training.stop_request import StopRequest

__all__ = ["NonFiniteLossError", "Trainer"]

logger = get_logger(__name__)

_NEXT = (
    "The last good checkpoint is kept. Try a lower rate: -o train.learning_rate=…, or look at those events"
)


class NonFiniteLossError(IcerecoError):
    """The loss or its gradient is not finite; the weights are still those of the previous step."""


@dataclass(slots=True)
class Trainer:
    """One training, from `position` to the end of the last epoch.

    Attributes:
        validation: returns the batches to validate on, the same at each call.
        observer: receives every step, validation and checkpoint, and may wait between two steps.
        average: the running mean of the weights, if one is kept.
        weights: of the events in the loss; None where all count alike.
        division: the processes that share the batches of each step, of which `batches` gives the share of this one, and how they
            divide the weights.
    """

    model: Model
    optimizers: Optimizers
    options: TrainOptions
    batches: Batches
    validation: Callable[[], Iterator[EventBatch]]
    observer: TrainingObserver
    average: AveragedModel | None = None
    weights: EventWeights | None = None
    position: Position = field(default_factory=Position)
    division: Division = UNDIVIDED
    _losses: nn.Module = field(init=False)
    _rates: RankRates = field(init=False)

    def __post_init__(self) -> None:
        self._rates = RankRates(self.ranks)
        losses = EventLosses(self.model, self.options, self.weights)
        self._losses = losses if self.division.wanted else self.ranks.averaging(losses)

    @property
    def ranks(self) -> Ranks:
        """The processes that share the batches of each step."""
        return self.division.ranks

    def run(self, stop: StopRequest) -> bool:
        """Train to the end, early or not, or until a stop is requested; True if the end was reached.

        Raises:
            NonFiniteLossError: with the event ids of the batch.
        """
        while self.position.epoch < self.options.epochs and not self.ends_early:
            self._run_epoch(stop)
            if stop:
                return False
            if not self.ends_early:
                self.position.epoch += 1
                self.position.batch = 0
        return True

    @property
    def _least_batches(self) -> int:
        """How many batches every process takes in a step: weights that are divided are whole for all processes at once."""
        return self.options.batches_per_step // self.ranks.count if self.division.wanted else 1

    @property
    def progress(self) -> float:
        """Return the fraction of all training events seen, 0 to 1."""
        return self.position.progress(self.options.epochs * len(self.batches))

    @property
    def ends_early(self) -> bool:
        """Return whether the loss has not fallen for as many validations as there is patience, before the last epoch is over."""
        return 0 < self.options.patience <= self.position.validations_since_best and self.progress < 1.0

    def _run_epoch(self, stop: StopRequest) -> None:
        position = self.position
        stream = self.batches.epoch(position.epoch, position.batch)
        while counts := self._next_step(stream):
            batches, batches_of_all, events = counts
            started = time.perf_counter()
            losses = self._step_or_skip(batches, batches_of_all, events)
            position.batch += batches_of_all
            position.step += 1
            position.events += events
            position.seconds += time.perf_counter() - started
            self._report(losses, events)
            if (
                self.progress * self.options.epochs * self.options.validations_per_epoch
                >= position.validations + 1
            ):
                self._validate()
            self.observer.between_steps()
            if self._stops(stop) or self.ends_early:
                return
        # A stream whose length is only estimated may end an epoch before the last validation is due.
        if position.validations < (position.epoch + 1) * self.options.validations_per_epoch:
            self._validate()

    def _next_step(self, stream: Iterator[EventBatch]) -> tuple[list[EventBatch], int, int] | None:
        """The batches of this process, and how many batches and events all have; None at the end of the epoch."""
        with self._rates.working():
            batches = list(islice(stream, self.options.batches_per_step // self.ranks.count))
        of_all, events = self.ranks.total([len(batches), sum(map(len, batches))])
        return (batches, int(of_all), int(events)) if of_all else None

    def _stops(self, stop: StopRequest) -> bool:
        """Whether a stop was requested in any process, which then is one in all."""
        if self.ranks.any(bool(stop)):
            stop.reason = stop.reason or "another process"
        return bool(stop)

    def _step_or_skip(
        self, batches: Sequence[EventBatch], batches_of_all: int, events: int
    ) -> dict[str, float] | None:
        """One optimizer step, see `step`; None where it was left out, as its loss or gradient is not finite."""
        position = self.position
        try:
            losses = self.step(*batches, events=events)
        except NonFiniteLossError as error:
            if position.skipped_in_a_row >= self.options.skip_nonfinite:
                raise NonFiniteLossError(f"{error}. {_NEXT}") from None
            if self.ranks.leads:
                logger.warning("left out, as %s", error)
            position.skipped_in_a_row += 1
            position.skipped_batches += batches_of_all
            return None
        position.skipped_in_a_row = 0
        return losses

    def step(
        self, *batches: EventBatch, events: int | None = None, rate: float | None = None
    ) -> dict[str, float]:
        """One optimizer step; the mean "loss" of its events, and "loss/<name>" where there are several.

        Args:
            batches: the share of this process.
            events: of all processes; by default those of `batches`.
            rate: the fraction of the full learning rate; by default that of the schedule.

        Returns:
            The losses, "gradient_norm" before it is clipped, and at steps that are reported "update_ratio".

        Raises:
            NonFiniteLossError: the weights are left as they were.
        """
        self.model.train()
        self.optimizers.zero_grad()
        self.ranks.seed(self.options.seed, self.position.step)
        values, bad = self._add_gradients(batches, sum(map(len, batches)) if events is None else events)
        if not np.isfinite(values["loss"]):
            raise NonFiniteLossError(self._blame(bad, "loss"))
        norm = whole(torch.nn.utils.clip_grad_norm_(self.model.parameters(), self.options.gradient_clip))
        if not torch.isfinite(norm):
            raise NonFiniteLossError(self._blame(batches, "gradient"))
        values["gradient_norm"] = float(norm)
        reported = (self.position.step + 1) % self.options.log_every_steps == 0
        ratio = UpdateRatio(self.model.parameters()) if reported else None
        self.optimizers.step(rate_at(self.progress, self.options) if rate is None else rate)
        if ratio is not None:
            values["update_ratio"] = ratio.after()
        if self.average is not None:
            self.average.update_parameters(self.model)
        return values

    def _add_gradients(
        self, batches: Sequence[EventBatch], events: int
    ) -> tuple[dict[str, float], list[EventBatch]]:
        """Return the mean losses of all processes, and the batches of this one whose loss is not finite."""
        # Gradients are averaged over the processes, not summed. At the end of an epoch some may have fewer batches left, or none:
        # they take part in the step, but add nothing.
        own = [(batch, events / self.ranks.count) for batch in batches]
        if (missing := self._least_batches - len(own)) > 0:
            own += [(next(self.validation()), np.inf)] * missing
        values, bad = dict[str, float](), []
        for number, (batch, divisor) in enumerate(own, 1):
            with without_averaging(self._losses, number < len(own)):
                with self._rates.working(len(batch) if np.isfinite(divisor) else 0):
                    losses = {name: loss.sum() / divisor for name, loss in self._losses(batch).items()}
                    # All at once: reading a number from a GPU waits for it.
                    numbers = dict(zip(losses, torch.stack([*losses.values()]).tolist(), strict=True))
                values = {name: values.get(name, 0.0) + value for name, value in numbers.items()}
                bad += [] if np.isfinite(numbers["loss"]) else [batch]
                losses["loss"].backward()
        totals = self.ranks.total([*values.values()])
        return {name: total / self.ranks.count for name, total in zip(values, totals, strict=True)}, bad

    def _blame(self, batches: Sequence[EventBatch], what: str) -> str:
        own = [int(one) for batch in batches for one in batch.event_id]
        ids = [one for of_rank in self.ranks.gathered(own) for one in of_rank]
        shown = ", ".join(map(str, ids[:8])) + (", …" if len(ids) > 8 else "")
        return (
            f"the {what} is not finite at step {self.position.step + 1} (epoch {self.position.epoch + 1}); the batch "
            f"holds {len(ids)} events with event_id {shown}"
        )

    def _report(self, losses: dict[str, float] | None, events: int) -> None:
        position = self.position
        if losses is not None:
            self.observer.on_step(position, losses["loss"])
            position.losses.append((losses, events))
        if position.step % self.options.log_every_steps == 0:
            means = {f"train/{name}": value for name, value in _means(position.losses).items()}
            position.losses.clear()
            rate = self.options.learning_rate * rate_at(self.progress, self.options)
            means |= {"train/learning_rate": rate} | self._rates.taken()
            if self.options.skip_nonfinite:
                means["train/skipped_batches"] = position.skipped_batches
            self.observer.on_metrics(self._line() | means)

    def _line(self) -> dict[str, Any]:
        position = self.position
        return {
            "step": position.step,
            "epoch": self.progress * self.options.epochs,
            "events": position.events,
            "seconds": round(position.seconds, 3),
        }

    def _validate(self) -> None:
        self.position.validations += 1
        self.position.validations_since_best += 1
        metrics = self.validate()
        self.observer.on_metrics(
            self._line() | {f"validation/{name}": value for name, value in metrics.items()}
        )
        best = self.position.best_loss
        if best is None or metrics["loss"] < best:  # a median over so few events is too noisy to choose by
            self.position.best_loss = metrics["loss"]
            self.position.validations_since_best = 0
            self.position.best_median_deg = metrics.get("median_deg")
            self.observer.on_checkpoint("best")
        self.observer.on_checkpoint("last")

    def _look_at(self, model: Model, batch: EventBatch) -> tuple[Reconstruction, dict[str, ndarray]]:
        """Return what the model makes of events to validate on, and their losses `[E]`."""
        with torch.no_grad():
            device = next(model.parameters()).device
            outputs, losses = outputs_and_losses(model, batch, full_precision(device), self.weights)
            made = model.decode(outputs, model.cleaned(to_tensors(batch, device)))
        return made, {name: loss.cpu().numpy() for name, loss in losses.items()}

    def validate(self) -> dict[str, float]:
        """Losses and errors over the validation events, flat: "loss", "median_deg", "median_deg/<200", …."""
        losses: list[dict[str, ndarray]] = []
        figures = ValidationFigures()
        newest = averaged(self.model, self.average)
        with self.division.whole(newest) as model, self.observer.during_validation():
            model.eval()
            for batch, (reconstruction, of_batch) in self.ranks.dealt(
                self.validation(), partial(self._look_at, model)
            ):
                losses.append(of_batch)
                if not isinstance(model.loss, SelfSupervised):
                    assert batch.truth is not None  # training does not begin without truth
                    figures.add(reconstruction, batch.truth, batch.pulse_count)
                self.observer.on_validation_batch(batch, reconstruction)
        means = {name: float(np.concatenate([one[name] for one in losses]).mean()) for name in losses[0]}
        return means if isinstance(model.loss, SelfSupervised) else means | figures.flat()


def _means(steps: Sequence[tuple[dict[str, float], int]]) -> dict[str, float]:
    """Average the values of several steps, weighted with their numbers of events; some steps may lack some values."""
    means = {}
    for name in dict.fromkeys(name for values, _ in steps for name in values):
        known = [(values[name], events) for values, events in steps if name in values]
        means[name] = float(
            np.average([value for value, _ in known], weights=[events for _, events in known])
        )
    return means

"""Calibration of a trained model: its uncertainties are recalibrated on events that had no part in the choice of its weights."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypedDict

import numpy as np
import torch
from jaxtyping import Int
from numpy import ndarray

from icereco.evaluation.calibration import coverage
from icereco.evaluation.recalibrate import LEAST_EVENTS, MOST_COMPONENTS, recalibrate
from icereco.evaluation.recalibrate_targets import recalibrate_targets
from icereco.events.batch import EventBatch
from icereco.events.joining import joined, take
from icereco.events.recalibrations import Recalibrations
from icereco.events.reconstruction import Reconstruction
from icereco.events.target_recalibration import TargetRecalibration
from icereco.events.truth import EVENT_KINDS, TARGETS, Truth
from icereco.model.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from icereco.model.model import Model

__all__ = [
    "Figures",
    "Group",
    "UnseenEvents",
    "calibrated",
    "cross_validated",
    "groups_of_directions",
    "save_recalibrated",
    "unseen_by",
    "unseen_events",
]


@dataclass(frozen=True, slots=True, eq=False)
class UnseenEvents:
    """What a model says of events before any recalibration, with their truth.

    Attributes:
        made: the reconstruction; without posteriors of a shape that cannot be recalibrated.
        truth: of each event.
        pulses: `[E]`.
        most_components: of posteriors that can be recalibrated.
    """

    made: Reconstruction
    truth: Truth
    pulses: Int[ndarray, "event"]
    most_components: int = MOST_COMPONENTS

    def __len__(self) -> int:
        return len(self.pulses)

    def take(self, rows: Int[ndarray, "row"]) -> "UnseenEvents":
        """Select events."""
        truth: dict[str, Any] = {target: getattr(self.truth, target)[rows] for target in self.truth.targets}
        return UnseenEvents(take(self.made, rows), Truth(**truth), self.pulses[rows], self.most_components)

    def recalibrations(self) -> Recalibrations:
        """Return the recalibrations that they ask for, as far as they are enough."""
        posterior = self.made.posterior
        return Recalibrations(
            None
            if posterior is None
            else recalibrate(posterior, self.pulses, self.truth.direction, self.most_components),
            recalibrate_targets(self.made, self.truth) or None,
        )

    def recalibrated(self, on: "UnseenEvents") -> "UnseenEvents":
        """Return the events with the recalibrations that other events ask for."""
        return replace(self, made=on.recalibrations()(self.made, self.pulses))


class Figures(TypedDict):
    """How posteriors fare: fraction of truths inside contours ("50%", "90%"), and mean log density at the truth, per steradian."""

    inside: dict[str, float]
    log_density: float


class Group(TypedDict):
    """A group of events before and after a recalibration that was fitted to others."""

    events: int
    before: Figures
    after: Figures


def calibrated(path: Path, batches: Iterable[EventBatch], device: torch.device) -> Checkpoint:
    """Load a checkpoint, recalibrate its model on events with truth, and save it again with the recalibrations.

    Nothing changes where there are too few events, or the model has nothing that can be recalibrated.
    """
    checkpoint = load_checkpoint(path, device)
    seen = unseen_events(checkpoint.model, batches)
    fitted = None if seen is None else seen.recalibrations()
    if not fitted:
        return checkpoint
    save_recalibrated(path, checkpoint, fitted, {})
    return load_checkpoint(path, device)


def save_recalibrated(
    path: Path, checkpoint: Checkpoint, fitted: Recalibrations, facts: Mapping[str, Any]
) -> None:
    """Save a model with recalibrations, and further facts in its provenance; what is not fitted stays as it was."""
    model = checkpoint.model
    model.recalibration = fitted.direction or model.recalibration
    if fitted.targets is not None:
        before = model.target_recalibration or TargetRecalibration()
        model.target_recalibration = replace(before, **fitted.targets.parts)
    save_checkpoint(path, model, checkpoint.profile, checkpoint.detector, checkpoint.provenance | dict(facts))


def cross_validated(seen: UnseenEvents) -> UnseenEvents:
    """Return what a recalibration does to events: to each half of them what the other half gave."""
    halves = [seen.take(np.arange(first, len(seen), 2)) for first in (0, 1)]
    after = [half.recalibrated(on=other) for half, other in zip(halves, halves[::-1], strict=True)]
    order = np.argsort(np.concatenate([np.arange(first, len(seen), 2) for first in (0, 1)]))
    return replace(seen, made=take(joined([half.made for half in after]), order))


def groups_of_directions(seen: UnseenEvents, after: UnseenEvents) -> dict[str, Group]:
    """Return how posteriors fare before and after a recalibration, of all events and by kind; nothing without posteriors.

    Kinds of fewer events than a recalibration takes are left out.
    """
    if seen.made.posterior is None or after.made.posterior is None:
        return {}
    groups = {"all": np.arange(len(seen))}
    if (kinds := seen.truth.kind) is not None:
        groups |= {kind: np.flatnonzero(kinds == kind) for kind in EVENT_KINDS}
    return {
        name: Group(events=len(rows), before=_figures(seen.take(rows)), after=_figures(after.take(rows)))
        for name, rows in groups.items()
        if len(rows) >= LEAST_EVENTS
    }


def _figures(seen: UnseenEvents) -> Figures:
    assert seen.made.posterior is not None
    posterior = seen.made.posterior.as_mixture()
    density = posterior.log_density(seen.truth.direction[:, None])[:, 0]
    return Figures(inside=coverage(posterior, seen.truth.direction), log_density=float(np.nanmean(density)))


def unseen_events(model: Model, batches: Iterable[EventBatch]) -> UnseenEvents | None:
    """Reconstruct events with truth without any recalibration; None without events."""
    before = model.recalibration, model.target_recalibration
    model.recalibration = model.target_recalibration = None
    try:
        return unseen_by(model.reconstruct, batches, MOST_COMPONENTS)
    finally:
        model.recalibration, model.target_recalibration = before


def unseen_by(
    reconstruct: Callable[[EventBatch], Reconstruction], batches: Iterable[EventBatch], most_components: int
) -> UnseenEvents | None:
    """Reconstruct events with truth; None without events.

    Args:
        reconstruct: a model or method.
        batches: of the events.
        most_components: posteriors of more densities are left out.
    """
    parts = [_part(reconstruct(batch), batch, most_components) for batch in batches]
    if not parts:
        return None
    return UnseenEvents(
        joined([part.made for part in parts]),
        _joined_truth([part.truth for part in parts]),
        np.concatenate([part.pulses for part in parts]),
        most_components,
    )


def _part(made: Reconstruction, batch: EventBatch, most_components: int) -> UnseenEvents:
    truth = batch.truth or Truth(np.full((len(batch), 3), np.nan))
    posterior = None if made.posterior is None else made.posterior.as_mixture()
    if posterior is not None and posterior.weight.shape[1] > most_components:
        posterior = None
    return UnseenEvents(replace(made, posterior=posterior), truth, batch.pulse_count, most_components)


def _joined_truth(parts: Sequence[Truth]) -> Truth:
    """Concatenate the targets that all parts have."""
    columns = {target: [getattr(part, target) for part in parts] for target in TARGETS}
    known: dict[str, Any] = {
        target: np.concatenate(column)
        for target, column in columns.items()
        if all(values is not None for values in column)
    }
    return Truth(**known)

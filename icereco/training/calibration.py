"""Calibration of a trained model: its posteriors are recalibrated on events that had no part in the choice of its weights."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypedDict

import numpy as np
import torch
from jaxtyping import Float, Int
from numpy import ndarray

from icereco.evaluation.calibration import coverage
from icereco.evaluation.recalibrate import LEAST_EVENTS, MOST_COMPONENTS, recalibrate
from icereco.events.batch import EventBatch
from icereco.events.recalibration import Recalibration
from icereco.events.truth import EVENT_KINDS
from icereco.events.vmf_mixture import VmfMixture
from icereco.model.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from icereco.model.model import Model

__all__ = [
    "Figures",
    "Group",
    "Posteriors",
    "calibrated",
    "cross_validated",
    "posteriors",
    "save_recalibrated",
]


@dataclass(frozen=True, slots=True, eq=False)
class Posteriors:
    """Posteriors of events as a model decodes them, before any recalibration, with what is fitted to them.

    Attributes:
        posterior: of each event.
        pulses: `[E]`.
        truth: `[E, 3]` true directions, NaN where one is not known.
        kind: `[E]` str or None, of true kinds.
    """

    posterior: VmfMixture
    pulses: Int[ndarray, "event"]
    truth: Float[ndarray, "event 3"]
    kind: ndarray

    def __len__(self) -> int:
        return len(self.pulses)

    def take(self, rows: Int[ndarray, "row"]) -> "Posteriors":
        """Select events."""
        return Posteriors(self.posterior.take(rows), self.pulses[rows], self.truth[rows], self.kind[rows])

    def recalibration(self) -> Recalibration | None:
        """Return the recalibration that they ask for, if they are enough."""
        return recalibrate(self.posterior, self.pulses, self.truth)

    def recalibrated(self, on: "Posteriors") -> VmfMixture:
        """Return the posteriors with the recalibration that other events ask for."""
        recalibration = on.recalibration()
        return self.posterior if recalibration is None else recalibration(self.posterior, self.pulses)


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
    """Load a checkpoint, recalibrate its model on events with truth, and save it again with the recalibration.

    Nothing changes where there are too few events, or the model has no posteriors that can be recalibrated.
    """
    checkpoint = load_checkpoint(path, device)
    seen = posteriors(checkpoint.model, batches)
    recalibration = None if seen is None else seen.recalibration()
    if recalibration is None:
        return checkpoint
    save_recalibrated(path, checkpoint, recalibration, {})
    return load_checkpoint(path, device)


def save_recalibrated(
    path: Path, checkpoint: Checkpoint, recalibration: Recalibration, facts: Mapping[str, Any]
) -> None:
    """Save a model with a recalibration, and further facts in its provenance."""
    checkpoint.model.recalibration = recalibration
    provenance = checkpoint.provenance | dict(facts)
    save_checkpoint(path, checkpoint.model, checkpoint.profile, checkpoint.detector, provenance)


def cross_validated(seen: Posteriors) -> dict[str, Group]:
    """Return what a recalibration does to events, all and by kind: to each half of them with what the other half gave.

    Kinds of fewer events than a recalibration takes are left out.
    """
    halves = [np.arange(first, len(seen), 2) for first in (0, 1)]
    after = [seen.take(halves[1 - half]).recalibrated(on=seen.take(halves[half])) for half in (0, 1)]
    order = np.argsort(np.concatenate([halves[1], halves[0]]))
    whole = VmfMixture.joined(after).take(order)
    groups = {"all": np.arange(len(seen))}
    groups |= {str(kind): np.flatnonzero(seen.kind == kind) for kind in EVENT_KINDS}
    return {
        name: Group(
            events=len(rows),
            before=_figures(seen.posterior.take(rows), seen.truth[rows]),
            after=_figures(whole.take(rows), seen.truth[rows]),
        )
        for name, rows in groups.items()
        if len(rows) >= LEAST_EVENTS
    }


def _figures(posterior: VmfMixture, truth: Float[ndarray, "event 3"]) -> Figures:
    density = posterior.log_density(truth[:, None])[:, 0]
    return Figures(inside=coverage(posterior, truth), log_density=float(np.nanmean(density)))


def posteriors(model: Model, batches: Iterable[EventBatch]) -> Posteriors | None:
    """Reconstruct events with truth without any recalibration; None without events, or without posteriors that can have one."""
    before, model.recalibration = model.recalibration, None
    parts = []
    try:
        for batch in batches:
            posterior = model.reconstruct(batch).posterior
            if posterior is None or posterior.as_mixture().weight.shape[1] > MOST_COMPONENTS:
                return None
            parts.append(_part(posterior.as_mixture(), batch))
    finally:
        model.recalibration = before
    if not parts:
        return None
    columns = (
        np.concatenate([getattr(part, name) for part in parts]) for name in ("pulses", "truth", "kind")
    )
    return Posteriors(VmfMixture.joined([part.posterior for part in parts]), *columns)


def _part(posterior: VmfMixture, batch: EventBatch) -> Posteriors:
    truth = batch.truth
    nothing = np.full(len(batch), None, object)
    direction = np.full((len(batch), 3), np.nan) if truth is None else truth.direction
    kind = nothing if truth is None or truth.kind is None else truth.kind
    return Posteriors(posterior, batch.pulse_count, direction, kind)

"""What is wrong with the curves of a training: a spike, a plateau, overfitting, a value that is not a number."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

__all__ = ["RECENT", "Finding", "Validation", "findings_of"]

RECENT = 60
"""Newest lines of training among which a spike is looked for."""

_NEW = 10  # of these lines, those that may hold the spike; it is reported as long as it is among them
_LEAST_BEFORE = 20

PLATEAU_VALIDATIONS = 12
"""A training without a better validation for so many, and for a third of all, has reached a plateau."""

_OVERFITTING_VALIDATIONS = 5
_MEAN_OF = 3  # validations that are averaged


@dataclass(frozen=True, slots=True)
class Finding:
    """Something wrong, in words."""

    kind: Literal["not a number", "skipped", "spike", "plateau", "overfitting"]
    text: str


@dataclass(frozen=True, slots=True)
class Validation:
    """One validation, and the mean loss of training before it; None where a figure is not known."""

    step: int
    loss: float
    train_loss: float | None = None
    median_deg: float | None = None
    inside_90: float | None = None

    @classmethod
    def of(cls, numbers: Mapping[str, float], train_loss: float | None) -> "Validation":
        """From the numbers of a line of metrics."""
        step, loss = numbers.get("step", 0.0), numbers["validation/loss"]
        median, inside = (numbers.get(f"validation/{name}") for name in ("median_deg", "inside_90"))
        return cls(int(step) if math.isfinite(step) else 0, loss, train_loss, median, inside)


def findings_of(
    newest: Mapping[str, float], train: Sequence[float], validations: Sequence[Validation]
) -> tuple[Finding, ...]:
    """Everything that is wrong now.

    Args:
        newest: the newest value of each metric.
        train: the newest losses of training, at most `RECENT`.
        validations: all of them, in order.
    """
    broken = [name for name, value in newest.items() if math.isnan(value)]
    found = [
        Finding("not a number", f"{', '.join(broken)} is not a number") if broken else None,
        _skipped(newest.get("train/skipped_batches", 0.0)),
        _spike(train),
        _stagnation(validations),
    ]
    return tuple(one for one in found if one is not None)


def _skipped(batches: float) -> Finding | None:
    if not batches >= 1:
        return None
    were = f"{batches:,.0f} batch{'es were' if batches > 1 else ' was'}"
    return Finding(
        "skipped", f"{were} left out, as the loss or its gradient was not finite; the log names the events"
    )


def _spike(train: Sequence[float]) -> Finding | None:
    """A loss far beyond the range of those before it: farther above the highest than twice that range."""
    before, new = train[:-_NEW], train[-_NEW:]
    if len(before) < _LEAST_BEFORE:
        return None
    low, high, worst = min(before), max(before), max(new)
    if worst <= high + 2 * (high - low) or high == low:
        return None
    return Finding(
        "spike", f"the loss of training rose to {worst:.4g}; before it was between {low:.4g} and {high:.4g}"
    )


def _stagnation(validations: Sequence[Validation]) -> Finding | None:
    """Overfitting or a plateau: validations no longer improve, while training does, or not."""
    losses = np.array([one.loss for one in validations])
    if len(losses) <= _OVERFITTING_VALIDATIONS or not np.isfinite(losses).all():
        return None
    best = int(losses.argmin())
    since = len(losses) - 1 - best
    if since >= _OVERFITTING_VALIDATIONS and _overfits(losses, validations, best):
        now = losses[-_MEAN_OF:].mean()
        return Finding(
            "overfitting",
            f"the loss of validation rose from {losses[best]:.4g} at step {validations[best].step:,} to {now:.4g} "
            "while that of training fell; the best weights are kept",
        )
    if since >= max(PLATEAU_VALIDATIONS, len(losses) / 3):
        return Finding(
            "plateau", f"no better validation since step {validations[best].step:,}, in {since} validations"
        )
    return None


def _overfits(losses: np.ndarray, validations: Sequence[Validation], best: int) -> bool:
    """Whether validation has risen by more than it scatters while training went on falling."""
    scatter = float(np.median(np.abs(np.diff(losses))))
    train = [math.nan if one.train_loss is None else one.train_loss for one in validations]
    then = float(np.mean(train[max(best - 1, 0) : best + 2]))
    now = float(np.mean(train[-_MEAN_OF:]))
    return bool(losses[-_MEAN_OF:].mean() > losses[best] + 2 * scatter and now < then)

"""`metrics.jsonl` of a run: what each key of a line means, and how lines are written and read.

A line is a JSON object; it is complete once its newline is written. A number that is not finite is written as null and
read as NaN. Keys that `SCHEMA` does not list are allowed, kept and shown.
"""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from icereco.system.files import explaining, write_text
from icereco.system.json_lines import plain, row_of

__all__ = [
    "ANGULAR_ERRORS",
    "NAMES",
    "POSITIONS",
    "SCHEMA",
    "AngularError",
    "Metric",
    "append_line",
    "numbers_of",
    "read_lines",
    "rewind",
    "split_key",
]

AngularError = Literal["mean_deg", "median_deg", "containment68_deg"]
ANGULAR_ERRORS: dict[AngularError, str] = {
    "mean_deg": "mean",
    "median_deg": "median",
    "containment68_deg": "68 % containment",
}
"""Display names of the figures of the angular error between estimated and true direction, by key."""


@dataclass(frozen=True, slots=True)
class Metric:
    """The meaning of a key of a line.

    Attributes:
        key: as it is in the file; a part in angle brackets, such as `<slice>`, is a placeholder for any name.
        unit: empty for a pure number.
        meaning: in words.
    """

    key: str
    unit: str
    meaning: str


_POSITIONS = (
    Metric("step", "", "optimizer steps so far; in every line"),
    Metric("epoch", "", "passes over the training events so far, with fractions; in every line"),
    Metric("events", "", "training events seen so far, each as often as it was seen; in every line"),
    Metric("seconds", "s", "time spent in training steps so far, over all sessions; in every line"),
    Metric("time", "s", "when the line was written, since 1970 (UTC); in every line"),
)
_LOSSES = (
    Metric("train/loss", "", "mean loss of the training events since the last such line"),
    Metric("train/loss/<name>", "", "the same of one of several losses, before its weight; `direction` for `[loss]`"),
    Metric("train/learning_rate", "", "the learning rate after the newest step, of the head"),
    Metric("train/gradient_norm", "", "norm of the gradient before it is clipped, mean over the steps since the last such line"),
    Metric("train/update_ratio", "", "norm of the newest step of all weights over the norm of the weights"),
    Metric("train/skipped_batches", "", "batches left out so far, as the loss or the gradient of their step was not finite; with `train.skip_nonfinite`"),
    Metric("train/events_per_second/<process>", "events/s", "events of one of several processes, by its number, over the time in which it loads them and computes their losses, without what it waits for others; since the last such line"),
    Metric("validation/loss", "", "mean loss of the validation events; the lowest decides which weights are the best"),
    Metric("validation/loss/<name>", "", "the same of one of several losses, before its weight"),
)  # fmt: skip
_MORE_SLICES = "; of those in a range of true energy, such as `energy1-10TeV`, or of true zenith in degrees, such as `zenith60-120`"
_ERRORS = tuple(
    metric
    for key, words in ANGULAR_ERRORS.items()
    for more in (_MORE_SLICES if key == "median_deg" else "",)
    for metric in (
        Metric(f"validation/{key}", "degrees", f"{words} of the angular error of the validation events"),
        Metric(
            f"validation/{key}/<slice>",
            "degrees",
            f"{words} of the angular error of those with a number of pulses, such as `<200`, or of a kind, such as `cascade`{more}",
        ),
    )
)

_POSTERIORS = (
    Metric("validation/inside_50", "", "fraction of the true directions inside the 50 % contour of the posterior, before calibration"),
    Metric("validation/inside_90", "", "the same of the 90 % contour"),
    Metric("validation/pull_width", "", "median angular error over that which the posteriors expect, before calibration"),
)  # fmt: skip

_TARGETS = (
    Metric("validation/energy_log10_error", "", "median of the absolute difference of log₁₀ E from the truth, before calibration; with a loss of the energy"),
    Metric("validation/kind_accuracy", "", "fraction of the events whose most probable kind is the true one, before calibration; with a loss of the kind"),
    Metric("validation/vertex_error_m", "m", "median distance from the true vertex, of starting tracks and cascades; with a loss of the vertex"),
)  # fmt: skip

SCHEMA: tuple[Metric, ...] = (*_POSITIONS, *_LOSSES, *_ERRORS, *_POSTERIORS, *_TARGETS)
"""Every key that a training writes."""

POSITIONS = tuple(metric.key for metric in _POSITIONS)
"""Keys that give the position of a line in the training rather than a measurement."""

NAMES = tuple(metric.key for metric in SCHEMA if "<" not in metric.key)
"""Keys without a free part."""


def split_key(key: str) -> tuple[str, str, str]:
    """Split a key into part of the training, figure, and slice or loss: "validation", "median_deg", "<200"; absent ones are empty."""
    part, _, rest = key.partition("/")
    figure, _, name = rest.partition("/")
    return part, figure, name


def append_line(path: Path, metrics: Mapping[str, Any]) -> None:
    """Append one line and flush it immediately, so that readers see it.

    Raises:
        IcerecoError: the disk is full or the folder is gone.
    """
    line = _line(metrics).encode()
    with explaining(path), path.open("ab+", buffering=0) as file:
        # A process that died in the middle of a line must not spoil the next one.
        if file.tell():
            file.seek(-1, os.SEEK_END)
            line = line if file.read(1) == b"\n" else b"\n" + line
        file.write(line)


def read_lines(path: Path) -> list[dict[str, Any]]:
    """Read every complete line, with NaN for null; damaged lines are left out. Empty if there is no file."""
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return []
    complete, _, _ = content.rpartition(b"\n")
    return [row for line in complete.splitlines() if (row := row_of(line)) is not None]


def rewind(path: Path, step: int) -> None:
    """Drop what was written after `step`, which a resumed training is going to write again."""
    kept = [row for row in read_lines(path) if numbers_of(row).get("step", 0) <= step]
    write_text(path, "".join(map(_line, kept)))


def numbers_of(row: Mapping[str, Any]) -> dict[str, float]:
    """Return the numbers of a line; texts, flags and lists are left out."""
    numbers = {}
    for key, value in row.items():
        if isinstance(value, int | float) and not isinstance(value, bool):
            try:
                numbers[key] = float(value)
            except OverflowError:  # an integer beyond the range of a float
                continue
    return numbers


def _line(metrics: Mapping[str, Any]) -> str:
    return json.dumps(plain(metrics), allow_nan=False) + "\n"

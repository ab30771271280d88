"""How what a report is of was made: in words, and to do it again."""

import json
from collections.abc import Mapping
from typing import Any

import pyarrow as pa

from icereco.plots.training import training_figure
from icereco.report.document import Block, Code, Paragraph, Table, svg_picture
from icereco.runs.folder import RunFolder
from icereco.runs.metrics import numbers_of
from icereco.tables.saved_reconstructions import SavedReconstructions

__all__ = ["made_of", "reproduction", "training_of"]


def made_of(saved: SavedReconstructions) -> list[str]:
    """Say what made a file, and of what."""
    facts = saved.provenance
    if not facts:
        return [f"{saved.path} does not say how it was made."]
    if "train_events" in facts:
        return [_of_training(saved, facts)]
    trained = facts.get("trained", {})
    model = f", trained on {trained['train_events']:,} {_data(trained)}" if "train_events" in trained else ""
    return [
        f"The method {saved.method}{model}, reconstructed {len(saved.event_id):,} events{_inputs(facts)}."
    ]


def _of_training(saved: SavedReconstructions, facts: Mapping[str, Any]) -> str:
    calibrated = facts.get("calibration_events", 0)
    more = f"; its posteriors were calibrated on {calibrated:,} more" if calibrated else ""
    return (
        f"The profile {saved.method} was trained on {facts['train_events']:,} {_data(facts)}, and is evaluated on "
        f"{len(saved.event_id):,} others, by which the best weights were chosen{more}."
    )


def _data(facts: Mapping[str, Any]) -> str:
    return "simulated events" if facts.get("data") is None else f"events of {facts['data']}"


def _inputs(facts: Mapping[str, Any]) -> str:
    paths = [str(one.get("path", "")) for one in facts.get("inputs", []) if isinstance(one, Mapping)]
    return f" of {', '.join(paths[:_MOST_INPUTS])}" if any(paths) else ""


_MOST_INPUTS = 3


def reproduction(saved: SavedReconstructions, profile: str | None) -> list[Block]:
    """Everything that is known of how the file was made."""
    facts = dict(saved.provenance)
    blocks: list[Block] = []
    if command := facts.get("command"):
        blocks.append(Paragraph(f"Command: {command}"))
    if profile is not None:
        blocks.append(Code("Profile", profile))
    blocks.append(Code("Provenance", json.dumps(facts, indent=2, default=str)))
    return blocks


def training_of(run: RunFolder) -> list[Block]:
    """How a training went: its validations, and how fast it was."""
    lines = [numbers_of(line) for line in run.read_metrics()]
    validations = [line for line in lines if "validation/loss" in line]
    if not validations:
        return []
    last = lines[-1]
    blocks: list[Block] = []
    if seconds := last.get("seconds"):
        rate = last["events"] / seconds
        blocks.append(
            Paragraph(
                f"{last['events']:,.0f} events in {_duration(seconds)} of training steps: {rate:,.0f} events/s."
            )
        )
    caption = "Losses during the training, each training point the mean since the one before, and the median error at each validation."
    blocks.append(svg_picture("training", training_figure(lines), caption, pa.Table.from_pylist(list(lines))))
    rows = [
        (f"{line['epoch']:.2f}", f"{line['events']:,.0f}", f"{line['validation/loss']:.4f}", _degrees(line))
        for line in _some(validations)
    ]
    caption = "Validations during the training; the weights with the lowest loss are kept. Loss as the profile defines it, error in degrees."
    blocks.append(Table(("epoch", "events seen", "loss", "median error"), rows, caption))
    return blocks


_MOST_ROWS = 20


def _some(lines: list[dict[str, float]]) -> list[dict[str, float]]:
    """At most twenty of them, evenly, and the last."""
    step = -(-len(lines) // _MOST_ROWS)
    return lines[::-1][::step][::-1]


def _degrees(line: Mapping[str, float]) -> str:
    median = line.get("validation/median_deg")
    return "-" if median is None else f"{median:.2f}"


def _duration(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.0f} seconds"
    return f"{seconds / 60:.0f} minutes" if seconds < 7200 else f"{seconds / 3600:.1f} hours"

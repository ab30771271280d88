"""The card of a checkpoint that becomes a model of a library: from its provenance, and the run that made it."""

import datetime as dt
import json
from collections.abc import Mapping
from typing import Any

from icereco import __version__
from icereco.evaluation.evaluate import Evaluation, evaluate
from icereco.model.checkpoint import Checkpoint
from icereco.runs.folder import RunFolder
from icereco.tables.saved_reconstructions import read_reconstructions
from icereco.trained.card import Figures, Limits, ModelCard

__all__ = ["figures_of", "new_card"]


def new_card(
    name: str, checkpoint: Checkpoint, run: RunFolder | None, summary: str | None = None
) -> ModelCard:
    """Write down what is known of a checkpoint.

    Args:
        name: of the model; a valid name of a run.
        checkpoint: with its provenance.
        run: whose best checkpoint it is; None for a checkpoint file. Hours are those of its training steps, and
            figures those of its validation events, if these were reconstructed with this very checkpoint.
        summary: one line about the model; None for that of its profile.

    Raises:
        IcerecoError: the model was only pre-trained or imported, and estimates nothing.
    """
    checkpoint.require_trained()
    profile, facts = checkpoint.profile, checkpoint.provenance
    return ModelCard(
        name=name,
        summary=summary or profile.summary or f"The profile {profile.name}.",
        detector=checkpoint.detector.name,
        profile=profile.name,
        targets=tuple(checkpoint.model.loss.targets),
        events=_events(facts),
        data=_data(checkpoint),
        seeds=(profile.train.seed,),
        date=_date(facts),
        icereco=facts.get("icereco", __version__),
        machine=_machine(facts),
        hours=None if run is None else _hours(run),
        sha256=checkpoint.sha256,
        limits=Limits(detectors=(checkpoint.detector.name,), energy_gev=_energies(facts)),
        figures=() if run is None else _figures(run, checkpoint.sha256),
    )


def _events(facts: Mapping[str, Any]) -> int | None:
    """Count the events that a model was trained on, with those of the models it was started from; the same data count once."""
    counts: dict[str, int] = {}
    training: Mapping[str, Any] | None = facts
    seen = facts.get("events")
    while training is not None:
        if "train_events" not in training:
            return None
        data = json.dumps(training.get("data_fingerprint"))
        own = training["train_events"] if seen is None else min(seen, training["train_events"])
        counts[data] = max(counts.get(data, 0), own)
        training = training.get("start")
        seen = None if training is None else _seen_by_start(training)
    return sum(counts.values())


def _seen_by_start(start: Mapping[str, Any]) -> int | None:
    """How many events a model that another was started from saw itself: without those of its own start."""
    before = (start.get("start") or {}).get("events", 0)
    return None if start.get("events") is None or before is None else start["events"] - before


def _data(checkpoint: Checkpoint) -> str:
    before = checkpoint.provenance.get("start")
    data = _own_data(checkpoint)
    return data if before is None else f"{data}, going on from {before['from']}"


def _own_data(checkpoint: Checkpoint) -> str:
    facts, simulation = checkpoint.provenance, checkpoint.profile.simulation
    if facts.get("data") is not None:
        return f"events of {facts['data']}"
    if "train_events" in facts and simulation is not None:
        return f"events simulated by {simulation.component.name}"
    return "unknown"


def _date(facts: Mapping[str, Any]) -> dt.date:
    created = facts.get("created")
    return dt.datetime.fromisoformat(created).date() if created else dt.datetime.now(dt.UTC).date()


def _machine(facts: Mapping[str, Any]) -> str | None:
    machine = facts.get("machine")
    if machine is None:
        return None
    device = facts.get("device", "cpu")
    return f"{machine['processor']}, {machine['cpus']} processors" + (
        "" if device == "cpu" else f", {device}"
    )


def _hours(run: RunFolder) -> float | None:
    seconds = [line["seconds"] for line in run.read_metrics() if "seconds" in line]
    return round(seconds[-1] / 3600, 2) if seconds else None


def _energies(facts: Mapping[str, Any]) -> tuple[float, float] | None:
    known = facts.get("energy_range_gev")
    if known is None:
        return None
    low, high = (float(f"{energy:.4g}") for energy in known)
    return low, high


def _figures(run: RunFolder, sha256: str) -> tuple[Figures, ...]:
    if not run.validation.is_file():
        return ()
    provenance = read_reconstructions(run.validation).provenance
    if provenance.get("checkpoint_sha256") != sha256:  # of other weights
        return ()
    return figures_of(evaluate(run.validation), "validation events")


def figures_of(evaluation: Evaluation, data: str) -> tuple[Figures, ...]:
    """Figures of all events, with the contours of the posterior, and of each kind.

    Args:
        evaluation: of a file that the model made.
        data: the events in words.
    """
    contours = {f"inside_{level.rstrip('%')}": round(part, 4) for level, part in evaluation.coverage.items()}
    groups = {"all": evaluation.resolution, **evaluation.resolution["kind"]}
    rows = []
    for kind, group in groups.items():
        median, contained = group["median_deg"], group["containment68_deg"]
        if median is None or contained is None:
            continue
        measured = {"median_deg": round(median, 2), "containment68_deg": round(contained, 2)}
        more = contours if kind == "all" else {}
        rows.append(Figures(data=data, kind=kind, events=group["events"], **measured, **more))
    return tuple(rows)

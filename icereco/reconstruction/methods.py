"""What can reconstruct events: a trained model, or a method without training."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from icereco.detector.detector import Detector, load_detector
from icereco.errors import IcerecoError
from icereco.events.batch import EventBatch
from icereco.events.joining import joined, spread
from icereco.events.reconstruction import Reconstruction
from icereco.plugins.attribution import attributing
from icereco.plugins.built import Built, build
from icereco.plugins.discovery import registry
from icereco.plugins.registry import Declaration
from icereco.protocols import Reconstructor

__all__ = ["Method", "comparison_methods", "model_method", "untrained_method"]

COMPARED = ("linefit",)
"""Quick methods without training that every reconstruction is set beside."""

# Pulses in one call, events read at once.
_ON_CPU = (50_000, 128)
_ON_GPU = (400_000, 2048)
_UNTRAINED = (5_000_000, 1024)


@dataclass(frozen=True, slots=True)
class Method:
    """Something that gives each event of a batch a direction.

    Attributes:
        name: of the reconstructor, or of the model's profile.
        detector: the detector whose events it takes.
        reconstruct: the method itself; never called with an event without pulses.
        pulses_per_call: a batch is cut, between events, so that no call gets more pulses; one event alone may have more.
        events_per_batch: how many events are read at once; progress is reported as often.
        nothing: what it says of no event at all, from which a file without pulses gets its columns.
        provenance: JSON-able facts for the output.
    """

    name: str
    detector: Detector
    reconstruct: Callable[[EventBatch], Reconstruction]
    pulses_per_call: int
    events_per_batch: int
    nothing: Callable[[], Reconstruction] = lambda: Reconstruction(np.empty((0, 3)))
    provenance: dict[str, Any] = field(default_factory=dict)

    def __call__(self, batch: EventBatch) -> Reconstruction:
        """Reconstruct a batch of any size, in its order, with NaN for events without pulses."""
        hit = batch.dom_count > 0
        parts = [self.reconstruct(part) for part in _parts(_with_pulses(batch), self.pulses_per_call)]
        return spread(joined(parts) if parts else self.nothing(), hit)


def model_method(path: Path) -> Method:
    """The model in a checkpoint, on the GPU if there is one.

    Raises:
        IcerecoError: no such file, or not a checkpoint that can be used.
    """
    import torch

    from icereco.model.checkpoint import load_checkpoint
    from icereco.model.precision import autocast

    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    checkpoint = load_checkpoint(path, device)
    facts = {
        "profile": checkpoint.profile.name,
        "checkpoint": str(path.resolve()),
        "checkpoint_sha256": checkpoint.sha256,
        "trained": checkpoint.provenance,
        "device": str(device),
    }

    def reconstruct(batch: EventBatch) -> Reconstruction:
        with autocast(checkpoint.profile.train, device):  # as in training, whose validation it then equals
            return checkpoint.model.reconstruct(batch)

    pulses, events = _ON_CPU if device.type == "cpu" else _ON_GPU
    return Method(
        name=checkpoint.profile.name,
        detector=checkpoint.detector,
        reconstruct=reconstruct,
        pulses_per_call=pulses,
        events_per_batch=events,
        nothing=checkpoint.model.reconstruct_nothing,
        provenance=facts,
    )


def untrained_method(name: str, detector: str) -> Method:
    """An installed reconstructor, with its default options.

    Raises:
        IcerecoError: no reconstructor or detector of that name.
    """
    declaration = registry().find("reconstructor", name)
    return Method(name, load_detector(detector), _reconstructing(declaration), *_UNTRAINED)


def comparison_methods() -> dict[str, Callable[[EventBatch], Reconstruction]]:
    """Quick methods by name, to set beside every reconstruction; without those whose plugin is switched off."""
    methods = {}
    for name in COMPARED:
        with suppress(IcerecoError):  # ours, whoever else uses the name
            methods[name] = _reconstructing(registry().find("reconstructor", f"icereco/{name}"))
    return methods


def _reconstructing(declaration: Declaration) -> Callable[[EventBatch], Reconstruction]:
    """A reconstructor with its default options, whose errors name its plugin."""
    with attributing(declaration, "when it was built without options"):
        options = declaration.component.load_options()()
    built: Built[Reconstructor] = build(declaration, options)

    def reconstruct(batch: EventBatch) -> Reconstruction:
        with built.attributing("when it was given events"):
            return built.component(batch)

    return reconstruct


def _with_pulses(batch: EventBatch) -> EventBatch:
    """The events that have pulses. The others own no DOM, so the lower levels stay as they are."""
    hit = batch.dom_count > 0
    offsets = np.concatenate([[0], batch.dom_offsets[1:][hit]])
    return replace(batch, event_id=batch.event_id[hit], dom_offsets=offsets, truth=None, event_extras={})


def _parts(batch: EventBatch, pulses_per_call: int) -> list[EventBatch]:
    """Consecutive events whose pulses sum up to `pulses_per_call` at most, or one event."""
    ends = np.cumsum(batch.pulse_count)
    parts, start = [], 0
    while start < len(batch):
        before = ends[start - 1] if start else 0
        stop = max(start + 1, int(np.searchsorted(ends, before + pulses_per_call, side="right")))
        parts.append(batch[start:stop])
        start = stop
    return parts

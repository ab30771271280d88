"""Methods that reconstruct events: trained models, and methods without training."""

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
"""Quick methods without training that every reconstruction is compared with."""

# Pulses in one call, events read at once.
_ON_CPU = (50_000, 128)
_ON_GPU = (400_000, 2048)
_UNTRAINED = (5_000_000, 1024)


@dataclass(frozen=True, slots=True)
class Method:
    """A method that reconstructs the direction of each event of a batch.

    Attributes:
        name: of the reconstructor, or of the model's profile.
        detector: the detector whose events it takes.
        reconstruct: the method itself; never called with an event without pulses.
        pulses_per_call: a batch is cut, between events, so that no call gets more pulses; one event alone may have more.
        events_per_batch: how many events are read at once; progress is reported after each batch.
        nothing: the reconstruction of zero events, which gives the columns of a file without pulses.
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
    """Load the model in a checkpoint, on the GPU if there is one.

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
        with autocast(
            checkpoint.profile.train, device
        ):  # as in training, so that results equal those of its validation
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
    """Build an installed reconstructor with its default options.

    Raises:
        IcerecoError: no reconstructor or detector of that name.
    """
    declaration = registry().find("reconstructor", name)
    return Method(name, load_detector(detector), _reconstructing(declaration), *_UNTRAINED)


def comparison_methods() -> dict[str, Callable[[EventBatch], Reconstruction]]:
    """Return the quick methods of comparison by name, without those whose plugin is switched off."""
    methods = {}
    for name in COMPARED:
        with suppress(IcerecoError):  # "icereco/" selects ours if another plugin uses the name
            methods[name] = _reconstructing(registry().find("reconstructor", f"icereco/{name}"))
    return methods


def _reconstructing(declaration: Declaration) -> Callable[[EventBatch], Reconstruction]:
    """Build a reconstructor with its default options, whose errors name its plugin."""
    with attributing(declaration, "when it was built without options"):
        options = declaration.component.load_options()()
    built: Built[Reconstructor] = build(declaration, options)

    def reconstruct(batch: EventBatch) -> Reconstruction:
        with built.attributing("when it was given events"):
            return built.component(batch)

    return reconstruct


def _with_pulses(batch: EventBatch) -> EventBatch:
    """Select the events that have pulses. The others have no DOMs, so the lower levels are unchanged."""
    hit = batch.dom_count > 0
    offsets = np.concatenate([[0], batch.dom_offsets[1:][hit]])
    return replace(batch, event_id=batch.event_id[hit], dom_offsets=offsets, truth=None, event_extras={})


def _parts(batch: EventBatch, pulses_per_call: int) -> list[EventBatch]:
    """Cut a batch into consecutive events with at most `pulses_per_call` pulses in total, or single larger events."""
    ends = np.cumsum(batch.pulse_count)
    parts, start = [], 0
    while start < len(batch):
        before = ends[start - 1] if start else 0
        stop = max(start + 1, int(np.searchsorted(ends, before + pulses_per_call, side="right")))
        parts.append(batch[start:stop])
        start = stop
    return parts

"""Methods that reconstruct events: trained models, and methods without training."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from icereco.detector.detector import Detector, load_detector
from icereco.errors import IcerecoError
from icereco.events.batch import EventBatch, hit_events
from icereco.events.joining import joined, spread
from icereco.events.reconstruction import Reconstruction
from icereco.plugins.attribution import attributing, described
from icereco.plugins.built import Built, build
from icereco.plugins.component import Component
from icereco.plugins.discovery import registry
from icereco.plugins.options import named_options, options_from
from icereco.plugins.registry import Declaration
from icereco.protocols import (
    ProfileLikelihood,
    Reconstructor,
    Scannable,
    detector_for,
    takes_seeds,
)
from icereco.system.devices import find_device
from icereco.tables.reconstruction_columns import is_reserved

__all__ = ["Method", "comparison_methods", "model_method", "untrained_method"]

COMPARED = ("linefit",)
"""Quick methods without training that every reconstruction is compared with."""

# Pulses in one call, events read at once.
_ON_CPU = (50_000, 256)
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
        with_seeds: the method, started from what others say of the same events; None if it takes no seeds.
        profile: the profile likelihood of a batch of one event; None if the method has no likelihood to scan.
        nothing: the reconstruction of zero events, which gives the columns of a file without pulses.
        rounded: the method with matrix products in bfloat16; None if it has no network.
        needed_fits: names of fits that have to come with the events, as the method starts from them.
        provenance: JSON-able facts for the output.
        again: makes the same method in another process, to which it can be sent; None if nothing can.
        uncalibrated: the method before a calibration from a file was applied; None if none was.
    """

    name: str
    detector: Detector
    reconstruct: Callable[[EventBatch], Reconstruction]
    pulses_per_call: int
    events_per_batch: int
    with_seeds: Callable[[EventBatch, Sequence[Reconstruction]], Reconstruction] | None = None
    profile: Callable[[EventBatch], ProfileLikelihood] | None = None
    nothing: Callable[[], Reconstruction] = lambda: Reconstruction(np.empty((0, 3)))
    rounded: Callable[[EventBatch], Reconstruction] | None = None
    needed_fits: tuple[str, ...] = ()
    provenance: dict[str, Any] = field(default_factory=dict)
    again: "Callable[[], Method] | None" = None
    uncalibrated: "Method | None" = None

    @property
    def energy_range_gev(self) -> tuple[float, float] | None:
        """The true energies of the events that a model was trained on, if its checkpoint knows them."""
        known = self.provenance.get("trained", {}).get("energy_range_gev")
        return None if known is None else (float(known[0]), float(known[1]))

    @property
    def can_be_hybrid(self) -> bool:
        """Whether it is a trained model, of a detector with a light model; see `icereco.reconstruction.hybrid`."""
        medium = self.detector.medium
        lengths = (medium.scattering_length_m, medium.absorption_length_m)
        return "trained" in self.provenance and all(length is not None for length in lengths)

    def in_bfloat16(self) -> "Method":
        """Return the method with matrix products in bfloat16: faster where the processor has instructions for them.

        Raises:
            IcerecoError: it has no network.
        """
        if self.rounded is None:
            raise IcerecoError(f"{self.name!r} has no network to compute in bfloat16; leave out --precision")
        return replace(
            self,
            reconstruct=self.rounded,
            provenance=self.provenance | {"precision": "bfloat16"},
            again=self.again and partial(_again_in_bfloat16, self.again),
        )

    def __call__(self, batch: EventBatch) -> Reconstruction:
        """Reconstruct a batch of any size, in its order, with NaN for events without pulses."""
        hit = batch.dom_count > 0
        parts = [self.reconstruct(part) for part in _parts(hit_events(batch), self.pulses_per_call)]
        return spread(joined(parts) if parts else self.nothing(), hit)


def model_method(path: Path, device: str | None = None) -> Method:
    """Load the model in a checkpoint.

    Args:
        path: the checkpoint.
        device: as for `icereco.system.devices.find_device`.

    Raises:
        IcerecoError: no such device or file, or not a checkpoint that can be used.
    """
    from icereco.model.checkpoint import load_checkpoint

    used = find_device(device)
    checkpoint = load_checkpoint(path, used)
    checkpoint.require_trained()
    facts = {
        "profile": checkpoint.profile.name,
        "checkpoint": str(path.resolve()),
        "checkpoint_sha256": checkpoint.sha256,
        "trained": checkpoint.provenance,
        "device": str(used),
        "precision": "float32",
    }

    pulses, events = _ON_CPU if used.type == "cpu" else _ON_GPU
    return Method(
        name=checkpoint.profile.name,
        detector=checkpoint.detector,
        reconstruct=checkpoint.model.reconstruct,
        pulses_per_call=pulses,
        events_per_batch=events,
        nothing=checkpoint.model.reconstruct_nothing,
        rounded=partial(checkpoint.model.reconstruct, rounded=True),
        provenance=facts,
        again=partial(_same_model, path.resolve(), str(used), checkpoint.sha256),
    )


def _same_model(path: Path, device: str, sha256: str) -> Method:
    method = model_method(path, device)
    if method.provenance["checkpoint_sha256"] != sha256:
        raise IcerecoError(
            f"{path} is another checkpoint for a worker than for the process that started it; put it on a disk that both see"
        )
    return method


def _again_in_bfloat16(again: Callable[[], Method]) -> Method:
    return again().in_bfloat16()


def untrained_method(
    text: str,
    detector: str | Path | Detector,
    more_options: Mapping[str, str] | None = None,
    device: str | None = None,
) -> Method:
    """Build an installed reconstructor.

    Args:
        text: its name, or `NAME:KEY=VALUE,KEY=VALUE` with options.
        detector: whose events it takes; a card by name or folder.
        more_options: further options by name, which win over those in the text.
        device: where it computes, for a reconstructor with an option `device`; others compute on the CPU.

    Raises:
        IcerecoError: the reconstructor cannot compute there; no reconstructor, option or detector of that name, or a value that an option cannot have.
    """
    name, given = named_options(text)
    declaration = registry().find("reconstructor", name)
    given = given | dict(more_options or {}) | _on(device, declaration.component)
    options = options_from("reconstructor", declaration.component, given)
    card = detector if isinstance(detector, Detector) else load_detector(detector)
    built: Built[Reconstructor] = build(declaration, options, *_needs(declaration, card))
    reconstruct = _reconstructing(built)
    pulses, events = _UNTRAINED
    return Method(
        name=name,
        detector=card,
        reconstruct=reconstruct,
        pulses_per_call=getattr(built.component, "pulses_per_call", pulses),
        events_per_batch=getattr(built.component, "events_per_batch", events),
        with_seeds=reconstruct if takes_seeds(built.component) else None,
        profile=_profiling(built),
        provenance={"method_options": options.model_dump(mode="json")},
        again=partial(untrained_method, text, card, dict(more_options or {}), device),
    )


def comparison_methods() -> dict[str, Callable[[EventBatch], Reconstruction]]:
    """Return the quick methods of comparison by name, without those whose plugin is switched off."""
    methods = {}
    for name in COMPARED:
        with suppress(IcerecoError):  # "icereco/" selects ours if another plugin uses the name
            declaration = registry().find("reconstructor", f"icereco/{name}")
            options = options_from("reconstructor", declaration.component, {})
            methods[name] = _reconstructing(build(declaration, options))
    return methods


def _on(device: str | None, component: Component) -> dict[str, str]:
    """The option `device` of a reconstructor that has one."""
    if device is not None and "device" in component.load_options().model_fields:
        return {"device": device}
    if device is not None and find_device(device).type != "cpu":
        raise IcerecoError(f"{component.name!r} computes on the CPU alone; leave out --device {device}")
    return {}


def _needs(declaration: Declaration, detector: Detector) -> tuple[Detector, ...]:
    factory = declaration.component.load_factory()
    with attributing(declaration, "when its arguments were read"):
        return detector_for(factory, detector)


def _reconstructing(built: Built[Reconstructor]) -> Callable[..., Reconstruction]:
    """Return a function that calls a reconstructor, with `seeds` if it takes them, and whose errors name its plugin."""
    seeds_taken = takes_seeds(built.component)

    def reconstruct(batch: EventBatch, seeds: Sequence[Reconstruction] = ()) -> Reconstruction:
        with built.attributing("when it was given events"):
            result = built.component(batch, **({"seeds": seeds} if seeds_taken else {}))
            return _with_sound_columns(result, len(batch), built.declaration)

    return reconstruct


def _profiling(built: Built[Reconstructor]) -> Callable[[EventBatch], ProfileLikelihood] | None:
    """Return a function that makes profile likelihoods, and whose errors name the plugin; None if there are none."""
    component = built.component
    if not isinstance(component, Scannable):
        return None

    def profile(event: EventBatch) -> ProfileLikelihood:
        with built.attributing("when it was given an event to scan"):
            return component.profile(event)

    return profile


def _with_sound_columns(result: Reconstruction, events: int, declaration: Declaration) -> Reconstruction:
    """Convert status and extras to columns of a table.

    Raises:
        IcerecoError: an extra has the name of another column, or a column has not one value for each event.
    """
    taken = [name for name in result.extras if is_reserved(name)]
    if taken:
        raise IcerecoError(
            f"{described(declaration)} gives extras called {', '.join(map(repr, taken))}, which are, or may be, names of "
            "other columns of the table; rename them in its Reconstruction"
        )
    extras = {name: np.asarray(column, np.float64) for name, column in result.extras.items()}
    status = None if result.status is None else np.asarray(result.status, dtype=object)
    for name, column in {**extras, "status": status}.items():
        if column is not None and column.shape != (events,):
            raise IcerecoError(
                f"{described(declaration)} gives {name!r} of shape {column.shape} for {events} events; one value for each "
                "is needed"
            )
    return replace(result, extras=extras, status=status)


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

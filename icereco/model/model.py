"""The model: normalizer → aggregator (T1) → encoder (T2) → head, and the loss that reads the head's outputs."""

from collections.abc import Collection
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from typing import Any, cast

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from icereco.detector.detector import Detector
from icereco.errors import IcerecoError
from icereco.events.batch import EventBatch
from icereco.events.recalibration import Recalibration
from icereco.events.reconstruction import Reconstruction
from icereco.events.target_recalibration import TargetRecalibration
from icereco.events.tensors import TensorBatch, to_tensors
from icereco.model.decoding import reconstruction
from icereco.model.head import Head, Heads
from icereco.model.precision import full_precision, rounded_products
from icereco.model.several_losses import DIRECTION, SeveralLosses
from icereco.plugins.attribution import attributing, described
from icereco.plugins.built import Built
from icereco.plugins.component import ROLES, Kind
from icereco.plugins.registry import Declaration
from icereco.profiles import Choice, Profile
from icereco.protocols import (
    Aggregator,
    CleansHits,
    Encoder,
    Features,
    LimitsPulses,
    Loss,
    Normalizer,
    SelfSupervised,
    takes_batch,
)

__all__ = ["Model", "build_model", "import_components"]

_SAID: dict[Kind, tuple[str, ...]] = {
    "normalizer": ("feature_count",),
    "aggregator": ("width",),
    "encoder": ("width",),
    "loss": ("output_count", "targets"),
}
"""The attributes of each component that neighbouring components are built with."""


class Model(nn.Module):
    """A network assembled from four components; each stage is built with the width of the one before.

    Attributes:
        normalizer, aggregator, encoder, loss: the components, all torch modules.
        head: from the encoder's width to as many outputs as the loss needs.
        declarations: of the components, so that the error of each names its plugin.
        recalibration: of the posteriors that it reconstructs, once it is known.
        target_recalibration: of energy, vertex, kind and inelasticity, likewise.
    """

    normalizer: Normalizer
    aggregator: Aggregator
    encoder: Encoder
    loss: Loss

    def __init__(
        self,
        normalizer: Built[Normalizer],
        aggregator: Built[Aggregator],
        encoder: Built[Encoder],
        loss: Built[Loss],
    ) -> None:
        super().__init__()
        self.normalizer = normalizer.component
        self.aggregator = aggregator.component
        self.encoder = encoder.component
        self.head = _head(encoder.component.width, loss.component)
        self.loss = loss.component
        self.declarations: dict[Kind, Declaration] = {
            "normalizer": normalizer.declaration,
            "aggregator": aggregator.declaration,
            "encoder": encoder.declaration,
            "loss": loss.declaration,
        }
        self.recalibration: Recalibration | None = None
        self.target_recalibration: TargetRecalibration | None = None
        self._aggregator_takes_batch = takes_batch(aggregator.component)
        self._encoder_takes_batch = takes_batch(encoder.component)
        self._pulse_limit = _pulse_limit(aggregator.component)

    def attributing(
        self, role: Kind, doing: str = "when it was given a batch"
    ) -> AbstractContextManager[None]:
        """Attribute errors in a block to the component of a role; see `icereco.plugins.attribution.attributing`."""
        return attributing(self.declarations[role], doing)

    def forward(self, batch: TensorBatch) -> Float[Tensor, "event output"]:
        """Compute the outputs that the loss needs, float32."""
        return self._outputs(self.cleaned(batch))

    def _outputs(self, batch: TensorBatch) -> Float[Tensor, "event output"]:
        features = self.features(batch)
        raw = {"batch": batch}
        with self.attributing("aggregator"):
            more = raw if self._aggregator_takes_batch else {}
            doms = self.aggregator(features.pulses, batch.pulse_offsets, **more)
        with self.attributing("encoder"):
            more = raw if self._encoder_takes_batch else {}
            events = self.encoder(doms, features.positions, batch.dom_offsets, **more)
        with torch.autocast(events.device.type, enabled=False):  # bfloat16 resolves directions to 0.2° only
            return self.head(events.float())  # type: ignore[no-any-return]  # modules return Any

    def cleaned(self, batch: TensorBatch) -> TensorBatch:
        """Return the events as the model sees them: without the pulses that its normalizer leaves out as noise."""
        if not isinstance(self.normalizer, CleansHits):
            return batch
        with self.attributing("normalizer", "when it cleaned hits"):
            return self.normalizer.cleaned(batch)

    def features(self, batch: TensorBatch) -> Features:
        """Normalise a batch."""
        with self.attributing("normalizer"):
            return self.normalizer(batch)

    @property
    def heads(self) -> dict[str, Head]:
        """The head of each loss, in the order of their outputs; that of a single loss is called "direction"."""
        if isinstance(self.head, Head):
            return {DIRECTION: self.head}
        return {name: cast("Head", head) for name, head in self.head.heads.items()}

    def centre_outputs(self, batch: EventBatch, heads: Collection[str] | None = None) -> None:
        """Shift heads so that their mean output over a batch is zero: the untrained model then points in all directions.

        What events have in common outweighs their differences in a network without training, so that without this all
        first outputs are nearly one vector (initialisation from data: Mishkin and Matas 2016).

        Args:
            batch: any events.
            heads: names of those that are not trained yet; None for all.
        """
        self.eval()
        with torch.no_grad():
            mean = self(to_tensors(batch, next(self.parameters()).device)).mean(0)
        parts: tuple[Tensor, ...] = torch.split(mean, [head.out.out_features for head in self.heads.values()])
        for (name, head), part in zip(self.heads.items(), parts, strict=True):
            if heads is None or name in heads:
                head.shift(-part)

    def reconstruct(self, batch: EventBatch, *, rounded: bool = False) -> Reconstruction:
        """Reconstruct a batch without gradients, with calibrated uncertainties; NaN for events that have no pulses.

        Args:
            batch: any events.
            rounded: whether matrix products are in bfloat16 instead of float32.
        """
        device = next(self.parameters()).device
        self.eval()
        with torch.inference_mode(), full_precision(device):
            seen = self.cleaned(to_tensors(batch, device))
            with rounded_products(device) if rounded else nullcontext():
                outputs = self._outputs(seen)
            reconstructed = self.decode(outputs, seen)
        if self.target_recalibration is not None:
            reconstructed = self.target_recalibration(reconstructed)
        if self.recalibration is None or reconstructed.posterior is None:
            return reconstructed
        posterior = self.recalibration(reconstructed.posterior.as_mixture(), batch.pulse_count)
        return replace(reconstructed, posterior=posterior)

    def reconstruct_nothing(self) -> Reconstruction:
        """Return the reconstruction of zero events, which has the fields of all others."""
        nothing = torch.zeros(0, self.loss.output_count, device=next(self.parameters()).device)
        return reconstruction(self.loss.decode(nothing), np.zeros(0, bool))

    def decode(self, outputs: Float[Tensor, "event output"], seen: TensorBatch) -> Reconstruction:
        """Decode the outputs for cleaned events, with NaN for events that have no pulses."""
        with self.attributing("loss", "when it decoded outputs"):
            estimates = self.loss.decode(outputs)
        return reconstruction(estimates, (seen.dom_offsets.diff() > 0).cpu().numpy(), self._pulses_used(seen))

    def _pulses_used(self, seen: TensorBatch) -> Int[np.ndarray, "event"]:
        """Count the pulses of each event that the aggregator looks at."""
        of_doms = seen.pulse_offsets.diff()
        if self._pulse_limit is not None:
            of_doms = of_doms.clamp(max=self._pulse_limit)
        used = torch.nn.functional.pad(of_doms.cumsum(0), (1, 0))
        per_event: np.ndarray = used[seen.dom_offsets].diff().cpu().numpy()
        return per_event


def _pulse_limit(aggregator: Aggregator) -> int | None:
    return aggregator.pulse_limit if isinstance(aggregator, LimitsPulses) else None


def _head(width: int, loss: Loss) -> Head | Heads:
    if isinstance(loss, SeveralLosses):
        return Heads(width, loss.output_counts)
    return Head(width, loss.output_count)


def build_model(profile: Profile, detector: Detector, seed: int = 1) -> Model:
    """Build the model that a profile describes, with weights drawn from `seed`.

    Raises:
        IcerecoError: a component refuses its options or its neighbours.
    """
    import_components(profile)  # before seeding, as imports may draw random numbers
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        normalizer: Built[Normalizer] = _built(profile, "normalizer", profile.role("normalizer"), detector)
        features = normalizer.component.feature_count
        aggregator: Built[Aggregator] = _built(profile, "aggregator", profile.role("aggregator"), features)
        width = aggregator.component.width
        encoder: Built[Encoder] = _built(profile, "encoder", profile.role("encoder"), width)
        return Model(normalizer, aggregator, encoder, _loss(profile))


def import_components(profile: Profile) -> None:
    """Import the components of a profile, whose modules may make tensors: where and how must not depend on who builds them first."""
    for choice in (
        *(profile.role(role) for role in ROLES),
        *(loss.choice for loss in profile.losses.values()),
    ):
        choice.component.load_factory()


def _loss(profile: Profile) -> Built[Loss]:
    """Combine the profile's losses into one; a single loss is returned as it is."""
    direction: Built[Loss] = _built(profile, "loss", profile.role("loss"))
    further = {name: _built(profile, "loss", loss.choice) for name, loss in profile.losses.items()}
    parts: dict[str, Built[Loss]] = {DIRECTION: direction} | further
    if any(isinstance(part.component, SelfSupervised) for part in parts.values()):
        return _alone(parts, profile)
    if "direction" not in direction.component.targets:
        raise IcerecoError(
            f"profile {profile.name!r} does not fit together: [loss] estimates the "
            f"{', '.join(direction.component.targets)}; it must estimate the direction, and [losses.NAME] is the place of "
            "other targets"
        )
    if not profile.losses:
        return direction
    weights = {name: loss.weight for name, loss in profile.losses.items()}
    try:
        several: Loss = SeveralLosses(parts, {DIRECTION: 1.0} | weights)
    except ValueError as error:
        raise IcerecoError(f"profile {profile.name!r} does not fit together: {error}") from error
    return Built(several, direction.declaration)


def _alone(parts: dict[str, Built[Loss]], profile: Profile) -> Built[Loss]:
    """Return the only loss, which hides DOMs: others would see events without them."""
    if len(parts) > 1:
        hiding = [
            "[loss]" if name == DIRECTION else f"[losses.{name}]"
            for name, part in parts.items()
            if isinstance(part.component, SelfSupervised)
        ]
        raise IcerecoError(
            f"profile {profile.name!r} does not fit together: {' and '.join(hiding)} hides modules from the model, and so has to be "
            f"the only loss, as [loss]; without the others: -o {' -o '.join(f'losses.{name}.weight=0' for name in profile.losses)}"
        )
    return parts[DIRECTION]


def _built(profile: Profile, role: Kind, choice: Choice, *needs: Any) -> Built[Any]:
    try:
        built = choice.build(*needs, passing=(ValueError,))
    except ValueError as error:  # how a component refuses its options or its neighbours
        raise IcerecoError(
            f"profile {profile.name!r} does not fit together: {described(choice.declaration)}: {error}"
        ) from error
    for attribute in _SAID[role]:
        if not hasattr(built.component, attribute):
            raise IcerecoError(
                f"{described(choice.declaration)} does not say its {attribute}, which its neighbours are built with; "
                f"see what else is missing: icereco plugins check {choice.component.name}"
            )
    return built

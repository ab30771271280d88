"""The model: normalizer → aggregator (T1) → encoder (T2) → head, and the loss that reads the head's outputs."""

from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from icereco.detector.detector import Detector
from icereco.errors import IcerecoError
from icereco.events.batch import EventBatch
from icereco.events.reconstruction import Estimates, Reconstruction
from icereco.events.tensors import TensorBatch, to_tensors
from icereco.model.decoding import reconstruction
from icereco.model.head import Head, Heads
from icereco.model.several_losses import DIRECTION, SeveralLosses
from icereco.plugins.attribution import blaming
from icereco.plugins.component import Kind
from icereco.profiles import Choice, Profile
from icereco.protocols import asked_for

__all__ = ["Model", "build_model"]

_IN_USE = "when it was given a batch"


class Model(nn.Module):
    """A network assembled from four components; widths are handed from stage to stage."""

    def __init__(self, normalizer: Any, aggregator: Any, encoder: Any, loss: Any) -> None:
        super().__init__()
        self.normalizer = normalizer
        self.aggregator = aggregator
        self.encoder = encoder
        self.head = _head(encoder.width, loss)
        self.loss = loss

    def forward(self, batch: TensorBatch) -> Float[Tensor, "event output"]:
        """The outputs that the loss asked for, float32."""
        with blaming("normalizer", self.normalizer, _IN_USE):
            features = self.normalizer(batch)
        with blaming("aggregator", self.aggregator, _IN_USE):
            doms = self.aggregator(features.pulses, batch.pulse_offsets, **asked_for(self.aggregator, batch))
        with blaming("encoder", self.encoder, _IN_USE):
            events = self.encoder(
                doms, features.positions, batch.dom_offsets, **asked_for(self.encoder, batch)
            )
        with torch.autocast(events.device.type, enabled=False):  # bfloat16 outputs are 0.2° apart
            return self.head(events.float())  # type: ignore[no-any-return]  # modules return Any

    def centre_outputs(self, batch: EventBatch) -> None:
        """Shift the head so that the mean output over a batch is zero: untrained, the model then points all ways.

        What events have in common outweighs their differences in a network without training, so that without this all
        first outputs are nearly one vector (initialisation from data: Mishkin and Matas 2016).
        """
        self.eval()
        with torch.no_grad():
            outputs = self(to_tensors(batch, next(self.parameters()).device))
            self.head.shift(-outputs.mean(0))

    def reconstruct(self, batch: EventBatch) -> Reconstruction:
        """Directions of a batch, without gradients, with NaN for an event that has no pulses."""
        device = next(self.parameters()).device
        self.eval()
        with torch.inference_mode():
            return self.decode(self(to_tensors(batch, device)), batch)

    def reconstruct_nothing(self) -> Reconstruction:
        """What is said of no event at all."""
        nothing = torch.zeros(0, self.loss.output_count, device=next(self.parameters()).device)
        return reconstruction(self.loss.decode(nothing), np.zeros(0, bool))

    def decode(self, outputs: Float[Tensor, "event output"], batch: EventBatch) -> Reconstruction:
        """What the outputs for a batch say, with NaN for an event that has no pulses."""
        with blaming("loss", self.loss, "when it decoded outputs"):
            estimates: Estimates = self.loss.decode(outputs)
        return reconstruction(estimates, batch.dom_count > 0, self._pulses_used(batch))

    def _pulses_used(self, batch: EventBatch) -> Int[np.ndarray, "event"] | None:
        """How many pulses of each event the aggregator looks at, None if at all."""
        limit = getattr(self.aggregator, "pulse_limit", None)
        if limit is None:
            return None
        used = np.concatenate([[0], np.minimum(np.diff(batch.pulse_offsets), limit).cumsum()])
        per_event: np.ndarray = np.diff(used[batch.dom_offsets])
        return per_event


def _head(width: int, loss: Any) -> Head | Heads:
    return (
        Heads(width, loss.output_counts)
        if isinstance(loss, SeveralLosses)
        else Head(width, loss.output_count)
    )


def build_model(profile: Profile, detector: Detector, seed: int = 1) -> Model:
    """The model that a profile describes, with weights drawn from `seed`.

    Raises:
        IcerecoError: a component refuses its options or its neighbours.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        try:
            return _assemble(profile, detector)
        except ValueError as error:
            raise IcerecoError(f"profile {profile.name!r} does not fit together: {error}") from error


def _assemble(profile: Profile, detector: Detector) -> Model:
    normalizer = _built("normalizer", profile.role("normalizer"), detector)
    aggregator = _built("aggregator", profile.role("aggregator"), normalizer.feature_count)
    encoder = _built("encoder", profile.role("encoder"), aggregator.width)
    return Model(normalizer, aggregator, encoder, _loss(profile))


def _loss(profile: Profile) -> Any:
    """The profile's losses as one; a single one is itself."""
    direction = _built("loss", profile.role("loss"))
    if "direction" not in direction.targets:
        raise ValueError(
            f"[loss] estimates the {', '.join(direction.targets)}; it must estimate the direction, and "
            "[losses.NAME] is the place of other targets"
        )
    if not profile.losses:
        return direction
    further = {name: _built("loss", loss.choice) for name, loss in profile.losses.items()}
    weights = {name: loss.weight for name, loss in profile.losses.items()}
    return SeveralLosses({DIRECTION: direction} | further, {DIRECTION: 1.0} | weights)


def _built(role: Kind, choice: Choice, *needs: Any) -> Any:
    factory = choice.component.load_factory()
    # A ValueError is how a component refuses its options or its neighbours.
    with blaming(role, factory, "when it was built", passing=(ValueError,)):
        return factory(choice.options, *needs)

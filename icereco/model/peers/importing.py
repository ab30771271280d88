"""A checkpoint that a training can go on from, made of a peer's state dict."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from icereco.detector.detector import Detector, load_detector
from icereco.errors import IcerecoError, did_you_mean
from icereco.model.checkpoint import file_hash, save_checkpoint
from icereco.model.model import Model, build_model
from icereco.model.peers import deepice, dynedge
from icereco.model.peers.correspondence import Correspondence
from icereco.model.peers.state_dict import PeerWeights, read_state_dict
from icereco.profiles import Profile, load_profile

__all__ = ["PEERS", "Imported", "import_peer"]

PEERS = {
    "deepice": "DeepIce, trained with GraphNeT",
    "dynedge": "DynEdge of GraphNeT (arXiv:2209.03042)",
    "icemix": "IceMix, the weights of the Kaggle competition (arXiv:2310.15674); x and y of its directions are exchanged",
}
"""What weights may be from, and a line about each."""

_TELLING = {
    "blocks.0.attn.in_proj_weight": ("deepice", "icemix"),
    "_conv_layers.1.nn.0.weight": ("dynedge",),
    "conv_add2.nn.0.weight": ("dynedge",),
}
"""Tensors that only some peers have."""

_CONSTANTS = ("normalizer.", "loss.")
"""What is no weight, but says what options mean."""


@dataclass(frozen=True, slots=True)
class Imported:
    """A model with a peer's weights where layers correspond.

    Attributes:
        imported: names of the tensors that are the peer's, wholly or in part.
        neutral: names of those of layers that the peer does not have, with values that change nothing.
        new: names of those that are neither: they have their first values.
        left: what of the peer is left out, by the beginning of its names, and why.
    """

    model: Model
    profile: Profile
    detector: Detector
    imported: tuple[str, ...]
    neutral: tuple[str, ...]
    new: tuple[str, ...]
    left: dict[str, str]
    source: dict[str, Any]

    def save(self, path: Path) -> None:
        """Write the checkpoint, with where it is from and which of its weights are new."""
        facts = self.source | {"new": list(self.new), "left": self.left}
        save_checkpoint(path, self.model, self.profile, self.detector, {"imported": facts})


def import_peer(path: Path, peer: str, *, head: bool = True) -> Imported:
    """Build a model of ours around the layers that correspond to those of a peer's.

    Args:
        path: the peer's state dict.
        peer: one of `PEERS`.
        head: whether to take over the head of DeepIce, which has to be that of a direction.

    Raises:
        IcerecoError: no such peer, with the nearest name; the file is no state dict, or not that of this peer; or its shapes are not
            those of any model of ours.
    """
    if peer not in PEERS:
        raise IcerecoError(
            f"there is no import from {peer!r}{did_you_mean(peer, PEERS)} (allowed: {', '.join(PEERS)})"
        )
    tensors = read_state_dict(path)
    _require_own(PeerWeights(tensors, path, peer))
    weights = PeerWeights(tensors, path, peer, dynedge.renamed if peer == "dynedge" else str)
    shared = _correspondence(weights, head=head)
    profile = load_profile(shared.profile, shared.overrides)
    detector = load_detector(profile.detector)
    model = build_model(profile, detector)
    imported = _fill(model, shared)
    names = model.state_dict().keys() - imported - shared.neutral.keys()
    new = sorted(name for name in names if not name.startswith(_CONSTANTS))
    source = {"from": peer, "path": str(path.resolve()), "sha256": file_hash(path)}
    left = _left(weights.left(), shared.reasons)
    return Imported(
        model, profile, detector, tuple(sorted(imported)), tuple(shared.neutral), tuple(new), left, source
    )


def _require_own(weights: PeerWeights) -> None:
    """Refuse weights that are those of another peer, by what only they have."""
    others = {
        other: name
        for name, peers in _TELLING.items()
        for other in peers
        if name in weights and weights.peer not in peers
    }
    if others:
        options = " or ".join(f"--from {other}" for other in others)
        raise IcerecoError(
            f"{weights.path} does not hold the weights of {weights.peer}: with a tensor {next(iter(others.values()))} they are those "
            f"of {' or '.join(others)}; give {options}"
        )


def _correspondence(weights: PeerWeights, *, head: bool) -> Correspondence:
    axes = deepice.AXES_OF_ICEMIX if weights.peer == "icemix" else deepice.AXES
    like_deepice = partial(deepice.correspondence, axes=axes, head=head)
    return (dynedge.correspondence if weights.peer == "dynedge" else like_deepice)(weights)


def _fill(model: Model, shared: Correspondence) -> set[str]:
    """Set the weights, and return the names of those that are the peer's."""
    own: dict[str, Tensor] = model.state_dict()
    with torch.no_grad():
        for name, value in (shared.tensors | shared.neutral).items():
            own[name].copy_(value)
        for name, value in shared.columns.items():
            own[name][:, -value.shape[1] :] = value
    return shared.tensors.keys() | shared.columns.keys()


def _left(names: Iterable[str], reasons: dict[str, str]) -> dict[str, str]:
    """What is left out, in groups that have one reason."""
    groups: dict[str, str] = {}
    for name in names:
        prefix = next((one for one in reasons if name.startswith(one)), None)
        groups[name if prefix is None else prefix.rstrip(".")] = (
            "ours has no such layer" if prefix is None else reasons[prefix]
        )
    return groups

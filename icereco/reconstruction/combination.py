"""One posterior from two: a small network weighs the densities of a fit's posterior and a model's against each other.

A fit knows the physics, but may be at a wrong maximum; a trained model is seldom far off, and less exact. Which one to believe, and how
wide its densities have to be, depends on how far they agree, how bright the event is, of what kind, and how well the fit describes it. The
network sees nothing of where the directions are in the detector or the sky, so that it cannot prefer any.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
from jaxtyping import Float, Int
from numpy import ndarray

from icereco.events.reconstruction import Reconstruction
from icereco.events.vmf_mixture import VmfMixture
from icereco.system.files import write_text

__all__ = ["FEATURES", "OUTPUTS", "Combination", "Parts", "densest", "parts_of"]

FEATURES, OUTPUTS = 16, 4

_KEPT = 0.999
"""Part of a posterior whose densities are looked at."""

_FAINTEST, _LEAST_KAPPA, _MOST_KAPPA = 1e-8, 0.05, 1e7
_LEAST_LOG_DENSITY, _MOST_LOG_DENSITY = -30.0, 20.0


@dataclass(frozen=True, slots=True, eq=False)
class Parts:
    """The densities of both posteriors, and what is known of each.

    Attributes:
        mixture: of both, in equal shares; those of weight 0 are of no meaning.
        features: `[E, K, 16]`: log weight, log κ, log densities of both posteriors at the mean, cosines to both directions, whether
            it is of the fit or of the model; and of the event: log pulses, probabilities of kinds, log L over degrees of freedom,
            log κ of both posteriors, cosine between both directions.
    """

    mixture: VmfMixture
    features: Float[ndarray, "event part feature"]


def parts_of(fit: Reconstruction, model: Reconstruction, pulses: Int[ndarray, "event"]) -> Parts:
    """Describe the densities of both posteriors; those of a fit that failed have weight 0."""
    assert fit.posterior is not None
    assert model.posterior is not None
    assert model.kind_probability is not None
    failed = np.isnan(fit.direction).any(1)
    of_fit, of_model = _usable(fit.posterior.as_mixture()), _usable(model.posterior.as_mixture())
    mean = np.concatenate([of_fit.mean, of_model.mean], 1)
    weight = np.concatenate([of_fit.weight * ~failed[:, None], of_model.weight], 1)
    kappa = np.concatenate([of_fit.concentration, of_model.concentration], 1)
    is_of_fit = np.arange(weight.shape[1]) < of_fit.weight.shape[1]
    here, there = np.nan_to_num(fit.direction), np.nan_to_num(model.direction)
    of_parts = [
        np.log(weight + _FAINTEST),
        np.log(kappa),
        np.clip(of_fit.log_density(mean), _LEAST_LOG_DENSITY, _MOST_LOG_DENSITY),
        np.clip(of_model.log_density(mean), _LEAST_LOG_DENSITY, _MOST_LOG_DENSITY),
        (mean * here[:, None]).sum(2),
        (mean * there[:, None]).sum(2),
        np.broadcast_to(is_of_fit, weight.shape),
        np.broadcast_to(~is_of_fit, weight.shape),
    ]
    of_events = [
        np.log(np.maximum(pulses, 1)),
        *model.kind_probability.T,
        fit.extras["reduced_log_likelihood"],
        *(np.log(np.clip(one.kappa, _LEAST_KAPPA, _MOST_KAPPA)) for one in (of_fit, of_model)),
        (here * there).sum(1),
    ]
    columns = [*of_parts, *(np.broadcast_to(np.nan_to_num(one)[:, None], weight.shape) for one in of_events)]
    mixture = VmfMixture(weight / weight.sum(1, keepdims=True), mean, kappa)
    return Parts(mixture, np.stack(columns, 2).astype(np.float64))


def _usable(posterior: VmfMixture) -> VmfMixture:
    """Leave out the lightest densities, and put any numbers in place of those that are not numbers."""
    kept = posterior.pruned(_KEPT)
    up = np.array([0.0, 0.0, 1.0])
    return VmfMixture(
        np.nan_to_num(kept.weight),
        np.where(np.isnan(kept.mean), up, kept.mean),
        np.clip(np.nan_to_num(kept.concentration, nan=1.0), _LEAST_KAPPA, _MOST_KAPPA),
    )


@dataclass(frozen=True, slots=True, eq=False)
class Combination:
    """A network with two hidden layers, that makes two densities of each, a narrow and a wide one.

    Attributes:
        centre, spread: of the features where it was trained.
        layers: matrices and what is added, of each layer.
        facts: what it was trained on, and of which model.
    """

    centre: Float[ndarray, "feature"]
    spread: Float[ndarray, "feature"]
    layers: Sequence[tuple[Float[ndarray, "output input"], Float[ndarray, "output"]]]
    facts: Mapping[str, Any]

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read what `write` wrote."""
        document = json.loads(path.read_text(encoding="utf-8"))
        layers = [(np.array(matrix), np.array(added)) for matrix, added in document["layers"]]
        return cls(np.array(document["centre"]), np.array(document["spread"]), layers, document["facts"])

    def write(self, path: Path) -> None:
        """Write JSON, with six digits."""
        document = {
            "facts": dict(self.facts),
            "centre": _rounded(self.centre),
            "spread": _rounded(self.spread),
            "layers": [[_rounded(matrix), _rounded(added)] for matrix, added in self.layers],
        }
        write_text(path, json.dumps(document) + "\n")

    def of(self, mixture: VmfMixture, features: Float[ndarray, "event part feature"]) -> VmfMixture:
        """Return the posterior of both; see `Parts`."""
        values = (features - self.centre) / self.spread
        for index, (matrix, added) in enumerate(self.layers):
            values = np.tanh(values) if index else values
            # Unlike a product of matrices, the same to the last bit whatever other events there are.
            values = np.einsum("epi,oi->epo", values, matrix) + added
        return combined(mixture, values)


def combined(mixture: VmfMixture, outputs: Float[ndarray, "event part output"]) -> VmfMixture:
    """Apply the outputs of the network: additions to the logarithms of weight and κ of the narrow density, then of the wide one."""
    wide = np.concatenate([outputs[..., :2], outputs[..., 2:]], 1)
    twice = [np.concatenate([one, one], 1) for one in (mixture.weight, mixture.mean, mixture.concentration)]
    with np.errstate(divide="ignore"):
        log_weight = np.log(twice[0]) + wide[..., 0]
    weight = np.exp(log_weight - log_weight.max(1, keepdims=True))
    kappa = np.clip(twice[2] * np.exp(np.clip(wide[..., 1], -4.0, 4.0)), _LEAST_KAPPA, _MOST_KAPPA)
    return VmfMixture(weight / weight.sum(1, keepdims=True), twice[1], kappa)


def densest(posterior: VmfMixture) -> Float[ndarray, "event 3"]:
    """Return the mean of that density at whose mean the whole posterior is densest."""
    density = np.where(posterior.weight > 0, posterior.log_density(posterior.mean), -np.inf)
    return np.asarray(posterior.mean[np.arange(len(density)), density.argmax(1)])


def _rounded(numbers: ndarray) -> Any:
    return [_rounded(row) if isinstance(row, np.ndarray) else float(f"{row:.6g}") for row in numbers]

"""A single von Mises-Fisher density for each event, from the outputs of a model."""

import torch
from jaxtyping import Float
from torch import Tensor
from torch.compiler import is_exporting

from icereco.events.tensor_mixture import TensorMixture
from icereco.events.vmf_mixture import VmfMixture
from icereco_losses.sphere import float64

__all__ = ["single"]


def single(direction: Float[Tensor, "event 3"], kappa: Float[Tensor, "event"]) -> VmfMixture | TensorMixture:
    """Return the densities, without gradients; as tensors while a model is exported.

    Means are normalised in float64: with the rounding of float32 a concentration of 1,000 would be taken from them to 1e-4 only.
    """
    mean, concentration = direction.double(), kappa.double()[:, None]
    mean = mean / torch.linalg.vector_norm(mean, dim=-1, keepdim=True)
    if is_exporting():
        return TensorMixture(torch.ones_like(concentration), mean[:, None], concentration, mean)
    return VmfMixture.single(float64(mean), float64(kappa))

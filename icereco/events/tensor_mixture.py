"""Mixtures of von Mises-Fisher densities as tensors: what a loss decodes to while a model is exported."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from jaxtyping import Float

if TYPE_CHECKING:
    from torch import Tensor
else:  # torch is slow to import and most commands never need it
    Tensor = Any

__all__ = ["TensorMixture"]


@dataclass(frozen=True, slots=True)
class TensorMixture:
    """As `icereco.events.vmf_mixture.VmfMixture`, whose search for a mode and contours are NumPy's; float64.

    Attributes:
        weight: `[E, K]`, normalised to a sum of one.
        mean: `[E, K, 3]` unit vectors.
        concentration: `[E, K]` κ of each component.
        mode: `[E, 3]`, the maximum of each density.
    """

    weight: Float[Tensor, "event component"]
    mean: Float[Tensor, "event component 3"]
    concentration: Float[Tensor, "event component"]
    mode: Float[Tensor, "event 3"]

"""Vectors and unit vectors with gradients that are finite everywhere."""

import torch
from jaxtyping import Float
from numpy import ndarray
from torch import Tensor

__all__ = ["exact_products", "float64", "full_precision", "limited", "safe_norm", "unit"]

SMALLEST_NORM = 1e-12
"""Shorter vectors have no direction: their square is near the smallest float32."""


def full_precision(values: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
    """At least float32: half precision resolves directions to 0.2 degrees only."""
    return values if values.dtype == torch.float64 else values.float()


def float64(values: Float[Tensor, "*shape"]) -> Float[ndarray, "*shape"]:
    """Convert to a NumPy array without gradients."""
    return values.detach().double().cpu().numpy()


def exact_products(values: Tensor) -> torch.autocast:
    """A context in which matrix products are taken in the precision of their factors."""
    return torch.autocast(values.device.type, enabled=False)


def limited(vectors: Float[Tensor, "*n size"], most: float) -> Float[Tensor, "*n size"]:
    """Vectors shortened smoothly to less than `most`: v/√(1 + |v|²/most²)."""
    return vectors / (1 + vectors.square().sum(-1, keepdim=True) / most**2).sqrt()


def safe_norm(vectors: Float[Tensor, "*n 3"]) -> Float[Tensor, "*n"]:
    """Lengths; the gradient at the zero vector is zero instead of NaN."""
    squared = vectors.square().sum(-1)
    positive = squared > 0
    return torch.where(positive, torch.where(positive, squared, 1.0).sqrt(), 0.0)


def unit(vectors: Float[Tensor, "*n 3"]) -> Float[Tensor, "*n 3"]:
    """Unit vectors; the zenith (0, 0, 1) replaces vectors without a direction."""
    length = torch.linalg.vector_norm(vectors, dim=-1, keepdim=True)
    directed = length > SMALLEST_NORM
    zenith = vectors.new_tensor([0.0, 0.0, 1.0])
    return torch.where(directed, vectors / torch.where(directed, length, 1.0), zenith)

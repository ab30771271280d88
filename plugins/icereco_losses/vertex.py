"""The vertex as a loss: an ellipsoid of any orientation, whose place, size and shape are learned."""

import math

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import softplus

from icereco.events.reconstruction import Estimates
from icereco.events.tensors import TruthTensors
from icereco.events.truth import Target
from icereco_losses.options import VertexOptions
from icereco_losses.sphere import full_precision

__all__ = ["VertexLoss"]

_CORE = 3.0
"""Sigmas up to which the density is Gaussian; beyond them it falls exponentially."""

_SMALLEST_SIGMA, _LARGEST_SIGMA = 0.02, 10.0
"""Of a coordinate where those before it are known, in units of the spread: 10 m for 500 m, less than the distance of modules."""

_STEEPEST = 10.0
"""The slope of a coordinate along another one is below this: thinner oblique ellipsoids are not resolved in float64."""


class VertexLoss(nn.Module):
    """−log of a density of the vertex per m³: a Gaussian with full covariance up to 3 σ, exponential beyond.

    Nine outputs, all of order one: the mean (3) in units of the spread, widths (3, by softplus) and slopes (3). As in the modified
    Cholesky decomposition (Pourahmadi, Biometrika 86 (1999) 677) each coordinate has a regression on those before it:
    z_i = (r_i + Σ_j<i u_ij r_j)/σ_i = (A r)_i, r = x − mean, and the covariance is proportional to (Aᵀ A)⁻¹. The density is
    c exp(−ρ(|z|)) with Huber's ρ (Ann. Math. Stat. 35 (1964) 73), so that a vertex far outside, such as that of a track from afar,
    pulls no more than one at 3 σ.
    """

    output_count = 9
    targets: tuple[Target, ...] = ("vertex_m",)
    exportable = True

    def __init__(self, options: VertexOptions) -> None:
        super().__init__()
        self.options = options

    def forward(self, outputs: Float[Tensor, "event 9"], truth: TruthTensors) -> Float[Tensor, "event"]:
        """−log p `[E]` per m³, at least float32."""
        mean, factor = self._gaussian(full_precision(outputs))
        assert truth.vertex_m is not None  # declared in `targets`
        away = truth.vertex_m.to(mean.dtype) / self.options.spread_m - mean
        pull = (factor * away[:, None]).sum(-1)
        log_size = factor.diagonal(dim1=-2, dim2=-1).log().sum(-1) - 3 * math.log(self.options.spread_m)
        return _huber(pull) + math.log(_volume()) - log_size

    def decode(self, outputs: Float[Tensor, "event 9"]) -> Estimates:
        """Mean and covariance of the density; in float64, as thin ellipsoids are not resolved by less."""
        mean, factor = self._gaussian(outputs.double())
        inverse = self.options.spread_m * _inverse(factor)
        return Estimates(
            vertex_m=self.options.spread_m * mean, vertex_covariance_m2=_variance() * inverse @ inverse.mT
        )

    def _gaussian(
        self, outputs: Float[Tensor, "event 9"]
    ) -> tuple[Float[Tensor, "event 3"], Float[Tensor, "event 3 3"]]:
        """The mean and the matrix A, in units of the spread."""
        mean, widths, slopes = outputs.split(3, -1)
        width = softplus(widths)
        sigma = width / (1 + width / _LARGEST_SIGMA) + _SMALLEST_SIGMA
        slopes = slopes / (1 + (slopes / _STEEPEST).square()).sqrt()
        return mean, _lower(1 / sigma, slopes / sigma[:, [1, 2, 2]])


def _lower(diagonal: Float[Tensor, "event 3"], below: Float[Tensor, "event 3"]) -> Float[Tensor, "event 3 3"]:
    """Triangular matrices from the elements 11, 22, 33 and 21, 31, 32."""
    first, second, third = diagonal.unbind(-1)
    beside, corner, under = below.unbind(-1)
    none = torch.zeros_like(first)
    rows = [first, none, none, beside, second, none, corner, under, third]
    return torch.stack(rows, -1).view(-1, 3, 3)


def _inverse(factor: Float[Tensor, "event 3 3"]) -> Float[Tensor, "event 3 3"]:
    """Of triangular matrices, written out: ONNX solves no systems of equations."""
    diagonal = 1 / factor.diagonal(dim1=-2, dim2=-1)
    first, second, third = diagonal.unbind(-1)
    beside, under = -factor[:, 1, 0] * first * second, -factor[:, 2, 1] * second * third
    corner = -(factor[:, 2, 0] * first + factor[:, 2, 1] * beside) * third
    return _lower(diagonal, torch.stack([beside, corner, under], -1))


def _huber(pull: Float[Tensor, "event 3"]) -> Float[Tensor, "event"]:
    """ρ(r) = r²/2 up to k = `_CORE`, and k r − k²/2 beyond, of the length r of the pull."""
    squared = pull.square().sum(-1)
    near = squared <= _CORE**2
    far = _CORE * torch.where(near, _CORE**2, squared).sqrt() - _CORE**2 / 2
    return torch.where(near, squared / 2, far)


def _volume() -> float:
    """The integral of exp(−ρ(|z|)) over all z."""
    tail = math.exp(-(_CORE**2) / 2)
    core = math.sqrt(math.pi / 2) * math.erf(_CORE / math.sqrt(2))
    return 4 * math.pi * (core + tail * (2 / _CORE + 2 / _CORE**3))


def _variance() -> float:
    """The variance of each component of z."""
    tail = math.exp(-(_CORE**2) / 2)
    core = 3 * math.sqrt(math.pi / 2) * math.erf(_CORE / math.sqrt(2))
    fourth = core + tail * (_CORE + 12 / _CORE + 24 / _CORE**3 + 24 / _CORE**5)
    return 4 * math.pi * fourth / _volume() / 3

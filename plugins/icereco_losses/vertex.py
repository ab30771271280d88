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

_SMALLEST_SIGMA_M = 1.0
_LARGEST_SIGMA = 10.0
"""In units of the spread: of a coordinate where those before it are known."""

_STEEPEST = 10.0
"""Most that a coordinate changes with another one: limits how thin an oblique ellipsoid can be, so that float64 resolves it."""


class VertexLoss(nn.Module):
    """−log of a density of the vertex per m³: a Gaussian with full covariance up to 3 σ, exponential beyond.

    Nine outputs: b (3), and the diagonal (3, by softplus) and the other elements (3) of a lower triangular matrix A. With the
    vertex x in units of the spread, the pull z = A x − b has the density c exp(−ρ(|z|)) with Huber's ρ (Ann. Math. Stat. 35
    (1964) 73). The mean is A⁻¹ b, and A⁻¹ the lower Cholesky factor of the covariance but for a number close to one. So an error
    of one σ is one unit of b at any σ, and however wrong an event is, such as a track that begins far outside, its gradient
    with respect to b is at most 3.
    """

    output_count = 9
    targets: tuple[Target, ...] = ("vertex_m",)

    def __init__(self, options: VertexOptions) -> None:
        super().__init__()
        self.options = options

    def forward(self, outputs: Float[Tensor, "event 9"], truth: TruthTensors) -> Float[Tensor, "event"]:
        """−log p `[E]` per m³, at least float32."""
        whitened, factor = self._whitening(full_precision(outputs))
        assert truth.vertex_m is not None  # declared in `targets`
        place = truth.vertex_m.to(factor.dtype) / self.options.spread_m
        pull = (factor * place[:, None]).sum(-1) - whitened
        log_size = factor.diagonal(dim1=-2, dim2=-1).log().sum(-1) - 3 * math.log(self.options.spread_m)
        return _huber(pull) + math.log(_volume()) - log_size

    def decode(self, outputs: Float[Tensor, "event 9"]) -> Estimates:
        """Mean and covariance of the density; in float64, as thin ellipsoids are not resolved by less."""
        whitened, factor = self._whitening(outputs.double())
        unit = torch.eye(3, dtype=factor.dtype, device=factor.device).expand_as(factor)
        inverse = self.options.spread_m * torch.linalg.solve_triangular(factor, unit, upper=False)
        return Estimates(
            vertex_m=(inverse @ whitened[..., None])[..., 0],
            vertex_covariance_m2=_variance() * inverse @ inverse.mT,
        )

    def _whitening(
        self, outputs: Float[Tensor, "event 9"]
    ) -> tuple[Float[Tensor, "event 3"], Float[Tensor, "event 3 3"]]:
        """The vector b and the matrix A."""
        whitened, diagonal, others = outputs.split(3, -1)
        smallest = _SMALLEST_SIGMA_M / self.options.spread_m
        diagonal = 1 / (smallest + 1 / (softplus(diagonal) + 1 / _LARGEST_SIGMA))
        most = _STEEPEST * diagonal[:, [1, 2, 2]]
        others = others / (1 + (others / most).square()).sqrt()
        factor = torch.diag_embed(diagonal)
        factor[:, [1, 2, 2], [0, 0, 1]] = others
        return whitened, factor


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

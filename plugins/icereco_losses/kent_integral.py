"""The integral that normalises the Kent density, and moments of the density, for any concentration.

With w = 1 − μ·x and the azimuth integrated out, ∫ e^(κ μ·x + β (x₁² − x₂²)) dx = 2π e^κ J and

    J(κ, β) = ∫₀² e^(−κ w) I₀(β w (2 − w)) dw,        e^(−κ w) I₀(…) = e^(−(κ − 2β) w − β w²) · e^(−…) I₀(…)

which equals the series of Kent (1982, eq. 2.3). Gauss-Legendre nodes, dense at w = 0 and ending where the integrand has
vanished, give it to 1e-7 for κ from 0 to beyond 1e8 and 2β up to 0.98 κ, without a series that would have to be changed
between small and large κ.
"""

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

__all__ = ["log_integral", "moments"]

_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(40)
_PLACES = ((_NODES + 1) / 2) ** 3
_LENGTHS = 3 * ((_NODES + 1) / 2) ** 2 * _WEIGHTS / 2

_VANISHED = 40.0
"""e^(−40) is below the digits of a float64."""


def log_integral(kappa: Float[Tensor, "event"], beta: Float[Tensor, "event"]) -> Float[Tensor, "event"]:
    """Log J(κ, β), for 0 ≤ 2β < κ or κ = β = 0; right in value and gradient.

    >>> zero = torch.zeros(1).double()
    >>> round(float(log_integral(zero, zero).exp()), 9)
    2.0
    """
    drop, length = _nodes(kappa, beta)
    return (_integrand(kappa, beta, drop) * length).sum(-1).log()


def moments(
    kappa: Float[Tensor, "event"], beta: Float[Tensor, "event"]
) -> tuple[Float[Tensor, "event"], Float[Tensor, "event"], Float[Tensor, "event"]]:
    """The means of 1 − μ·x, of the square of x along the major axis of the ellipse, and along the minor axis."""
    drop, length = _nodes(kappa, beta)
    share = _integrand(kappa, beta, drop) * length
    share = share / share.sum(-1, keepdim=True)
    across = drop * (2 - drop)
    argument = beta[:, None] * across
    elongation = torch.special.i1e(argument) / torch.special.i0e(argument)
    major, minor = across * (1 + elongation) / 2, across * (1 - elongation) / 2
    return (share * drop).sum(-1), (share * major).sum(-1), (share * minor).sum(-1)


def _nodes(
    kappa: Float[Tensor, "event"], beta: Float[Tensor, "event"]
) -> tuple[Float[Tensor, "event node"], Float[Tensor, "event node"]]:
    """Places w and their lengths; constants for the gradient, as the integral does not depend on them."""
    kappa, beta = kappa.detach(), beta.detach()
    tiny = torch.finfo(kappa.dtype).tiny
    slowest = _VANISHED / (kappa - 2 * beta).clamp(min=tiny)
    reach = torch.minimum(slowest, (_VANISHED / beta.clamp(min=tiny)).sqrt()).clamp(max=2.0)[:, None]
    return reach * kappa.new_tensor(_PLACES), reach * kappa.new_tensor(_LENGTHS)


def _integrand(
    kappa: Float[Tensor, "event"], beta: Float[Tensor, "event"], drop: Float[Tensor, "event node"]
) -> Float[Tensor, "event node"]:
    beta = beta[:, None]
    decay = (kappa[:, None] - 2 * beta) * drop + beta * drop.square()
    bessel: Tensor = torch.special.i0e(beta * drop * (2 - drop))
    return torch.exp(-decay) * bessel

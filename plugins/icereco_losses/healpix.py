"""Cells of equal area on the sphere: HEALPix (Górski et al. 2005, section 4.1) in ring order."""

import math

import torch
from jaxtyping import Float
from torch import Tensor

__all__ = ["cell_centres"]


def cell_centres(per_side: int) -> Float[Tensor, "cell 3"]:
    """Unit vectors to the centres of the 12 n² cells, float64, from the zenith down.

    >>> cell_centres(1).shape
    torch.Size([12, 3])
    """
    rings = [_ring(number, per_side) for number in range(1, 4 * per_side)]
    return torch.cat(rings)


def _ring(number: int, per_side: int) -> Float[Tensor, "cell 3"]:
    """The cells of one ring; those of the caps (eq. 4, 5) have ever fewer cells, those of the belt (eq. 8, 9) 4 n."""
    from_pole = min(number, 4 * per_side - number)
    if from_pole < per_side:
        count, shift = 4 * from_pole, 0.5
        height = math.copysign(1 - from_pole**2 / (3 * per_side**2), 2 * per_side - number)
    else:
        count, shift = 4 * per_side, 0.5 * ((number - per_side + 1) % 2)
        height = 4 / 3 - 2 * number / (3 * per_side)
    azimuth = (torch.arange(count, dtype=torch.float64) + shift) * (2 * math.pi / count)
    sine = math.sqrt(max(1 - height**2, 0.0))
    return torch.stack([sine * azimuth.cos(), sine * azimuth.sin(), torch.full_like(azimuth, height)], -1)

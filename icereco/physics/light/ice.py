"""Layered ice: mean optical properties along rays between two depths."""

import numpy as np
import torch
from jaxtyping import Float, Int
from numpy import ndarray
from torch import Tensor, nn

__all__ = ["LayeredIce"]

_GRID_M = 5.0
_CONTINUED_M = 2000.0


class LayeredIce(nn.Module):
    """Effective scattering and absorption coefficients, piecewise linear in z, and their exact means along rays.

    Nodes are 5 m apart, from the first layer on, and between layers coefficients are linear; beyond the layers the
    outermost values are continued for 2 km.

    Args:
        z_m: float64 `[L]`, ascending.
        scattering_length_m: float64 `[L]`, effective scattering length.
        absorption_length_m: float64 `[L]`.
    """

    line: Float[Tensor, "4 node"]
    """Values of scattering and absorption at each node, and their steps to the next."""
    integral: Float[Tensor, "2 node"]

    def __init__(
        self,
        z_m: Float[ndarray, "layer"],
        scattering_length_m: Float[ndarray, "layer"],
        absorption_length_m: Float[ndarray, "layer"],
    ) -> None:
        super().__init__()
        z = np.arange(z_m[0] - _CONTINUED_M, z_m[-1] + _CONTINUED_M + _GRID_M, _GRID_M)
        lengths = (scattering_length_m, absorption_length_m)
        node = np.stack([np.interp(z, z_m, 1.0 / length) for length in lengths])
        step = np.diff(node, append=node[:, -1:])
        integral = np.cumsum(node + 0.5 * step, axis=1) - (node + 0.5 * step)
        # Counted from the middle: differences of small numbers keep their digits in float32.
        integral -= integral[:, [len(z) // 2]]
        self.bottom_m = float(z[0])
        self.register_buffer("line", torch.from_numpy(np.concatenate([node, step])))
        self.register_buffer("integral", torch.from_numpy(integral))

    def mean_coefficients(
        self, first_z_m: Float[Tensor, "n"], second_z_m: Float[Tensor, "n"]
    ) -> tuple[Float[Tensor, "n"], Float[Tensor, "n"]]:
        """Mean effective scattering and absorption coefficient, 1/m, on the straight way between two depths.

        The parts of the way in its first and its last cell and the whole cells between are added up, never
        subtracted, so that short ways are as exact as long ones. A way within a cell, such as a level one, has the
        coefficient of its middle.
        """
        low_cell, low = self._place(torch.minimum(first_z_m, second_z_m))
        high_cell, high = self._place(torch.maximum(first_z_m, second_z_m))
        first, last = self.line.index_select(1, low_cell), self.line.index_select(1, high_cell)
        cells = self.integral.index_select(1, high_cell) - self.integral.index_select(1, low_cell + 1)
        start = (1.0 - low) * (first[:2] + first[2:] * (0.5 + 0.5 * low))
        end = high * (last[:2] + last[2:] * (0.5 * high))
        within = low_cell == high_cell
        across = (start + cells + end) / torch.where(within, 1.0, (high_cell - low_cell) + (high - low))
        mean = torch.where(within, first[:2] + first[2:] * (0.5 * (low + high)), across)
        return mean[0], mean[1]

    def _place(self, z_m: Float[Tensor, "n"]) -> tuple[Int[Tensor, "n"], Float[Tensor, "n"]]:
        """Return the cell of each depth, and the fractional height in it."""
        last = self.line.shape[1] - 2
        place = ((z_m - self.bottom_m) * (1.0 / _GRID_M)).clamp(0, last)
        cell = place.detach().long()
        return cell, place - cell

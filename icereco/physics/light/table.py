"""A function of one variable, tabulated, with a derivative that is continuous."""

import numpy as np
import torch
from jaxtyping import Float
from numpy import ndarray
from torch import Tensor, nn

__all__ = ["SmoothTable"]


class SmoothTable(nn.Module):
    """Cubic interpolation between values on a regular grid, constant beyond its ends.

    The slopes at the nodes are harmonic means of those on both sides (Fritsch & Butland, SIAM J. Sci. Stat. Comput.
    5 (1984) 300), so that the curve follows the values without overshooting: a function that is nowhere negative stays so. Value
    and first derivative are continuous.

    Args:
        first: where the first value holds.
        last: where the last value holds.
        values: float64 `[N]`, at least two.
    """

    coefficient: Float[Tensor, "4 cell"]

    def __init__(self, first: float, last: float, values: Float[ndarray, "node"]) -> None:
        super().__init__()
        self._first = first
        self._cells = len(values) - 1
        self._cells_per_unit = self._cells / (last - first)
        step = np.diff(values)
        left, right = _slopes(step)
        coefficient = [values[:-1], left, 3 * step - 2 * left - right, left + right - 2 * step]
        self.register_buffer("coefficient", torch.from_numpy(np.stack(coefficient)))

    def forward(self, argument: Float[Tensor, "*n"]) -> Float[Tensor, "*n"]:
        """Interpolate at the arguments."""
        place = ((argument - self._first) * self._cells_per_unit).clamp(0, self._cells)
        cell = place.detach().floor().clamp(max=self._cells - 1)
        part = place - cell
        row = self.coefficient.index_select(1, cell.long().flatten()).unflatten(1, argument.shape)
        value: Tensor = row[0] + part * (row[1] + part * (row[2] + part * row[3]))
        return value


def _slopes(step: Float[ndarray, "cell"]) -> tuple[Float[ndarray, "cell"], Float[ndarray, "cell"]]:
    """Slopes at both ends of each cell: zero at an extremum, those of the cell itself at the ends of the table."""
    before, after = step[:-1], step[1:]
    monotone = before * after > 0
    mean = np.where(monotone, 2 * before * after / np.where(monotone, before + after, 1.0), 0.0)
    slope = np.concatenate([step[:1], mean, step[-1:]])
    return slope[:-1], slope[1:]

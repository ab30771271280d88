"""Pairs of light sources and the modules within their reach; all others are skipped."""

from itertools import pairwise

import numpy as np
from jaxtyping import Float, Int
from numpy import ndarray

from icereco.detector.detector import Detector

__all__ = ["StringIndex", "expand"]

_BIN_M = 4.0


class StringIndex:
    """An index of modules by string and height, with lookups in constant time; only modules that are alive."""

    def __init__(self, detector: Detector) -> None:
        alive = np.flatnonzero(detector.alive)
        position = detector.position_m.astype(np.float64)
        # Strings ascend, modules of a string ascend in z.
        order = alive[np.lexsort((position[alive, 2], detector.string[alive]))]
        self.sensor = order
        self.position_m = position[order]
        _, first = np.unique(detector.string[order], return_index=True)
        bounds = np.append(first, order.size)
        self.string_xy = np.stack([self.position_m[a:b, :2].mean(axis=0) for a, b in pairwise(bounds)])
        low, high = self.position_m[:, 2].min(), self.position_m[:, 2].max()
        self._bottom = low - _BIN_M
        grid = np.arange(self._bottom, high + 2 * _BIN_M, _BIN_M)
        # Modules up to each height; the table counts over all strings, so a pair of entries is a range of modules.
        self._table = np.stack(
            [a + np.searchsorted(self.position_m[a:b, 2], grid) for a, b in pairwise(bounds)]
        )

    def between(
        self, string: Int[ndarray, "n"], low_m: Float[ndarray, "n"], high_m: Float[ndarray, "n"]
    ) -> tuple[Int[ndarray, "n"], Int[ndarray, "n"]]:
        """First module and number of modules of a string between two heights (or a little beyond)."""
        last = self._table.shape[1] - 1
        below = np.clip((low_m - self._bottom) / _BIN_M, 0, last).astype(np.intp)
        above = np.clip((high_m - self._bottom) / _BIN_M + 1.0, 0, last).astype(np.intp)
        first = self._table[string, below]
        return first, np.maximum(self._table[string, above] - first, 0)

    def near_points(
        self, position_m: Float[ndarray, "n 3"], reach_m: Float[ndarray, "n"]
    ) -> tuple[Int[ndarray, "range"], Int[ndarray, "range"], Int[ndarray, "range"]]:
        """Ranges of modules within reach of points: point, first module, number of modules."""
        across = position_m[:, None, :2] - self.string_xy
        room = reach_m[:, None] ** 2 - np.einsum("ijk,ijk->ij", across, across)
        point, string = np.nonzero(room > 0)
        half = np.sqrt(room[point, string])
        z = position_m[point, 2]
        return self._compact(point, *self.between(string, z - half, z + half))

    def near_lines(
        self, start_m: Float[ndarray, "n 3"], travel: Float[ndarray, "n 3"], reach_m: Float[ndarray, "n"]
    ) -> tuple[Int[ndarray, "range"], Int[ndarray, "range"], Int[ndarray, "range"]]:
        """Ranges of modules within reach of infinite lines: line, first module, number of modules."""
        across = self.string_xy - start_m[:, None, :2]
        plain = np.einsum("ijk,ik->ij", across, travel[:, :2])
        # Squared distance of a module at height ζ above the start: a ζ² − 2 b ζ + c.
        a = np.maximum(1.0 - travel[:, 2] ** 2, 1e-6)[:, None]
        b = travel[:, 2:] * plain
        c = np.einsum("ijk,ijk->ij", across, across) - plain**2
        room = b**2 - a * (c - reach_m[:, None] ** 2)
        line, string = np.nonzero(room > 0)
        half = np.sqrt(room[line, string]) / a[line, 0]
        middle = start_m[line, 2] + b[line, string] / a[line, 0]
        return self._compact(line, *self.between(string, middle - half, middle + half))

    @staticmethod
    def _compact(
        source: Int[ndarray, "n"], first: Int[ndarray, "n"], count: Int[ndarray, "n"]
    ) -> tuple[Int[ndarray, "range"], Int[ndarray, "range"], Int[ndarray, "range"]]:
        some = count > 0
        return source[some], first[some], count[some]


def expand(
    first: Int[ndarray, "n"], count: Int[ndarray, "n"]
) -> tuple[Int[ndarray, "pair"], Int[ndarray, "pair"]]:
    """Expand ranges: the range of each member, and the members one by one."""
    which = np.repeat(np.arange(first.size), count)
    ends = np.cumsum(count)
    return which, np.arange(which.size) - np.repeat(ends - count - first, count)

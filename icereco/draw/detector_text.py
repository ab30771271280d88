"""A detector in characters: its strings from above, and its modules from the side with the medium at their heights."""

from collections.abc import Iterator

import numpy as np
from jaxtyping import Float, Int
from numpy import ndarray

from icereco.detector.detector import Detector

__all__ = ["side_view", "top_view"]

_SHADES = "░▒▓█"
_ASCII_SHADES = ".:*#"
_SIDE_ROWS, _SIDE_COLUMNS, _BAR = 20, 30, 16


def top_view(detector: Detector, columns: int = 64, rows: int = 28, *, ascii_only: bool = False) -> list[str]:
    """The strings seen from above, true to scale within `columns` × `rows` cells, with axes in m."""
    place = _string_places(detector)
    low, high = _limits(place)
    width, height = high - low
    columns = max(1, min(columns, round(2 * rows * width / height)))
    rows = max(1, min(rows, round(columns / 2 * height / width)))
    counts = _counts(place, low, high, columns, rows)
    marks = np.where(counts > 0, "o" if ascii_only else "●", " ")
    labels = _labels(low[1], high[1], rows)
    bar = "|" if ascii_only else "┤"
    lines = [f"{label:>7} {bar}{''.join(row)}" for label, row in zip(labels, marks, strict=True)]
    return [*lines, _below(low[0], high[0], columns), " " * 9 + "x/m to the right, y/m up"]


def side_view(detector: Detector, *, ascii_only: bool = False) -> list[str]:
    """Modules over x and height (not to scale), how many there are at each height, and the medium's lengths in m."""
    used = detector.position_m[detector.alive].astype(np.float64)
    place = used[:, [0, 2]]
    low, high = _limits(place)
    counts = _counts(place, low, high, _SIDE_COLUMNS, _SIDE_ROWS)
    shades = np.array(list(" " + (_ASCII_SHADES if ascii_only else _SHADES)))
    level = np.ceil(counts / counts.max() * (len(shades) - 1)).astype(int)
    number = counts.sum(axis=1)
    z = np.linspace(high[1], low[1], 2 * _SIDE_ROWS + 1)[1::2]
    lines = []
    for row, label in enumerate(_labels(low[1], high[1], _SIDE_ROWS)):
        bar = ("#" if ascii_only else "▇") * int(np.ceil(number[row] / number.max() * _BAR))
        edge = "|" if ascii_only else "┤"
        cells = "".join(shades[level[row]])
        lines.append(
            f"{label:>7} {edge}{cells} {bar:<{_BAR}} {number[row]:>6,}{_medium_at(detector, z[row])}"
        )
    heading = f"{'z/m':>7}  {'':<{_SIDE_COLUMNS}} {'modules':<{_BAR + 7}}" + _medium_heading(detector)
    return [heading.rstrip(), *lines, _below(low[0], high[0], _SIDE_COLUMNS), " " * 9 + "x/m"]


def _string_places(detector: Detector) -> Float[ndarray, "string 2"]:
    used = np.flatnonzero(detector.alive)
    _, string = np.unique(detector.string[used], return_inverse=True)
    place = detector.position_m[used, :2].astype(np.float64)
    total = np.stack([np.bincount(string, place[:, axis]) for axis in (0, 1)], axis=1)
    mean: ndarray = total / np.bincount(string)[:, None]
    return mean


def _limits(place: Float[ndarray, "n 2"]) -> tuple[Float[ndarray, "2"], Float[ndarray, "2"]]:
    """A box around all places, at least a tenth as wide as it is long, so that a line of strings shows too."""
    low, high = place.min(axis=0), place.max(axis=0)
    size = np.maximum(high - low, max((high - low).max() / 10, 1.0))
    middle = 0.5 * (low + high)
    return middle - size / 2, middle + size / 2


def _counts(
    place: Float[ndarray, "n 2"], low: Float[ndarray, "2"], high: Float[ndarray, "2"], columns: int, rows: int
) -> Int[ndarray, "row column"]:
    """How many places are in each cell; the first row is the top."""
    cell = np.floor((place - low) / (high - low) * (columns, rows)).astype(int)
    cell = np.minimum(cell, (columns - 1, rows - 1))
    counts = np.zeros((rows, columns), int)
    np.add.at(counts, (rows - 1 - cell[:, 1], cell[:, 0]), 1)
    return counts


def _labels(low: float, high: float, rows: int) -> Iterator[str]:
    """The value at the top, the middle and the bottom row."""
    for row in range(rows):
        shown = row in (0, rows // 2, rows - 1)
        yield f"{high - (row + 0.5) * (high - low) / rows:,.0f}" if shown else ""


def _below(low: float, high: float, columns: int) -> str:
    left, right = f"{low:,.0f}", f"{high:,.0f}"
    return " " * 9 + left + right.rjust(columns - len(left))


def _medium_heading(detector: Detector) -> str:
    lengths = {
        "absorption": detector.medium.absorption_length_m,
        "scattering": detector.medium.scattering_length_m,
    }
    return "".join(f"  {name}" for name, values in lengths.items() if values is not None)


def _medium_at(detector: Detector, z_m: float) -> str:
    medium = detector.medium
    lengths = [v for v in (medium.absorption_length_m, medium.scattering_length_m) if v is not None]
    return "".join(f"{np.interp(z_m, medium.z_m, values):>10.0f} m" for values in lengths)

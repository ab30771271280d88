"""HEALPix pixels (Górski et al., ApJ 622 (2005) 759) of several sizes: where they are, and which lie within or next to others.

A pixel is its order k (nside 2^k) and its number in the nested scheme, in which the four parts of pixel p are 4p to 4p + 3.
Colatitude is the zenith and longitude the azimuth of the detector's frame, so that a pixel's centre is a direction as in
`icereco.physics.sphere`. The geometry is that of astropy_healpix, which is imported only when it is used.
"""

import numpy as np
from jaxtyping import Float, Int
from numpy import ndarray

from icereco.physics.sphere import direction_from_angles

__all__ = [
    "area_sr",
    "borders",
    "centres",
    "from_uniq",
    "neighbours",
    "outlines",
    "parts",
    "pixels_at",
    "ring_numbers",
    "uniq",
    "whole_sphere",
]


def area_sr(order: Int[ndarray, "pixel"]) -> Float[ndarray, "pixel"]:
    """Return solid angles, sr."""
    return np.asarray(np.pi / 3.0 / 4.0 ** order.astype(np.float64))


def uniq(order: Int[ndarray, "pixel"], pixel: Int[ndarray, "pixel"]) -> Int[ndarray, "pixel"]:
    """Return the numbers 4·4^k + p, which name pixels of all sizes (IVOA's multi-order coverage maps)."""
    return np.asarray((np.int64(4) << 2 * order) + pixel)


def from_uniq(number: Int[ndarray, "pixel"]) -> tuple[Int[ndarray, "pixel"], Int[ndarray, "pixel"]]:
    """Return order and pixel of such numbers."""
    from astropy_healpix import uniq_to_level_ipix

    order, pixel = uniq_to_level_ipix(number)
    return order.astype(np.int64), pixel.astype(np.int64)


def whole_sphere(order: int) -> tuple[Int[ndarray, "pixel"], Int[ndarray, "pixel"]]:
    """Return order and number of all pixels of an order."""
    pixel = np.arange(12 * 4**order)
    return np.full_like(pixel, order), pixel


def parts(pixel: Int[ndarray, "pixel"], finer: int = 1) -> Int[ndarray, "pixel part"]:
    """Return the 4^finer pixels that each pixel consists of, so many orders further."""
    return (pixel[:, None] << 2 * finer) + np.arange(4**finer)


def centres(order: Int[ndarray, "pixel"], pixel: Int[ndarray, "pixel"]) -> Float[ndarray, "pixel 3"]:
    """Return directions of the centres."""
    from astropy_healpix import healpix_to_xyz

    return np.stack(healpix_to_xyz(pixel, 2**order, order="nested"), axis=-1)


def pixels_at(order: int, direction: Float[ndarray, "point 3"]) -> Int[ndarray, "point"]:
    """Return the pixel of an order in which each direction lies."""
    from astropy_healpix import xyz_to_healpix

    return np.asarray(xyz_to_healpix(*direction.T, 2**order, order="nested"), np.int64)


def ring_numbers(order: int, pixel: Int[ndarray, "pixel"]) -> Int[ndarray, "pixel"]:
    """Return the numbers of pixels in the ring scheme, which counts them from north to south."""
    from astropy_healpix import HEALPix

    return np.asarray(HEALPix(2**order, order="nested").nested_to_ring(pixel), np.int64)


def neighbours(order: int, pixel: Int[ndarray, "pixel"]) -> Int[ndarray, "8 pixel"]:
    """Return the pixels of the same order that touch each pixel, −1 where a corner has none."""
    from astropy_healpix import neighbours as touching

    with np.errstate(invalid="ignore"):  # of a corner without a pixel
        return np.asarray(touching(pixel, 2**order, order="nested"), np.int64)


def outlines(order: int, pixel: Int[ndarray, "pixel"], steps: int) -> Float[ndarray, "pixel point 3"]:
    """Return points on the border of pixels, in order around it, so many on each of its four sides."""
    from astropy_healpix import boundaries_lonlat

    azimuth, latitude = boundaries_lonlat(pixel, steps, 2**order, order="nested")
    return direction_from_angles(azimuth.rad, np.pi / 2 - latitude.rad)


def borders(order: Int[ndarray, "pixel"], pixel: Int[ndarray, "pixel"]) -> list[Float[ndarray, "point 3"]]:
    """Return the closed lines around a region of pixels that do not overlap; the last point of each repeats the first.

    Every side of a pixel is cut into sides of the smallest pixels, so that those within the region occur twice, once in each
    direction, and cancel. Pixels all four parts of which are in the region are taken whole before, as that is cheaper.
    """
    order, pixel = _merged(order, pixel)
    lines = [
        outlines(int(k), pixel[order == k], 2 ** int(order.max() - k)).swapaxes(0, 1)
        for k in np.unique(order)
    ]
    start = np.concatenate([line.reshape(-1, 3) for line in lines] or [np.empty((0, 3))])
    end = np.concatenate([np.roll(line, -1, axis=0).reshape(-1, 3) for line in lines] or [np.empty((0, 3))])
    corner, number = np.unique(_rounded(np.concatenate([start, end])), axis=0, return_inverse=True)
    first, last = number.reshape(2, -1)
    outside = ~np.isin(first * len(corner) + last, last * len(corner) + first)
    place = dict(zip(first.tolist(), start, strict=True))
    loops = _loops(first[outside].tolist(), last[outside].tolist())
    return [np.stack([place[corner] for corner in loop]) for loop in loops]


def _merged(
    order: Int[ndarray, "pixel"], pixel: Int[ndarray, "pixel"]
) -> tuple[Int[ndarray, "whole"], Int[ndarray, "whole"]]:
    """Replace the four parts of a pixel by it, again and again."""
    kept, finer = [], np.zeros(0, np.int64)
    for k in range(int(order.max(initial=0)), -1, -1):
        here = np.concatenate([pixel[order == k], finer])
        whole, count = np.unique(here >> 2, return_counts=True)
        finer = whole[count == 4] if k else whole[:0]
        kept.append(here[~np.isin(here >> 2, finer)])
    orders = np.arange(len(kept))[::-1]
    return np.repeat(orders, [len(part) for part in kept]), np.concatenate(kept)


def _rounded(point: Float[ndarray, "point 3"]) -> Int[ndarray, "point 3"]:
    """Return integers that are the same for points that differ by rounding; the offset keeps them off round numbers."""
    return np.asarray(np.floor(point * 2.0**24 + np.sqrt(0.5)), np.int64)


def _loops(first: list[int], last: list[int]) -> list[list[int]]:
    """Join edges, each from a corner to another, to closed lines."""
    after: dict[int, list[int]] = {}
    for a, b in zip(first, last, strict=True):
        after.setdefault(a, []).append(b)
    loops = []
    while after:
        loop = [next(iter(after))]
        while len(loop) < 2 or loop[-1] != loop[0]:
            ends = after[loop[-1]]
            if len(ends) == 1:
                del after[loop[-1]]
            loop.append(ends.pop())
        loops.append(loop)
    return loops

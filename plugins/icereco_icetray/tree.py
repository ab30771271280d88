"""The tree of simulated particles, of which the truth needs the roots and their children.

Version 1 of I3MCTree: bits that walk the tree in pre-order, 1 for a particle and 0 for none, in chunks of up to 65,535,
each chunk followed by its particles.
"""

from dataclasses import dataclass

import numpy as np
from numpy import ndarray

from icereco_icetray.archive import Archive, BlobError
from icereco_icetray.objects import Particle

__all__ = ["Tree", "read_tree"]

_CHUNK_BITS = 65_535
_FIRST = np.dtype(
    {
        "names": ["pdg", "shape", "status", "place", "angles", "energy", "location"],
        "formats": ["<i4", "<i4", "<i4", ("<f8", 3), ("<f8", 2), "<f8", "<i4"],
        "offsets": [22, 26, 30, 44, 78, 102, 126],
        "itemsize": 130,
    }
)
"""A particle from its class information, which the first one of a blob has, as do its position and its direction."""
_LATER = np.dtype(
    {
        "names": list(_FIRST.names or ()),
        "formats": ["<i4", "<i4", "<i4", ("<f8", 3), ("<f8", 2), "<f8", "<i4"],
        "offsets": [20, 24, 28, 40, 72, 96, 120],
        "itemsize": 124,
    }
)
"""A particle from its number."""


@dataclass(frozen=True, slots=True, eq=False)
class Tree:
    """Particles in pre-order.

    Attributes:
        particles: records of pdg, shape, status, place (m), angles (zenith, azimuth), energy (GeV) and location.
        parent: int64 `[P]`, place of the parent in `particles`; -1 for a root.
    """

    particles: ndarray
    parent: ndarray

    def children(self, parent: int) -> list[int]:
        """The children of a particle in order; the roots of -1."""
        return list(map(int, np.flatnonzero(self.parent == parent)))

    def __getitem__(self, index: int) -> Particle:
        one = self.particles[index]
        zenith, azimuth = map(float, one["angles"])
        x, y, z = map(float, one["place"])
        return Particle(
            pdg=int(one["pdg"]),
            shape=int(one["shape"]),
            fit_status=int(one["status"]),
            position_m=(x, y, z),
            zenith=zenith,
            azimuth=azimuth,
            energy_gev=float(one["energy"]),
            location=int(one["location"]),
        )

    def __len__(self) -> int:
        return len(self.particles)


def read_tree(blob: bytes) -> Tree:
    """Read an I3MCTree, or the one inside an I3LinearizedMCTree, without the losses that were cut from it.

    Raises:
        BlobError: it is damaged, or of a version that is not supported.
    """
    archive = Archive(blob)
    archive.base()
    version = archive.version
    if archive.name == "I3LinearizedMCTree":
        version = archive.begin("I3MCTree")
        archive.base()
    elif archive.name != "I3MCTree":
        raise BlobError(f"it is an {archive.name}, not an I3MCTree")
    if version != 1:
        raise BlobError(f"version {version} of I3MCTree is not supported; 1 is")
    bits, particles = _chunks(archive)
    if archive.name == "I3MCTree":
        archive.end()
    return Tree(particles, _parents(bits, len(particles)))


def _chunks(archive: Archive) -> tuple[list[int], ndarray]:
    bits, particles = list[int](), [np.zeros(0, _LATER)]
    while count := archive.count():
        blocks = archive.array("<u8", archive.count())
        chunk = np.unpackbits(blocks.view(np.uint8), bitorder="little")[:count]
        if len(chunk) != count:
            raise BlobError("its tree ends early")
        bits += chunk.tolist()
        particles += _particles(archive, int(chunk.sum()), first=len(particles) == 1)
        if count != _CHUNK_BITS:
            break
    return bits, np.concatenate(particles)


def _particles(archive: Archive, count: int, *, first: bool) -> list[ndarray]:
    found = []
    if first and count:
        start = archive.place
        if not all(map(bool, archive.info("I3Particle"))) or archive.info("I3Particle") != (True, 5):
            raise BlobError(f"particles of version {archive.info('I3Particle')[1]} are not supported; 5 is")
        archive.place = start
        found.append(archive.array(_FIRST, 1).astype(_LATER))
        count -= 1
    return [*found, archive.array(_LATER, count)]


def _parents(bits: list[int], count: int) -> ndarray:
    """The parent of each particle: after a 1 its first child is next; after a 0 a sibling, or one of the parent."""
    parent = np.full(count, -1, np.int64)
    branch, at, child_wished, number = [-1], -1, True, 0
    for bit in bits:
        if bit:
            if not child_wished:
                branch.pop()
            if number >= count or not branch:
                raise BlobError("its tree does not hold together")
            parent[number] = branch[-1]
            at = number
            branch.append(at)
            number, child_wished = number + 1, True
        elif child_wished:
            child_wished = False
        else:
            branch.pop()
            if not branch:
                break
    return parent

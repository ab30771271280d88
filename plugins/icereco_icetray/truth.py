"""What was simulated, and what IceCube's own reconstructions say: particles in the frames of an event.

Particles have the direction that they came from, as events here do. Where the truth of each kind of simulation is, is
described on docs/readers.md.
"""

import math
import re
from dataclasses import dataclass
from itertools import chain

from icereco_icetray.archive import class_of
from icereco_icetray.mixing import Mixed
from icereco_icetray.objects import (
    FIT_OK,
    IN_ICE,
    PARTICLE_BYTES,
    Particle,
    particle_fields,
    read_numbers,
    read_particle,
)
from icereco_icetray.tree import read_tree

__all__ = ["Simulated", "named_fits", "official_fits", "simulated"]

_PRIMARIES = ("MCInIcePrimary", "MCPrimary1", "MCPrimary", "NuGPrimary", "PolyplopiaPrimary")
_TREES = ("I3MCTree_preMuonProp", "I3MCTree", "I3LinearizedMCTree")
_WEIGHTS = ("I3MCWeightDict",)
_CURRENTS = {1.0: 1.0, 2.0: 0.0}
_PRIMARY_SHAPE = 10
_USUAL = re.compile(
    r"icereco_\w+|(MPEFit|SPEFit2)(IC|_HV)?|SplineMPE(IC)?|OnlineL2_(BestFit|SplineMPE)|l2_online_(BestFit|SplineMPE)|"
    r"HESE_(SPEFit2|CascadeLlhVertexFit)|L7_reconstructed_neutrino|(Millipede|Monopod|Taupede|EventGenerator)\w*Fit\w*"
)
"""The last and best fits of a chain; level 5 has eighty others, of halves of the pulses or with several energies."""
_MC = re.compile(r"MC.*")


@dataclass(frozen=True, slots=True)
class Simulated:
    """The truth of one event; NaN for what is unknown.

    Attributes:
        zenith: of where the primary particle came from, rad.
        azimuth: as zenith.
        energy_gev: of the neutrino in the ice.
        pdg: number of the primary particle in the scheme of the Particle Data Group.
        vertex_m: where the neutrino interacted, or the muon began.
        charged_current: 1 for a charged current, 0 for a neutral one.
        inelasticity: Bjorken y.
    """

    zenith: float
    azimuth: float
    energy_gev: float
    pdg: int
    vertex_m: tuple[float, float, float]
    charged_current: float
    inelasticity: float


def simulated(frame: Mixed) -> Simulated | None:
    """The truth of an event; None for real data, and for noise.

    Raises:
        BlobError: an object is damaged.
    """
    primary = _primary(frame)
    if primary is None:
        return None
    weights = _weights(frame)
    in_ice = weights.get("InIceNeutrinoEnergy", math.nan)
    nugen = math.isfinite(in_ice)
    return Simulated(
        zenith=primary.zenith,
        azimuth=primary.azimuth % (2 * math.pi),
        energy_gev=in_ice if nugen else primary.energy_gev,
        pdg=primary.pdg,
        vertex_m=_interaction(frame) if nugen else _vertex(primary),
        charged_current=_CURRENTS.get(weights.get("InteractionType", math.nan), math.nan),
        inelasticity=weights.get("BjorkenY", math.nan),
    )


def _primary(frame: Mixed) -> Particle | None:
    for key in _PRIMARIES:
        blob = frame.get(key)
        particle = None if blob is None else read_particle(blob)
        if particle is not None and particle.known:
            return particle
    return _of_tree(frame)


def _of_tree(frame: Mixed) -> Particle | None:
    """The neutrino of highest energy among the roots, else another root, else the first child of one."""
    for key in reversed(_TREES):
        blob = frame.get(key)
        if blob is None:
            continue
        tree = read_tree(blob)
        roots = tree.children(-1)
        known = [tree[one] for one in roots if tree[one].known]
        neutrinos = [one for one in known if one.neutrino]
        children = (tree[child] for root in roots for child in tree.children(root)[:1])
        best = max(neutrinos, key=lambda one: one.energy_gev, default=None)
        particle = best or next(chain(known, (one for one in children if one.known)), None)
        if particle is not None:
            return particle
    return None


def _weights(frame: Mixed) -> dict[str, float]:
    blob = next((blob for key in _WEIGHTS if (blob := frame.get(key)) is not None), None)
    return read_numbers(blob) if blob is not None and class_of(blob) == "I3MapStringDouble" else {}


def _vertex(primary: Particle) -> tuple[float, float, float]:
    return primary.position_m if primary.location == IN_ICE else (math.nan, math.nan, math.nan)


def _interaction(frame: Mixed) -> tuple[float, float, float]:
    """Where the neutrino in the ice interacts: NuGen's own begins at the surface of the Earth."""
    blob = next((blob for key in _TREES if (blob := frame.get(key)) is not None), None)
    if blob is not None:
        tree = read_tree(blob)
        for index in range(len(tree)):
            particle = tree[index]
            if particle.neutrino and particle.location == IN_ICE:
                children = tree.children(index)
                return tree[children[0]].position_m if children else (math.nan, math.nan, math.nan)
    return math.nan, math.nan, math.nan


def named_fits(wanted: str) -> list[str]:
    """The fits that are wanted by their names, whether or not they are there; empty for "usual", "all" and "none"."""
    return [] if wanted in _GROUPS else wanted.split("+")


def official_fits(frame: Mixed, wanted: str) -> dict[str, tuple[float, float]]:
    """Azimuth and zenith of the reconstructions of a sub-event that ended well, by key.

    Args:
        frame: the sub-event.
        wanted: "usual", "all", "none", or keys joined by "+".
    """
    own, fits = frame.own, {}
    chosen = _GROUPS.get(wanted) or named_fits(wanted).__contains__
    for key, (start, stop) in own.slots.items():
        if stop - start != PARTICLE_BYTES or not chosen(key):
            continue
        values = particle_fields(own.data[start:stop])
        if values is None or values[2] != FIT_OK or values[1] == _PRIMARY_SHAPE:
            continue
        zenith, azimuth = values[6], values[7]
        if math.isfinite(zenith) and math.isfinite(azimuth):
            fits[key] = azimuth % (2 * math.pi), zenith
    return fits


_GROUPS = {
    "usual": lambda key: _USUAL.fullmatch(key) is not None,
    "all": lambda key: _MC.fullmatch(key) is None,
    "none": lambda _key: False,
}

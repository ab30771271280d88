"""Truth and the official reconstructions. Both give the direction of travel, which is turned round here."""

from functools import reduce
from operator import or_
from typing import Any

import numpy as np
from numpy import ndarray

from icereco.detector.detector import Detector
from icereco.events.kinds import event_kinds
from icereco.physics.sphere import angles_from_direction

__all__ = ["fits", "truth"]

# Types, first and last stage of each chain, places in w2list and what is there, in km3net-dataformat's `reconstruction`.
_JPP, _DUSJ, _AANET = 4000, 200, 101
_BY, _CC = 8, 10
_WEAK_CHARGED, _WEAK_NEUTRAL = 2, 3
_MUON, _MUON_BUNDLE = 13, 81
_CHAINS = {
    "jmuon": ((_JPP,), 0, 99),
    "jshower": ((_JPP,), 100, 199),
    "dusjshower": ((_JPP, _DUSJ), 200, 299),
    "aashower": ((_AANET,), 300, 399),
}
_AANET_AT = 300
"""Older files number the stages of aanet's chain from 1 (mcv5.1) instead of from 301."""


def truth(events: Any, detector: Detector) -> dict[str, ndarray]:
    """The primary particle, which is the first of `mc_trks`: every target in the own layout, and its pdgid.

    The vertex is in coordinates of the detector. Empty where no event has any particle.
    """
    import awkward as ak

    tracks = events.mc_trks
    if not int(ak.sum(ak.num(tracks.E))):
        return {}

    def first(name: str) -> ndarray:
        return _plain(ak.firsts(getattr(tracks, name)))

    targets = dict(zip(("azimuth", "zenith"), _origin([first(f"dir_{axis}") for axis in "xyz"]), strict=True))
    origin = detector.file_origins_m.get("km3net", (0.0, 0.0, 0.0))
    vertex = np.stack([first(f"pos_{axis}") for axis in "xyz"], axis=1) - origin
    pdg, (by, charged) = first("pdgid"), _interaction(events)
    particle = np.where(pdg == _MUON_BUNDLE, _MUON, pdg)
    targets |= {"energy": first("E"), "kind": event_kinds(particle, charged, vertex, detector)}
    targets |= {f"vertex_{axis}": vertex[:, i] for i, axis in enumerate("xyz")}
    return targets | {"inelasticity": by, "pdgid": pdg}


def _interaction(events: Any) -> tuple[ndarray, ndarray]:
    """Bjorken y, and 1 for a charged and 0 for a neutral current; NaN for what is neither, such as a muon's.

    Every generator has them at the same places of `w2list` (km3net-dataformat: gSeaGen, GENHEN, KM3BUU, km3neut); in files
    from before that they are among the named numbers `usr` of the primary particle.
    """
    import awkward as ak

    listed = ak.pad_none(events.w2list, _CC + 1, axis=1)
    by, current = _plain(listed[:, _BY]), _plain(listed[:, _CC])
    if "usr" in events.mc_trks.fields:
        named = ak.firsts(events.mc_trks.usr_names), ak.firsts(events.mc_trks.usr)
        by, current = (
            np.where(np.isnan(current), _plain(ak.firsts(named[1][named[0] == name])), listed)
            for name, listed in (("by", by), ("cc", current))
        )
    charged = np.select([current == _WEAK_CHARGED, current == _WEAK_NEUTRAL], [1.0, 0.0], np.nan)
    return np.where(np.isnan(charged), np.nan, by), charged


def fits(tracks: Any) -> dict[str, ndarray]:
    """Azimuth and zenith of the best track of each chain: the one with most stages, and of those the likeliest."""
    import awkward as ak

    old = (tracks.rec_type == _AANET) & (tracks.rec_stages < _AANET_AT)
    stages, likelihood = tracks.rec_stages + _AANET_AT * old, tracks.lik
    direction = [getattr(tracks, f"dir_{axis}") for axis in "xyz"]
    count = ak.num(stages, axis=2)
    columns: dict[str, ndarray] = {}
    for name, (kinds, first, last) in _CHAINS.items():
        of_kind = reduce(or_, (tracks.rec_type == kind for kind in kinds))
        of_chain = of_kind & (count > 0) & ak.all((stages >= first) & (stages <= last), axis=2)
        most = ak.max(ak.mask(count, of_chain), axis=1)
        best = ak.argmax(
            ak.mask(likelihood, ak.fill_none(of_chain & (count == most), False)), axis=1, keepdims=True
        )
        angles = _origin([_plain(ak.firsts(part[best])) for part in direction])
        columns |= {f"fit_{name}_azimuth": angles[0], f"fit_{name}_zenith": angles[1]}
    return columns


def _origin(travel: list[ndarray]) -> tuple[ndarray, ndarray]:
    """Angles of where a particle came from that travels this way; NaN where it has no direction."""
    direction = -np.stack(travel, axis=1)
    known = np.isfinite(direction).all(axis=1) & (np.abs(direction).max(axis=1, initial=0) > 0)
    azimuth, zenith = angles_from_direction(direction)
    return np.where(known, azimuth, np.nan), np.where(known, zenith, np.nan)


def _plain(values: Any) -> ndarray:
    """One value per event, float64; NaN for none."""
    import awkward as ak

    return np.asarray(ak.to_numpy(ak.fill_none(values, np.nan)), np.float64)

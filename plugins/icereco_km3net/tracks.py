"""Truth and the official reconstructions. Both give the direction of travel, which is turned round here."""

from typing import Any

import numpy as np
from numpy import ndarray

from icereco.physics.sphere import angles_from_direction

__all__ = ["fits", "truth"]

# Type, first and last stage of each chain, in km3net-dataformat's `reconstruction`.
_JPP, _AANET = 4000, 101
_CHAINS = {
    "jmuon": (_JPP, 0, 99),
    "jshower": (_JPP, 100, 199),
    "dusjshower": (_JPP, 200, 299),
    "aashower": (_AANET, 300, 399),
}


def truth(tracks: Any) -> dict[str, ndarray]:
    """The primary particle, which is the first of `mc_trks`: direction, energy (GeV), vertex (m, as in the file), pdgid.

    Empty where no event has any.
    """
    import awkward as ak

    if not int(ak.sum(ak.num(tracks.E))):
        return {}

    def first(name: str) -> ndarray:
        return _plain(ak.firsts(getattr(tracks, name)))

    found = dict(zip(("azimuth", "zenith"), _origin([first(f"dir_{axis}") for axis in "xyz"]), strict=True))
    found |= {"energy": first("E"), **{f"vertex_{axis}": first(f"pos_{axis}") for axis in "xyz"}}
    return found | {"pdgid": first("pdgid")}


def fits(tracks: Any) -> dict[str, ndarray]:
    """Azimuth and zenith of the best track of each chain: the one with most stages, and of those the likeliest."""
    import awkward as ak

    stages, likelihood = tracks.rec_stages, tracks.lik
    direction = [getattr(tracks, f"dir_{axis}") for axis in "xyz"]
    count = ak.num(stages, axis=2)
    found: dict[str, ndarray] = {}
    for name, (kind, first, last) in _CHAINS.items():
        mine = (tracks.rec_type == kind) & (count > 0) & ak.all((stages >= first) & (stages <= last), axis=2)
        most = ak.max(ak.mask(count, mine), axis=1)
        best = ak.argmax(
            ak.mask(likelihood, ak.fill_none(mine & (count == most), False)), axis=1, keepdims=True
        )
        angles = _origin([_plain(ak.firsts(part[best])) for part in direction])
        found |= {f"fit_{name}_azimuth": angles[0], f"fit_{name}_zenith": angles[1]}
    return found


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

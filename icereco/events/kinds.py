"""The kind of an event from what interacted, how and where."""

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from icereco.detector.detector import Detector

__all__ = ["event_kinds"]

_NU_E, _MUON, _NU_MU, _NU_TAU = 12, 13, 14, 16


def event_kinds(
    pdg: Float[ndarray, "event"],
    charged_current: Float[ndarray, "event"],
    vertex_m: Float[ndarray, "event 3"],
    detector: Detector,
) -> ndarray:
    """Return for each event one of `icereco.events.truth.EVENT_KINDS`, or None, as an object array `[E]`.

    A charged current of a muon neutrino makes a track: a starting one if the vertex is inside the instrumented volume
    (`Detector.encloses`), else a through-going one. Muons that are primary particles come from outside. Everything else that
    neutrinos do is a cascade, also where a tau decays to a muon.

    Args:
        pdg: number of the primary particle in the scheme of the Particle Data Group; NaN for unknown.
        charged_current: 1 for a charged current, 0 for a neutral one, NaN for unknown and others.
        vertex_m: where the neutrino interacted, in coordinates of the detector; NaN for unknown.
        detector: its instrumented volume decides whether a track starts inside.
    """
    particle = np.abs(pdg)
    kind = np.full(len(pdg), None, object)
    neutral = (charged_current == 0) & (particle == _NU_MU)
    kind[np.isin(particle, (_NU_E, _NU_TAU)) | neutral] = "cascade"
    kind[particle == _MUON] = "through_track"
    track = (charged_current == 1) & (particle == _NU_MU) & np.isfinite(vertex_m).all(axis=1)
    kind[track] = np.where(detector.encloses(vertex_m[track]), "starting_track", "through_track")
    return kind

"""Does the true direction point to where the neutrino came from, along the right axes?

The light shows it: a line fit through the pulses moves along the particle's path, and the light lies ahead of the
vertex. Both are compared with the truth as it is, reversed, mirrored and with x and y exchanged.
"""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import product

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from icereco.doctor.finding import Finding, cannot_tell, good
from icereco.doctor.sample import Sample
from icereco.errors import IcerecoError
from icereco.events.batch import EventBatch
from icereco.events.reconstruction import Reconstruction
from icereco.physics.weighted_mean import weighted_mean
from icereco.plugins.discovery import registry

__all__ = ["check_direction", "light_centre"]

_SURE, _EXCLUDED = 5.0, 3.0
"""Standard errors by which another convention must be better to be blamed, and worse to be ruled out."""
_LEAST_COSINE = 0.1
_LEAST_EVENTS = 30
_LEAST_PATH_M = 20.0
_CHECK = "direction"

_Convention = tuple[tuple[int, ...], tuple[int, ...]]
"""Order of the axes, and their signs."""

_CONVENTIONS: list[_Convention] = list(product(((0, 1, 2), (1, 0, 2)), product((1, -1), repeat=3)))
"""The first is that of the file."""
_NAMES: dict[_Convention, str] = {
    ((0, 1, 2), (1, 1, 1)): "origin, as it should be",
    ((0, 1, 2), (-1, -1, -1)): "travel direction (all of x, y, z reversed)",
    ((0, 1, 2), (1, 1, -1)): "mirrored in z (zenith is π − zenith)",
    ((0, 1, 2), (-1, -1, 1)): "azimuth turned by π (x and y reversed, z not)",
    ((1, 0, 2), (1, 1, 1)): "x and y exchanged (azimuth is π/2 − azimuth)",
    ((1, 0, 2), (-1, -1, -1)): "x and y exchanged, and travel direction",
}


@dataclass(frozen=True, slots=True, eq=False)
class _Witness:
    """Directions of origin seen in the light of some events, without their truth, and the truth.

    Attributes:
        name: how the directions were determined.
        score: mean cosine between light and truth under each convention `[C]`.
        lead: by how many standard errors each convention beats that of the file `[C]`.
    """

    name: str
    events: int
    score: Float[ndarray, "convention"]
    lead: Float[ndarray, "convention"]

    @property
    def best(self) -> int:
        return int(np.argmax(self.score))

    @property
    def blames(self) -> bool:
        """Whether another convention is surely better than that of the file."""
        return bool(self.lead[self.best] > _SURE and self.score[self.best] > _LEAST_COSINE)

    @property
    def left(self) -> list[int]:
        """Conventions that are not ruled out, other than that of the file."""
        return [one for one in range(1, len(self.lead)) if self.lead[one] > -_EXCLUDED]

    def words(self) -> str:
        second = 1 + int(np.argmax(self.lead[1:]))
        text = f"{self.name}, {self.events:,} events: mean cosine {self.score[0]:+.2f} as the file has it"
        return f"{text}; {self.score[second]:+.2f} with {_name(second)}, {abs(self.lead[second]):.0f} σ {'better' if self.lead[second] > 0 else 'worse'}"


def check_direction(sample: Sample) -> Finding:
    """Compare the truth with the light under every convention."""
    if sample.direction is None:
        return cannot_tell(_CHECK, "there is no true direction to check")
    witnesses = [witness for witness in (_line_fit(sample), _vertex(sample)) if witness is not None]
    if not witnesses:
        return cannot_tell(
            _CHECK, f"fewer than {_LEAST_EVENTS} events with a line or a vertex; give more events"
        )
    evidence = "; ".join(one.words() for one in witnesses)
    blaming = [one for one in witnesses if one.blames]
    if blaming:
        return _wrong(_name(blaming[0].best), evidence)
    open_questions = set(range(1, len(_CONVENTIONS))).intersection(*(one.left for one in witnesses))
    if open_questions:
        names = ", ".join(_name(one) for one in sorted(open_questions)[:2])
        return cannot_tell(
            _CHECK,
            f"not ruled out: {names}. {evidence}",
            "examine more events with --events, or events with long tracks: cascades hardly show a direction",
        )
    return good(_CHECK, "the direction is that of origin, along the right axes", evidence)


def _wrong(convention: str, evidence: str) -> Finding:
    return Finding(
        _CHECK,
        "error",
        f"the true direction is not that of origin: it looks like {convention}",
        evidence,
        "angles of where the particle travels to (IceTray's x, y, z, KM3NeT's dir, some Prometheus files), only some "
        "components of a vector reversed, or coordinates in another order or handedness",
        "correct azimuth and zenith in the file, or give them to a reader with the right convention; "
        "a direction must be (cos azimuth sin zenith, sin azimuth sin zenith, cos zenith) of the origin",
    )


def _name(convention: int) -> str:
    order, signs = _CONVENTIONS[convention]
    axes = ", ".join(("−" if sign < 0 else "") + "xyz"[axis] for axis, sign in zip(order, signs, strict=True))
    return _NAMES.get((order, signs), f"(x, y, z) being ({axes})")


def _witness(name: str, seen: Float[ndarray, "event 3"], truth: Float[ndarray, "event 3"]) -> _Witness | None:
    known = np.isfinite(seen).all(axis=1) & np.isfinite(truth).all(axis=1)
    if known.sum() < _LEAST_EVENTS:
        return None
    seen, truth = seen[known], truth[known]
    cosines = np.stack(
        [(seen * truth[:, list(order)] * np.array(signs)).sum(axis=1) for order, signs in _CONVENTIONS]
    )
    gain = cosines - cosines[0]
    error = np.maximum(gain.std(axis=1) / np.sqrt(len(seen)), 1e-12)
    return _Witness(name, len(seen), cosines.mean(axis=1), gain.mean(axis=1) / error)


def _line_fit(sample: Sample) -> _Witness | None:
    method = _method()
    if method is None or sample.direction is None:
        return None
    return _witness("line fit", method(sample.events).direction, sample.direction)


def _method() -> Callable[[EventBatch], Reconstruction] | None:
    """The line fit; None where its plugin is switched off."""
    try:
        component = registry().get("reconstructor", "linefit")
    except IcerecoError:
        return None
    return component.load_factory()(component.load_options()())  # type: ignore[no-any-return]  # a factory


def _vertex(sample: Sample) -> _Witness | None:
    """The directions from the light's centre back to the vertex, where these are far enough apart."""
    truth = sample.events.truth
    if truth is None or truth.vertex_m is None or not truth.known("vertex_m").any():
        return None
    back = truth.vertex_m - light_centre(sample.events)
    length = np.linalg.norm(back, axis=1, keepdims=True)
    if np.linalg.norm(np.nanmedian(back, axis=0)) > _ELSEWHERE_M:
        return None  # the vertices have another origin of coordinates
    return _witness("vertex", np.where(length > _LEAST_PATH_M, back / length, np.nan), truth.direction)


_ELSEWHERE_M = 1000.0


def light_centre(batch: EventBatch) -> Float[ndarray, "event 3"]:
    """Return the mean position `[E, 3]`, in m, of each event's pulses in local coincidence, or of all where none is."""
    weight = np.add.reduceat(np.where(batch.auxiliary, 1e-6, 1.0), batch.pulse_offsets[:-1])
    return weighted_mean(batch.position_m, weight, batch.event_of_dom, len(batch))

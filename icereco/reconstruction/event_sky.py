"""The sky of one event in a file of reconstructions: the map of its posterior, the truth, and what other methods say."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from icereco.data.one_event import nearest_event
from icereco.detector.site import Site
from icereco.errors import IcerecoError
from icereco.evaluation.calibration import CONTOURS
from icereco.events.density_map import density_map
from icereco.events.posterior import Posterior
from icereco.events.sky_frame import DETECTOR, FrameName, SkyFrame, equatorial_frame
from icereco.events.sky_map import SkyMap
from icereco.events.vmf_mixture import VmfMixture
from icereco.physics.equatorial import is_datable
from icereco.tables.posteriors import require_normalised
from icereco.tables.saved_reconstructions import SavedReconstructions

__all__ = ["EventSky", "event_skies"]


@dataclass(frozen=True, eq=False)
class EventSky:
    """One event; directions are where the neutrino came from, in the coordinates of `frame`.

    Attributes:
        event_id: in its file.
        method: what reconstructed it.
        identity: what is known of `icereco.tables.schema.IDENTITY_FIELDS`, such as run and start_mjd.
        frame: of directions, posterior and map.
        frames: in which it can be given.
        direction: `[3]`.
        posterior: the density of the direction.
        truth: `[3]`, or None.
        others: `[3]` of each other method that gave a direction, by name.
    """

    event_id: int
    method: str
    identity: Mapping[str, Any]
    frame: SkyFrame
    frames: tuple[SkyFrame, ...]
    direction: Float[ndarray, "3"]
    posterior: VmfMixture
    truth: Float[ndarray, "3"] | None
    others: Mapping[str, Float[ndarray, "3"]]

    @property
    def start_mjd(self) -> float | None:
        """When it began (UTC); None where that is unknown."""
        return self.identity.get("start_mjd")

    @cached_property
    def map(self) -> SkyMap:
        """The posterior on pixels of this frame."""
        return density_map(self.posterior, CONTOURS)


def event_skies(
    saved: SavedReconstructions, events: Sequence[int], site: Site | None, frame: FrameName | None
) -> list[EventSky]:
    """Return the skies of events, in their order.

    Args:
        saved: the file.
        events: their ids.
        site: of the detector, if it is known.
        frame: wanted; None = equatorial where the time of the event and the site are known.

    Raises:
        IcerecoError: there is no such event, it has no posterior, or no coordinates in the frame.
    """
    rows = [_row(saved, event) for event in events]
    posterior = _posterior(saved).as_mixture()
    return [
        _sky(saved, posterior.take(np.array([row])), row, _frames(saved, row, site, frame)) for row in rows
    ]


def _row(saved: SavedReconstructions, event: int) -> int:
    rows = np.flatnonzero(saved.event_id == event)
    if not len(rows):
        raise IcerecoError(
            f"{saved.path}: there is no event_id {event}; {nearest_event(saved.event_id, event)}"
        )
    return int(rows[0])


def _posterior(saved: SavedReconstructions) -> Posterior:
    if saved.reconstruction.posterior is None:
        raise IcerecoError(
            f"{saved.path}: has directions by {saved.method} without posteriors (no column kappa), so there is no sky to map; "
            "reconstruct with a method that gives them, such as --method likelihood, or a model with the loss vmf"
        )
    return saved.reconstruction.posterior


def _frames(
    saved: SavedReconstructions, row: int, site: Site | None, wanted: FrameName | None
) -> tuple[SkyFrame, ...]:
    """The frames in which an event can be given, that which is wanted first."""
    mjd = _identity(saved, row).get("start_mjd", np.nan)
    known = site is not None and bool(is_datable(np.array([mjd]))[0])
    if wanted == "equatorial" and not known:
        lacking = "the site of its detector" if site is None else "its time (start_mjd)"
        raise IcerecoError(
            f"{saved.path}: event {saved.event_id[row]} has no right ascension, as {lacking} is not known"
            + ("; name a detector with --detector" if site is None else "; use --frame detector")
        )
    if site is None or not known:
        return (DETECTOR,)
    both = (equatorial_frame(float(mjd), site), DETECTOR)
    return both if wanted != "detector" else both[::-1]


def _identity(saved: SavedReconstructions, row: int) -> dict[str, Any]:
    values = {name: column[row] for name, column in saved.identity.items()}
    numbers = {name: getattr(value, "item", lambda value=value: value)() for name, value in values.items()}
    return {name: value for name, value in numbers.items() if value is not None and value == value}


def _sky(
    saved: SavedReconstructions, posterior: VmfMixture, row: int, frames: tuple[SkyFrame, ...]
) -> EventSky:
    frame, direction, event = frames[0], saved.reconstruction.direction[row], int(saved.event_id[row])
    if not np.isfinite(direction).all() or not np.isfinite(posterior.concentration).all():
        raise IcerecoError(
            f"{saved.path}: event {event} has no {'direction' if np.isnan(direction).any() else 'posterior'} by {saved.method}, "
            "so there is no sky to map"
        )
    require_normalised(posterior, np.array([event]), saved.path)
    kept = posterior.pruned(1.0)
    truth = None if saved.truth is None else saved.truth.direction[row]
    others = {name: other.direction[row] for name, other in saved.comparisons.items() if name != saved.method}
    return EventSky(
        event_id=event,
        method=saved.method,
        identity=_identity(saved, row),
        frame=frame,
        frames=frames,
        direction=frame.from_detector(direction),
        posterior=VmfMixture(kept.weight, frame.from_detector(kept.mean), kept.concentration),
        truth=None if truth is None or np.isnan(truth).any() else frame.from_detector(truth),
        others={
            name: frame.from_detector(other) for name, other in others.items() if np.isfinite(other).all()
        },
    )

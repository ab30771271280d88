"""What a reconstructor promises: a direction for each event, from that event alone."""

import copy
import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from icereco.detector.detector import Detector
from icereco.events.batch import EventBatch
from icereco.events.reconstruction import Reconstruction
from icereco.protocols import detector_for, takes_seeds
from icereco.tables.reconstruction_columns import is_reserved
from icereco.testing.conformance import samples
from icereco.testing.conformance.subject import Subject, require

_CLOSE_RAD = 1e-4


def _reconstruct(
    subject: Subject,
    batch: EventBatch,
    seeds: Sequence[Reconstruction] = (),
    detector: Detector | None = None,
) -> Reconstruction:
    reconstructor = _built(subject) if detector is None else _build(subject, detector)
    further = {"seeds": seeds} if takes_seeds(reconstructor) else {}
    reconstruction: Reconstruction = reconstructor(batch, **further)
    return reconstruction


def _build(subject: Subject, detector: Detector) -> Any:
    return subject.build(*detector_for(subject.component.load_factory(), detector))


def _built(subject: Subject) -> Any:
    """The reconstructor for the detector of the samples, built once for all checks."""
    return subject.once("built", lambda: _build(subject, samples.detector()))


def _of_tracks(subject: Subject) -> Reconstruction:
    """Reconstruct the clean tracks, once for all checks: a fit takes seconds."""
    reconstruction: Reconstruction = subject.once(
        "tracks", lambda: _reconstruct(subject, samples.track_events())
    )
    return reconstruction


def _of_events(subject: Subject) -> tuple[Reconstruction, EventBatch]:
    """Reconstruct a copy of the random events, once for all checks; return the copy, too, as it is afterwards."""

    def reconstruct() -> tuple[Reconstruction, EventBatch]:
        batch = copy.deepcopy(samples.events())
        return _reconstruct(subject, batch), batch

    both: tuple[Reconstruction, EventBatch] = subject.once("events", reconstruct)
    return both


def _apart(first: Float[ndarray, "event 3"], second: Float[ndarray, "event 3"]) -> float:
    """Return the largest angle in rad; π where only one of two has a direction."""
    missing = np.isnan(first[:, 0]) != np.isnan(second[:, 0])
    if missing.any():
        return float(np.pi)
    angle = np.arctan2(np.linalg.norm(np.cross(first, second), axis=1), (first * second).sum(axis=1))
    return float(np.nanmax(angle, initial=0.0))


def one_direction_per_event(subject: Subject) -> None:
    """Each event gets a unit vector, or NaN where the method cannot give one."""
    reconstruction, batch = _of_events(subject)
    direction = reconstruction.direction
    require(
        direction.shape == (len(batch), 3), f"{len(batch)} events gave directions of shape {direction.shape}"
    )
    known = direction[~np.isnan(direction).all(axis=1)]
    require(np.isfinite(known).all(), "a direction is NaN in part, or infinite")
    require(np.allclose(np.linalg.norm(known, axis=1), 1, atol=1e-5), "a direction is not a unit vector")
    require(len(known), "no event at all got a direction")


def points_to_the_origin(subject: Subject) -> None:
    """For clean tracks the direction is where the particle came from, not where it goes."""
    batch = samples.track_events()
    assert batch.truth is not None
    cosine = (_of_tracks(subject).direction * batch.truth.direction).sum(axis=1)
    require(
        np.nanmean(cosine) > 0,
        f"its directions point away from the origin (mean cosine {np.nanmean(cosine):.2f})",
    )


def rotation(subject: Subject) -> None:
    """Where the detector is turned, its directions turn with it."""
    matrix, _ = np.linalg.qr(np.random.default_rng(3).normal(size=(3, 3)))
    matrix *= np.sign(np.linalg.det(matrix))
    batch, detector = samples.track_events(), samples.detector()
    position = (detector.position_m @ matrix.T).astype(np.float32)
    still = _of_tracks(subject).direction
    in_turned = dataclasses.replace(detector, position_m=position)
    turned = _reconstruct(subject, samples.turned(batch, matrix), detector=in_turned).direction
    apart = np.degrees(_apart(turned, still @ matrix.T))
    require(apart < 0.1, f"in a turned detector its directions are {apart:.1f}° from the turned ones")


def clock(subject: Subject) -> None:
    """Only differences of time matter: a clock that started earlier changes nothing."""
    batch = samples.track_events()
    late = dataclasses.replace(batch, time_ns=batch.time_ns + 1e6)
    apart = _apart(_reconstruct(subject, late).direction, _of_tracks(subject).direction)
    require(
        apart < _CLOSE_RAD, f"with all times 1 ms later its directions change by {np.degrees(apart):.2f}°"
    )


def alone_as_in_company(subject: Subject) -> None:
    """An event gets the same direction alone and in any batch."""
    batch, some = samples.track_events(), [0, 4]
    together = _of_tracks(subject).direction[some]
    alone = np.concatenate([_reconstruct(subject, batch[i : i + 1]).direction for i in some])
    require(
        _apart(alone, together) < _CLOSE_RAD, "the direction of an event alone differs from that in a batch"
    )


def leaves_its_input_alone(subject: Subject) -> None:
    """It does not modify its input events."""
    _, batch = _of_events(subject)
    before = samples.events()
    changed = [
        name
        for name in ("time_ns", "charge_pe", "position_m", "auxiliary", "sensor_id")
        if not np.array_equal(getattr(batch, name), getattr(before, name))
    ]
    require(not changed, f"it modifies {', '.join(changed)} of its input events")


def says_what_it_used(subject: Subject) -> None:
    """Kappa of the posterior is not negative, and no more pulses were used than there are."""
    reconstruction, batch = _of_events(subject)
    if reconstruction.kappa is not None:
        known = reconstruction.kappa[~np.isnan(reconstruction.kappa)]
        require(
            reconstruction.kappa.shape == (len(batch),) and (known >= 0).all(),
            "a kappa is negative, or not one per event",
        )
    if reconstruction.pulses_used is not None:
        require(
            (reconstruction.pulses_used <= batch.pulse_count).all(),
            "it says it used more pulses than there are",
        )


def failed_seeds(subject: Subject) -> None:
    """A seed that failed, and so is NaN, changes nothing."""
    batch = samples.track_events()
    failed = Reconstruction(np.full((len(batch), 3), np.nan))
    apart = _apart(_reconstruct(subject, batch, [failed]).direction, _of_tracks(subject).direction)
    require(
        apart < _CLOSE_RAD,
        f"with a seed that is NaN its directions change by {np.degrees(apart):.2f}°, or fail",
    )


def names_its_columns(subject: Subject) -> None:
    """Its status and extras are one value per event, and no extra has the name of another column."""
    reconstruction, batch = _of_events(subject)
    taken = [name for name in reconstruction.extras if is_reserved(name)]
    require(not taken, f"its extras {', '.join(taken)} have names of other columns of the table")
    columns = dict(reconstruction.extras)
    if reconstruction.status is not None:
        columns["status"] = reconstruction.status
    for name, column in columns.items():
        shape = np.shape(column)
        require(shape == (len(batch),), f"{len(batch)} events gave {name} of shape {shape}")


PROMISES = (
    one_direction_per_event,
    points_to_the_origin,
    rotation,
    clock,
    alone_as_in_company,
    leaves_its_input_alone,
    says_what_it_used,
    failed_seeds,
    names_its_columns,
)

WAIVABLE = ("rotation", "points-to-the-origin")

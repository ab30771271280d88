"""Training events that look otherwise in each pass: rotated about the vertical, and with fewer pulses."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float, Int, UInt
from numpy import ndarray

from icereco.data.split.hashing import hash_ids
from icereco.detector.detector import Detector
from icereco.events.batch import EventBatch
from icereco.events.official_fits import fit_names
from icereco.events.selection import select_pulses
from icereco.profiles.train_options import TrainOptions
from icereco.training.batches import Batches

__all__ = ["Varied", "rotated", "thinned", "varied"]

_THINNED = 0.5
"""The part of the events that lose pulses in a pass."""


def varied(batches: Batches, options: TrainOptions, detector: Detector) -> Batches:
    """The batches of a training, with their events varied if the options say so."""
    if not options.rotate and options.kept_pulses == 1.0:
        return batches
    return Varied(batches, options, detector.position_m[:, :2].mean(axis=0, dtype=np.float64))


@dataclass(frozen=True, slots=True, eq=False)
class Varied:
    """Batches whose events are varied anew in each pass.

    How an event is varied depends on the seed, the pass and its event_id alone: neither on its company nor on the number of
    processes or where a training is resumed.

    Attributes:
        batches: the events as they are.
        options: of the training.
        axis_m: `[2]`, x and y of the vertical that events are rotated about.
    """

    batches: Batches
    options: TrainOptions
    axis_m: Float[ndarray, "2"]

    def __len__(self) -> int:
        return len(self.batches)

    def epoch(self, epoch: int, start_batch: int = 0) -> Iterator[EventBatch]:
        """The batches of an epoch, from the `start_batch`th on."""
        for batch in self.batches.epoch(epoch, start_batch):
            yield self._vary(batch, epoch)

    def _vary(self, batch: EventBatch, epoch: int) -> EventBatch:
        angle, chosen, part, order = (
            hash_ids(batch.event_id, (self.options.seed << 32) + 4 * epoch + draw) for draw in range(4)
        )
        if self.options.rotate:
            batch = rotated(batch, 2 * np.pi * _uniform(angle), self.axis_m)
        if self.options.kept_pulses < 1.0:
            lost = (1.0 - self.options.kept_pulses) * _uniform(part)
            share = np.where(_uniform(chosen) < _THINNED, 1.0 - lost, 1.0)
            batch = thinned(batch, share, order.view(np.int64))
        return batch


def rotated(batch: EventBatch, angle: Float[ndarray, "event"], axis_m: Float[ndarray, "2"]) -> EventBatch:
    """Rotate events, with their truth and the directions of fits that come with them, about a vertical axis.

    Modules keep their sensor_id, and other columns of events are left as they are.

    Args:
        batch: `E` events.
        angle: of each event, rad, from x to y.
        axis_m: x and y of the axis.
    """
    of_dom = angle[batch.event_of_dom]
    truth, extras = batch.truth, dict(batch.pulse_extras)
    if truth is not None:
        vertex = truth.vertex_m
        vertex = None if vertex is None else _turned(vertex, angle, axis_m)
        truth = replace(truth, direction=_turned(truth.direction, angle), vertex_m=vertex)
    if {"pmt_x", "pmt_y"} <= extras.keys():
        looks = np.stack([extras["pmt_x"], extras["pmt_y"]], axis=1)
        extras["pmt_x"], extras["pmt_y"] = _turned(looks, angle[batch.event_of_pulse]).T
    azimuths = {f"fit_{name}_azimuth" for name in fit_names(batch.event_extras)}
    return replace(
        batch,
        position_m=_turned(batch.position_m, of_dom, axis_m),
        truth=truth,
        pulse_extras=extras,
        event_extras={
            name: (values + angle) % (2 * np.pi) if name in azimuths else values
            for name, values in batch.event_extras.items()
        },
    )


def _turned(
    place: Float[ndarray, "row axis"], angle: Float[ndarray, "row"], axis_m: Float[ndarray, "2"] | None = None
) -> Float[ndarray, "row axis"]:
    """Places or directions, whose x and y are their first two numbers, turned about an axis, or the origin."""
    middle = np.zeros(2) if axis_m is None else axis_m
    x, y = (place[:, :2] - middle).T
    turned = place.copy()
    turned[:, 0] = middle[0] + np.cos(angle) * x - np.sin(angle) * y
    turned[:, 1] = middle[1] + np.sin(angle) * x + np.cos(angle) * y
    return turned


def thinned(batch: EventBatch, share: Float[ndarray, "event"], seed: Int[ndarray, "event"]) -> EventBatch:
    """Keep a random part of the pulses of each event, at least one, and the modules that have some.

    Args:
        batch: `E` events.
        share: of the pulses of each event, in the mean.
        seed: of the random numbers of each event.
    """
    of_pulse, starts = batch.event_of_pulse, batch.pulse_offsets[batch.dom_offsets]
    number = _uniform(hash_ids(seed[of_pulse] + np.arange(len(of_pulse)) - starts[of_pulse], 0))
    lowest = np.full(len(batch), np.inf)
    np.minimum.at(lowest, of_pulse, number)
    kept = (number < share[of_pulse]) | (number == lowest[of_pulse])
    return select_pulses(batch, kept)


def _uniform(number: UInt[ndarray, "row"]) -> Float[ndarray, "row"]:
    """Numbers from 0 to 1 of random integers."""
    return np.asarray(number / 2.0**64)

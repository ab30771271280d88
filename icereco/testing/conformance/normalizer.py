"""What a normalizer promises: finite features of order one, and constants that travel with it."""

import dataclasses
from typing import Any

import numpy as np
import torch
from pydantic import BaseModel, ValidationError

from icereco.errors import IcerecoError
from icereco.events.batch import EventBatch
from icereco.events.tensors import TensorBatch, to_tensors
from icereco.model.feature_check import check_features
from icereco.protocols import CleansHits, Features
from icereco.testing.conformance import samples
from icereco.testing.conformance.subject import Subject, require, require_close


def _tensors(batch: EventBatch) -> TensorBatch:
    return to_tensors(batch, torch.device("cpu"))


def _build(subject: Subject) -> Any:
    return subject.build(samples.detector())


def _normalized(normalizer: Any, batch: TensorBatch) -> Features:
    with torch.no_grad():
        features: Features = normalizer(batch)
    return features


def features_of_every_pulse(subject: Subject) -> None:
    """Every pulse has as many features as `feature_count` says, every DOM a position, in float32."""
    normalizer, batch = _build(subject), _tensors(samples.events())
    features = _normalized(normalizer, batch)
    expected = (len(batch.time_ns), normalizer.feature_count)
    require(
        tuple(features.pulses.shape) == expected,
        f"features of shape {tuple(features.pulses.shape)} instead of {expected}",
    )
    require(
        features.positions.shape == batch.position_m.shape,
        f"positions of shape {tuple(features.positions.shape)}",
    )
    dtypes = {features.pulses.dtype, features.positions.dtype}
    require(dtypes == {torch.float32}, f"features and positions must be float32, not {dtypes}")


def features_are_of_order_one(subject: Subject) -> None:
    """Usual events give features within ±50: networks start with values of order one."""
    try:
        warning = check_features(_normalized(_build(subject), _tensors(samples.events())))
    except IcerecoError as error:
        warning = str(error)
    require(warning is None, f"features of usual events: {warning}")


def finite_on_extremes(subject: Subject) -> None:
    """Times from −10⁹ to 10⁹ ns and charges from 0 to 10⁶ p.e. give finite features."""
    batch = samples.events()
    pulses = len(batch.time_ns)
    charge = np.logspace(-30, 6, pulses).astype(np.float32)
    charge[::7] = 0
    wild = dataclasses.replace(batch, time_ns=np.linspace(-1e9, 1e9, pulses), charge_pe=charge)
    features = _normalized(_build(subject), _tensors(wild))
    require(features.pulses.isfinite().all(), "a feature of an extreme pulse is NaN or infinite")
    require(features.positions.isfinite().all(), "a position is NaN or infinite")


def small_and_empty_batches(subject: Subject) -> None:
    """One pulse, an event without pulses and a batch without events work."""
    normalizer, table = _build(subject), samples.event_table()
    one_pulse = samples.events()[1:2]
    empty = dataclasses.replace(
        one_pulse[:0], event_id=np.array([1, 2]), dom_offsets=np.zeros(3, np.int64), truth=None
    )
    for name, batch, pulses in (
        (f"one pulse of {table.num_rows} events", one_pulse, 1),
        ("two events without pulses", empty, 0),
        ("no events", one_pulse[:0], 0),
    ):
        features = _normalized(normalizer, _tensors(batch))
        require(
            len(features.pulses) == pulses, f"{name}: {len(features.pulses)} rows of features, not {pulses}"
        )
        require(features.pulses.isfinite().all(), f"{name}: a feature is not finite")


def alone_as_in_company(subject: Subject) -> None:
    """An event has exactly the same features alone and in any batch."""
    normalizer, batch = _build(subject), samples.events()
    together = _normalized(normalizer, _tensors(batch)).pulses
    parts = [_normalized(normalizer, _tensors(batch[i : i + 1])).pulses for i in range(len(batch))]
    require_close(
        torch.cat(parts), together, "the features of an event alone differ from those in a batch", 0, 1e-6
    )


def cleans_each_event_alone(subject: Subject) -> None:
    """If it leaves out pulses, those of an event do not depend on other events, and one stays at least."""
    normalizer, batch = _build(subject), samples.events()
    if not isinstance(normalizer, CleansHits):
        return
    together = normalizer.cleaned(_tensors(batch))
    alone = [normalizer.cleaned(_tensors(batch[i : i + 1])) for i in range(len(batch))]
    require(len(together.dom_offsets) == len(batch) + 1, "cleaning changes the number of events")
    require(
        [len(one.time_ns) for one in alone] == together.event_offsets.diff().tolist(),
        "an event keeps other pulses alone than in a batch",
    )
    left = together.event_offsets.diff() > 0
    require(bool(left[batch.pulse_count > 0].all()), "an event with pulses has none left after cleaning")


def constants_are_stored(subject: Subject) -> None:
    """Its state holds its constants: with the state of another one it gives the features of that one."""
    batch = _tensors(samples.events())
    original, other = (
        _build(subject),
        subject.component.load_factory()(_other_options(subject), samples.detector()),
    )
    other.load_state_dict(original.state_dict())
    expected, restored = _normalized(original, batch), _normalized(other, batch)
    complaint = "after loading its state, another instance gives other {}: its constants must be buffers"
    require_close(restored.pulses, expected.pulses, complaint.format("features"), 0, 0)
    require_close(restored.positions, expected.positions, complaint.format("positions"), 0, 0)


def _other_options(subject: Subject) -> BaseModel:
    """Return its options with every number changed that may change."""
    options = subject.options()
    for name, value in options.model_dump().items():
        if isinstance(value, float):
            try:
                options = type(options)(**{**options.model_dump(), name: value * 1.5 + 0.25})
            except ValidationError:
                continue
    return options


PROMISES = (
    features_of_every_pulse,
    features_are_of_order_one,
    finite_on_extremes,
    small_and_empty_batches,
    alone_as_in_company,
    cleans_each_event_alone,
    constants_are_stored,
)

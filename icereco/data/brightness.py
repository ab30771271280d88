"""How bright the events of a data set are: pulses per event, modules per bright event, pulses per module."""

from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
from jaxtyping import Int
from numpy import ndarray

from icereco.events.segments import segment_of
from icereco.tables.columns import ragged

__all__ = ["REFERENCE", "Brightness", "Figure"]

BRIGHT = 1000
"""Pulses from which an event counts as bright."""

REFERENCE = {
    "pulses per event, median": 63.0,
    "pulses per event, 90 %": 144.0,
    "pulses per event, 99 %": 1177.0,
    "pulses per event, 99.9 %": 19605.0,
    "modules per event of 1000 pulses or more, median": 329.0,
    "modules per event of 1000 pulses or more, 99 %": 1578.0,
    "modules with 1 pulse, %": 78.0,
    "modules with 2-3 pulses, %": 16.0,
    "modules with 4-10 pulses, %": 4.0,
    "modules with more pulses, %": 2.0,
}
"""The same figures of 130 million events of the Kaggle competition "IceCube - Neutrinos in Deep Ice"."""

_QUANTILES = {"median": 0.5, "90 %": 0.9, "99 %": 0.99, "99.9 %": 0.999}
_CLASSES = ("1 pulse", "2-3 pulses", "4-10 pulses", "more pulses")
_CLASS_ENDS = (1, 3, 10)


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure of these events, and the same of IceCube's; None where no event counts towards it."""

    name: str
    value: float | None
    reference: float

    @property
    def digits(self) -> int:
        """Decimals worth showing."""
        return 1 if self.reference < 20 else 0


@dataclass(slots=True)
class Brightness:
    """Figures of all batches seen so far."""

    _pulses: list[Int[ndarray, "event"]] = field(default_factory=list)
    _modules: list[Int[ndarray, "event"]] = field(default_factory=list)
    _classes: Int[ndarray, "class"] = field(default_factory=lambda: np.zeros(len(_CLASSES), np.int64))

    def add(self, batch: pa.RecordBatch) -> None:
        """Count the events of a batch of the own layout."""
        sensors = ragged(batch.column("sensor_id"))
        pulses = np.diff(sensors.offsets)
        event = segment_of(sensors.offsets)
        hit, count = np.unique((event << 32) | sensors.values.astype(np.int64), return_counts=True)
        self._pulses.append(pulses)
        self._modules.append(np.bincount(hit >> 32, minlength=pulses.size))
        self._classes += np.bincount(np.searchsorted(_CLASS_ENDS, count), minlength=len(_CLASSES))

    @property
    def events(self) -> int:
        """How many events were counted."""
        return sum(part.size for part in self._pulses)

    def figures(self) -> list[Figure]:
        """The figures, in the order of `REFERENCE`."""
        pulses = np.concatenate(self._pulses) if self._pulses else np.zeros(0)
        modules = np.concatenate(self._modules) if self._modules else np.zeros(0)
        values = {f"pulses per event, {name}": _quantile(pulses, q) for name, q in _QUANTILES.items()}
        bright = modules[pulses >= BRIGHT]
        for name in ("median", "99 %"):
            values[f"modules per event of {BRIGHT} pulses or more, {name}"] = _quantile(
                bright, _QUANTILES[name]
            )
        share = self._classes * (100.0 / max(int(self._classes.sum()), 1))
        values |= {f"modules with {name}, %": float(one) for name, one in zip(_CLASSES, share, strict=True)}
        return [Figure(name, values[name], reference) for name, reference in REFERENCE.items()]


def _quantile(values: ndarray, quantile: float) -> float | None:
    return float(np.quantile(values, quantile)) if values.size else None

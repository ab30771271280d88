"""The sensor of each pulse: by its number, by string and module, or by its place."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float, Int
from numpy import ndarray

from icereco.detector.detector import Detector
from icereco.detector.sensor_finder import UNKNOWN, finder_for
from icereco_readers.table.values import Values

__all__ = ["Sensors", "sensor_names", "sensors_for"]

Sensors = Callable[[Values], Int[ndarray, "pulse"]]
"""The sensor of each pulse, `UNKNOWN` where the detector has none."""


def sensors_for(columns: dict[str, str], sample: Values, detector: Detector, file: Path) -> Sensors:
    """What finds sensors from these columns, by role.

    Args:
        columns: of sensor; of string and om; or of x, y, z.
        sample: first pulses.
        detector: whose sensors.
        file: where they are from, for messages.

    Raises:
        IcerecoError: most sensors of the sample are not the detector's.
    """
    if "sensor" in columns:
        return lambda values: values.whole(columns["sensor"])
    if "string" in columns:
        modules = _Modules(columns["string"], columns["om"], detector)
        modules.require_most(sample)
        return modules
    finder = finder_for(_places(sample, columns), detector, file)
    return lambda values: finder(_places(values, columns))


def sensor_names(columns: dict[str, str], values: Values) -> Callable[[int], str] | None:
    """What names the sensor of a pulse in messages, as the table does; None where the number says all."""
    if "sensor" in columns:
        return None
    if "string" in columns:
        string, om = values.whole(columns["string"]), values.whole(columns["om"])
        return lambda pulse: f"with {columns['string']} {string[pulse]}, {columns['om']} {om[pulse]}"
    place_m = _places(values, columns)
    return lambda pulse: f"at ({', '.join(f'{value:.2f}' for value in place_m[pulse])}) m"


def _places(values: Values, columns: dict[str, str]) -> Float[ndarray, "pulse 3"]:
    return np.stack([values.numbers(columns[axis]) for axis in "xyz"], axis=1)


@dataclass(frozen=True)
class _Modules:
    """Sensors by string and number on the string.

    Attributes:
        string: its column.
        om: its column.
        detector: whose sensors.
    """

    string: str
    om: str
    detector: Detector

    def __call__(self, values: Values) -> Int[ndarray, "pulse"]:
        keys = _key(self.detector.string, self.detector.om)
        wanted = _key(values.whole(self.string), values.whole(self.om))
        order = np.argsort(keys)
        at = order[np.searchsorted(keys, wanted, sorter=order).clip(max=len(keys) - 1)]
        return np.where(keys[at] == wanted, at, UNKNOWN)

    def require_most(self, values: Values) -> None:
        """Check that few modules are unknown; numbers that begin with 0 elsewhere show in the first or last module."""
        unknown = self(values) == UNKNOWN
        if not unknown.any():
            return
        string, om = values.whole(self.string), values.whole(self.om)
        outside = unknown & ((om == self.detector.om.min() - 1) | (string == self.detector.string.min() - 1))
        if 2 * unknown.sum() > len(unknown) or outside.any():
            place = int(np.argmax(outside if outside.any() else unknown))
            raise values.error(
                place,
                f"{self.string} {string[place]}, {self.om} {om[place]} is no module of {self.detector.name}, which has strings "
                f"{self.detector.string.min()} to {self.detector.string.max()} and modules {self.detector.om.min()} to "
                f"{self.detector.om.max()} (icereco detectors show {self.detector.name}); is another --detector meant, or "
                "do the numbers begin elsewhere?",
            )


def _key(string: ndarray, om: ndarray) -> Int[ndarray, "module"]:
    return (np.asarray(string, np.int64) << 20) + np.asarray(om, np.int64)

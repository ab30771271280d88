"""What is fitted to unseen events of what a method says, and its form as JSON."""

from collections.abc import Mapping
from dataclasses import MISSING, dataclass, fields, replace
from typing import Any

import numpy as np
from jaxtyping import Int
from numpy import ndarray

from icereco.events.recalibration import Recalibration
from icereco.events.reconstruction import Reconstruction
from icereco.events.target_recalibration import TARGET_RECALIBRATIONS, TargetRecalibration

__all__ = ["Recalibrations"]


@dataclass(frozen=True, slots=True, eq=False)
class Recalibrations:
    """What is fitted to unseen events; None for what stays as it is.

    Attributes:
        direction: of the posterior.
        targets: of energy, vertex, kind and inelasticity.
    """

    direction: Recalibration | None
    targets: TargetRecalibration | None

    def __bool__(self) -> bool:
        return self.direction is not None or self.targets is not None

    def __call__(self, made: Reconstruction, pulses: Int[ndarray, "event"]) -> Reconstruction:
        """Return a reconstruction of events with so many pulses with other uncertainties."""
        if self.direction is not None and made.posterior is not None:
            made = replace(made, posterior=self.direction(made.posterior.as_mixture(), pulses))
        return made if self.targets is None else self.targets(made)

    def to_json(self) -> dict[str, Any]:
        """Return numbers and lists of numbers, by name."""
        targets = {} if self.targets is None else self.targets.parts
        return {
            **({} if self.direction is None else {"direction": _numbers(self.direction)}),
            **{name: _numbers(part) for name, part in targets.items()},
        }

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> "Recalibrations":
        """Make it of what `to_json` gave.

        Raises:
            ValueError: it is something else.
        """
        kinds: dict[str, Any] = {"direction": Recalibration, **TARGET_RECALIBRATIONS}
        if unknown := sorted(document.keys() - kinds.keys()):
            raise ValueError(f"{', '.join(unknown)} cannot be recalibrated")
        parts = {name: _of(kinds[name], values, name) for name, values in document.items()}
        direction = parts.pop("direction", None)
        return cls(direction, TargetRecalibration(**parts) if parts else None)


def _numbers(part: Any) -> dict[str, Any]:
    return {field.name: np.asarray(getattr(part, field.name)).tolist() for field in fields(part)}


def _of(kind: Any, values: Any, name: str) -> Any:
    known = {field.name for field in fields(kind)}
    needed = [field.name for field in fields(kind) if field.default_factory is MISSING]
    if not isinstance(values, dict) or not set(needed) <= values.keys() <= known:
        raise ValueError(f"{name} must have {', '.join(needed)}")
    arrays = {one: np.array(value, np.float64) for one, value in values.items()}
    if not all(np.isfinite(array).all() for array in arrays.values()):
        raise ValueError(f"{name} has what is no number")
    return kind(**arrays)

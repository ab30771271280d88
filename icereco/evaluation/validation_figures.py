"""How good a model is at each validation of a training, in few numbers."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Float, Int
from numpy import ndarray

from icereco.evaluation.angular_figures import angular_figures
from icereco.evaluation.calibration import Contents
from icereco.evaluation.energy import energy_residual
from icereco.evaluation.kind import evaluated_kinds
from icereco.evaluation.recalibrate import MOST_COMPONENTS
from icereco.evaluation.vertex import with_vertices
from icereco.events.reconstruction import Reconstruction
from icereco.events.truth import Truth
from icereco.physics.sphere import opening_angle

__all__ = ["ValidationFigures"]


@dataclass(slots=True)
class ValidationFigures:
    """Errors of the events so far, a batch after the other."""

    _error_rad: list[Float[ndarray, "_"]] = field(default_factory=list)
    _pulses: list[Int[ndarray, "_"]] = field(default_factory=list)
    _kind: list[ndarray | None] = field(default_factory=list)
    _direction: list[Float[ndarray, "_ 3"]] = field(default_factory=list)
    _true_energy_gev: list[ndarray | None] = field(default_factory=list)
    _contents: list[Contents] = field(default_factory=list)
    _energy: list[Float[ndarray, "_"]] = field(default_factory=list)
    _right_kind: list[Float[ndarray, "_"]] = field(default_factory=list)
    _vertex_m: list[Float[ndarray, "_"]] = field(default_factory=list)

    def add(self, made: Reconstruction, truth: Truth, pulses: Int[ndarray, "event"]) -> None:
        """Add the events of a batch, before calibration."""
        self._error_rad.append(opening_angle(made.direction, truth.direction))
        self._pulses.append(pulses)
        self._kind.append(truth.kind)
        self._direction.append(truth.direction)
        self._true_energy_gev.append(truth.energy_gev)
        self._contents += _contents(made, truth.direction)
        if made.energy_gev is not None and truth.energy_gev is not None:
            self._energy.append(np.abs(energy_residual(made.energy_gev, truth.energy_gev)))
        if made.kind_probability is not None and truth.kind is not None:
            known, true = evaluated_kinds(made.kind_probability, truth)
            self._right_kind.append((made.kind_probability[known].argmax(axis=1) == true).astype(np.float64))
        if made.vertex_m is not None and truth.vertex_m is not None:
            distance = np.linalg.norm(made.vertex_m - truth.vertex_m, axis=1)
            self._vertex_m.append(distance[with_vertices(truth)])

    def flat(self) -> dict[str, float]:
        """Return the figures by the keys of `icereco.runs.metrics`, without "validation/"; those that are not known are left out."""
        kind, energy = (
            None if parts[0] is None else np.concatenate([one for one in parts if one is not None])
            for parts in (self._kind, self._true_energy_gev)
        )
        truth = Truth(np.concatenate(self._direction), energy, kind)
        angular = angular_figures(np.concatenate(self._error_rad), np.concatenate(self._pulses), truth)
        return angular | _posterior_figures(self._contents) | self._of_targets()

    def _of_targets(self) -> dict[str, float]:
        energy, right, vertex = map(_finite, (self._energy, self._right_kind, self._vertex_m))
        figures = {}
        if len(energy):
            figures["energy_log10_error"] = float(np.median(energy))
        if len(right):
            figures["kind_accuracy"] = float(right.mean())
        if len(vertex):
            figures["vertex_error_m"] = float(np.median(vertex))
        return figures


def _finite(parts: Sequence[Float[ndarray, "_"]]) -> Float[ndarray, "event"]:
    values = np.concatenate([*parts, np.empty(0)])
    return np.asarray(values[np.isfinite(values)])


def _contents(made: Reconstruction, truth: Float[ndarray, "event 3"]) -> list[Contents]:
    """How the posteriors fare, if they are simple enough to be compared at each validation."""
    posterior = made.posterior
    if posterior is None or posterior.as_mixture().weight.shape[1] > MOST_COMPONENTS:
        return []
    return [Contents.of(posterior, made.direction, truth)]


def _posterior_figures(contents: Sequence[Contents]) -> dict[str, float]:
    if not contents:
        return {}
    whole = Contents.joined(contents)
    known = whole.take(np.ones(len(whole.content), bool))
    if not len(known.content):
        return {}
    return {"inside_50": known.inside(0.5), "inside_90": known.inside(0.9), "pull_width": known.width}

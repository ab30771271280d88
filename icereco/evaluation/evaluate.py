"""The quality of a file of reconstructions, from the file alone."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

from icereco.errors import IcerecoError
from icereco.evaluation.calibration import Calibration, calibration, coverage
from icereco.evaluation.resolution import Summary, summarize
from icereco.evaluation.targets import TargetEvaluations, evaluate_targets
from icereco.evaluation.weighted import weights_of
from icereco.events.reconstruction import Reconstruction
from icereco.events.truth import Truth
from icereco.physics.sphere import opening_angle
from icereco.tables.saved_reconstructions import SavedReconstructions, read_reconstructions

__all__ = ["Evaluation", "evaluate", "evaluate_saved", "has_truth", "require_truth"]


@dataclass(frozen=True, slots=True)
class Evaluation:
    """The quality of one file of reconstructions.

    Attributes:
        path: the file.
        method: that produced it.
        resolution: of the method.
        comparisons: of other methods on the same events, by name.
        coverage: fraction of events inside each contour of the posterior; empty without one.
        calibration: of the posteriors of groups of events, by display name; empty unless asked for, or without posteriors.
        targets: quality of energy, vertex, kind and inelasticity, as far as the file has them.
        without_truth: events with unknown true direction, which are left out of its figures.
        provenance: as stored in the file.
        weights: column by which events count, or None where all count alike.
    """

    path: Path
    method: str
    resolution: Summary
    comparisons: Mapping[str, Summary]
    coverage: dict[str, float]
    calibration: dict[str, Calibration]
    targets: TargetEvaluations
    without_truth: int
    provenance: Mapping[str, Any]
    weights: str | None = None

    def to_json(self) -> dict[str, Any]:
        """Return the evaluation as JSON-able values."""
        return {
            "file": str(self.path),
            "method": self.method,
            "resolution": self.resolution,
            "comparisons": dict(self.comparisons),
            "coverage": self.coverage,
            **({"calibration": self.calibration} if self.calibration else {}),
            **self.targets.to_json(),
            "without_truth": self.without_truth,
            **({} if self.weights is None else {"weights": self.weights}),
            "provenance": dict(self.provenance),
        }


def evaluate(
    path: Path,
    truth_table: pa.Table | None = None,
    with_calibration: bool = False,
    weights: str | None = None,
) -> Evaluation:
    """Evaluate a file that `icereco reconstruct`, or a training's validation, wrote, or with a truth any table of directions.

    Args:
        path: the file.
        truth_table: the truth of the events, where it is not in the file (`icereco.reconstruction.given_truth`).
        with_calibration: whether the calibration of groups of events is wanted, too.
        weights: column of the file, or of the given truth, with the weight of each event in all figures.

    Raises:
        IcerecoError: no such file, not a file of reconstructions, one without truth, or weights that are none.
    """
    return evaluate_saved(read_reconstructions(path, truth_table, weights), with_calibration)


def evaluate_saved(saved: SavedReconstructions, with_calibration: bool = False) -> Evaluation:
    """Evaluate a file that was read.

    Raises:
        IcerecoError: it has no truth, or a posterior does not integrate to 1.
    """
    saved.require_normalised()
    truth, weight = require_truth(saved), saved.weight
    known = truth.known("direction")
    kind = None if truth.kind is None else truth.kind[known]

    def resolution(reconstruction: Reconstruction) -> Summary:
        error = opening_angle(reconstruction.direction[known], truth.direction[known])
        return summarize(error, saved.pulses_total[known], kind, weights_of(weight, known))

    posterior = saved.reconstruction.posterior
    calibrations = (
        calibration(posterior, saved.reconstruction.direction, truth, saved.pulses_total, weight)
        if posterior is not None and with_calibration
        else {}
    )
    comparisons = {name: one for name, one in saved.comparisons.items() if name != saved.method}
    return Evaluation(
        path=saved.path,
        method=saved.method,
        resolution=resolution(saved.reconstruction),
        comparisons={name: resolution(one) for name, one in comparisons.items()},
        coverage={} if posterior is None else coverage(posterior, truth.direction, weight),
        calibration=calibrations,
        targets=evaluate_targets(saved.reconstruction, truth, weight),
        without_truth=int((~known).sum()),
        provenance=saved.provenance,
        weights=None if saved.weights is None else saved.weights.name,
    )


def has_truth(saved: SavedReconstructions) -> bool:
    """Return whether the true direction of an event is known."""
    return saved.truth is not None and bool(saved.truth.known("direction").any())


def require_truth(saved: SavedReconstructions) -> Truth:
    """Return the truth of a file of reconstructions.

    Raises:
        IcerecoError: there is none.
    """
    if saved.truth is None:
        raise IcerecoError(f"{saved.path}: the events have no truth, so no error can be measured")
    if not saved.truth.known("direction").any():
        raise IcerecoError(
            f"{saved.path}: there is no event with a known true direction, so no error can be measured"
        )
    return saved.truth

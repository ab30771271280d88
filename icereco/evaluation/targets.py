"""How good a reconstruction is in everything but the direction: energy, vertex, kind and inelasticity."""

from dataclasses import dataclass, fields
from typing import Any

from jaxtyping import Float
from numpy import ndarray

from icereco.evaluation.energy import EnergyEvaluation, energy_evaluation
from icereco.evaluation.inelasticity import InelasticityEvaluation, inelasticity_evaluation
from icereco.evaluation.kind import KindEvaluation, kind_evaluation
from icereco.evaluation.vertex import VertexEvaluation, vertex_evaluation
from icereco.events.reconstruction import Reconstruction
from icereco.events.truth import Truth

__all__ = ["TargetEvaluations", "evaluate_targets"]


@dataclass(frozen=True, slots=True)
class TargetEvaluations:
    """The quality of each target; None where the reconstruction or the truth lacks it."""

    energy: EnergyEvaluation | None = None
    vertex: VertexEvaluation | None = None
    kind: KindEvaluation | None = None
    inelasticity: InelasticityEvaluation | None = None

    def to_json(self) -> dict[str, Any]:
        """Return those that there are as JSON-able values, by name."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        return {name: value for name, value in values.items() if value is not None}

    def __bool__(self) -> bool:
        return bool(self.to_json())


def evaluate_targets(
    made: Reconstruction, truth: Truth, weight: Float[ndarray, "event"] | None = None
) -> TargetEvaluations:
    """Evaluate the targets besides the direction that both have; with how much each event counts, or None where all count alike."""
    known, kind = set(truth.targets), made.kind_probability
    vertex, inelasticity = made.vertex_m, made.inelasticity
    return TargetEvaluations(
        energy=energy_evaluation(made, truth, weight)
        if made.energy_gev is not None and "energy_gev" in known
        else None,
        vertex=vertex_evaluation(vertex, made.vertex_covariance_m2, truth, weight)
        if vertex is not None and "vertex_m" in known
        else None,
        kind=kind_evaluation(kind, truth, weight) if kind is not None and "kind" in known else None,
        inelasticity=inelasticity_evaluation(inelasticity, made.inelasticity_sigma, truth, weight)
        if inelasticity is not None and "inelasticity" in known
        else None,
    )

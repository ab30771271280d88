"""The recalibration of energy, vertex, kind and inelasticity that unseen events ask for."""

import math

import numpy as np
import torch
from jaxtyping import Float, Int
from numpy import ndarray
from torch import Tensor
from torch.nn.functional import cross_entropy

from icereco.evaluation.energy import energy_residual
from icereco.evaluation.kind import evaluated_kinds
from icereco.evaluation.recalibrate import LEAST_EVENTS
from icereco.evaluation.vertex import ELLIPSOIDS, squared_pull, with_vertices
from icereco.events.reconstruction import Reconstruction
from icereco.events.target_recalibration import (
    LEAST_PROBABILITY,
    EnergyRecalibration,
    InelasticityRecalibration,
    KindRecalibration,
    TargetRecalibration,
    VertexRecalibration,
    energy_widths,
)
from icereco.events.truth import Truth

__all__ = ["LEAST_EVENTS_OF_KIND", "recalibrate_targets"]

LEAST_EVENTS_OF_KIND = 50
"""Kinds of which fewer events are known have no bias of their own."""

_CENTRAL = 0.68
_BELOW, _ABOVE = (1.0 - _CENTRAL) / 2, (1.0 + _CENTRAL) / 2
_SMALLEST = 0.01
"""Of the factors of widths, which stay positive whatever the events are."""

_LEAST = (LEAST_PROBABILITY, 1e-6, 1e-4, 1e-3, 3e-3, 1e-2, 3e-2)
"""Least probabilities of kinds that are tried."""

_PULL = 1e-3
"""Keeps parameters that events do not measure near 0."""


def recalibrate_targets(made: Reconstruction, truth: Truth) -> TargetRecalibration:
    """Fit the recalibration of each target to events that had no part in the choice of the weights.

    Targets with fewer than `LEAST_EVENTS` events that have both an estimate with an uncertainty and a truth are left as they are.
    """
    return TargetRecalibration(
        energy=_energy(made, truth),
        vertex=_vertex(made, truth),
        kind=_kind(made, truth),
        inelasticity=_inelasticity(made, truth),
    )


def _energy(made: Reconstruction, truth: Truth) -> EnergyRecalibration | None:
    """The shift with which half the events lie on either side, and the factors with which 16 % lie beyond either end."""
    widths = energy_widths(made)
    if made.energy_gev is None or truth.energy_gev is None or widths is None:
        return None
    above = -energy_residual(made.energy_gev, truth.energy_gev)
    known = np.isfinite(above) & (np.isfinite(widths) & (widths > 0)).all(axis=1)
    if known.sum() < LEAST_EVENTS:
        return None
    shift = np.median(above[known])
    pull = (above[known] - shift)[:, None] / widths[known]
    if made.energy_interval_gev is None:  # sigma is the same on both sides
        factors = np.full(2, np.quantile(np.abs(pull[:, 0]), _CENTRAL))
    else:
        factors = np.array([-np.quantile(pull[:, 0], _BELOW), np.quantile(pull[:, 1], _ABOVE)])
    factors = np.maximum(factors, _SMALLEST)
    return EnergyRecalibration(np.asarray(shift), np.asarray(factors[0]), np.asarray(factors[1]))


def _vertex(made: Reconstruction, truth: Truth) -> VertexRecalibration | None:
    """The factor with which the ellipsoids of 50 % hold half the events; of contained kinds."""
    if made.vertex_m is None or made.vertex_covariance_m2 is None or truth.vertex_m is None:
        return None
    squared = squared_pull(made.vertex_m - truth.vertex_m, made.vertex_covariance_m2)
    squared = squared[with_vertices(truth) & np.isfinite(squared)]
    if len(squared) < LEAST_EVENTS:
        return None
    factor = np.median(squared) / ELLIPSOIDS["50%"]
    return VertexRecalibration(np.asarray(max(factor, _SMALLEST**2)))


def _inelasticity(made: Reconstruction, truth: Truth) -> InelasticityRecalibration | None:
    """The factor with which 68 % of the events lie within sigma."""
    if made.inelasticity is None or made.inelasticity_sigma is None or truth.inelasticity is None:
        return None
    with np.errstate(divide="ignore", invalid="ignore"):
        pull = np.abs(made.inelasticity - truth.inelasticity) / made.inelasticity_sigma
    pull = pull[np.isfinite(pull)]
    if len(pull) < LEAST_EVENTS:
        return None
    return InelasticityRecalibration(np.asarray(max(np.quantile(pull, _CENTRAL), _SMALLEST)))


def _kind(made: Reconstruction, truth: Truth) -> KindRecalibration | None:
    """The temperature, the least probability, and the biases where each kind has enough events, under which the true kinds are likeliest.

    With and without the latter two, that with the least Bayesian information criterion is taken (Schwarz, Ann. Stat. 6 (1978) 461).
    """
    if made.kind_probability is None or truth.kind is None:
        return None
    known, true = evaluated_kinds(made.kind_probability, truth)
    probability = made.kind_probability[known]
    counts = np.bincount(true, minlength=probability.shape[1])
    if (
        len(true) < LEAST_EVENTS or (counts >= LEAST_EVENTS_OF_KIND).sum() < 2
    ):  # one kind alone has no temperature
        return None
    forms = (False, True) if (counts >= LEAST_EVENTS_OF_KIND).all() else (False,)
    fits = [_scaled(probability, true, biased, least) for biased in forms for least in _LEAST]
    return min(fits, key=lambda fit: fit[0])[1]


def _scaled(
    probability: Float[ndarray, "event kind"], true: Int[ndarray, "event"], biased: bool, least: float
) -> tuple[float, KindRecalibration]:
    """Return the information criterion of the best parameters, and the recalibration."""
    score = torch.from_numpy(np.log(np.maximum(probability, least)))
    place = torch.from_numpy(true)
    log_scale = torch.zeros((), dtype=torch.float64, requires_grad=True)
    bias = torch.zeros(score.shape[1], dtype=torch.float64, requires_grad=biased)
    parameters = [log_scale, bias] if biased else [log_scale]
    optimizer = torch.optim.LBFGS(parameters, max_iter=500, line_search_fn="strong_wolfe")

    def loss() -> Tensor:
        optimizer.zero_grad()
        pull = _PULL * (
            log_scale.square() + bias.square().sum()
        )  # a common bias has no effect, and goes to 0
        value: Tensor = pull + cross_entropy(log_scale.exp() * score + bias, place)
        value.backward()
        return value

    optimizer.step(loss)
    with torch.no_grad():
        total = len(true) * cross_entropy(log_scale.exp() * score + bias, place).item()
    count = 1 + (score.shape[1] - 1 if biased else 0) + (least > LEAST_PROBABILITY)
    fitted = KindRecalibration(
        np.asarray(math.exp(-log_scale.item())), bias.detach().numpy(), np.asarray(least)
    )
    return count * math.log(len(true)) + 2.0 * total, fitted

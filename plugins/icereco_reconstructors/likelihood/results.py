"""Solutions of groups of events as the reconstruction of a batch."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Int
from numpy import ndarray

from icereco.detector.detector import Detector
from icereco.events.batch import EventBatch
from icereco.events.observations import MOST_PULSES
from icereco.events.reconstruction import NOT_CONVERGED, Reconstruction
from icereco.events.truth import EVENT_KINDS
from icereco.events.vmf_mixture import VmfMixture
from icereco.physics.light.yields import METRES_PER_GEV
from icereco.physics.likelihood.sources import Hypothesis
from icereco_reconstructors.likelihood.plan import KIND
from icereco_reconstructors.likelihood.solutions import Solutions

__all__ = ["CONVERGED", "TOO_FEW_MODULES", "Part", "is_track", "reconstruction", "replaced"]

CONVERGED, TOO_FEW_MODULES = "converged", "too few modules"

_LEAST_MODULES = 3


@dataclass(frozen=True, slots=True)
class Part:
    """The results of some events of a batch.

    Attributes:
        row: of the events in their batch.
        reference_ns: times that their solutions count from.
        solved: the solutions.
        extras: further figures by name, `[event]` each.
    """

    row: Int[ndarray, "event"]
    reference_ns: Float[ndarray, "event"]
    solved: Solutions
    extras: Mapping[str, Float[ndarray, "event"]]


def reconstruction(
    batch: EventBatch,
    detector: Detector,
    hypotheses: Sequence[Hypothesis],
    parts: Sequence[Part],
    times: Int[ndarray, "whole"],
) -> Reconstruction:
    """Assemble the reconstruction of a batch of which each event is in one of the parts; `times` counts those it could use."""
    order = np.argsort(np.concatenate([part.row for part in parts]))
    columns = [{**_columns(part, hypotheses), **part.extras} for part in parts]
    joined = {name: np.concatenate([part[name] for part in columns])[order] for name in columns[0]}
    posterior = VmfMixture.joined([part.solved.posterior() for part in parts])
    modules = np.add.reduceat(detector.alive[batch.sensor_id].astype(np.int64), batch.dom_offsets[:-1])
    fitted = (modules >= _LEAST_MODULES) & np.isfinite(joined["log_likelihood"])
    status = np.where(joined.pop("converged"), CONVERGED, NOT_CONVERGED).astype(object)
    status[~fitted] = TOO_FEW_MODULES
    joined["reduced_log_likelihood"] = _reduced(joined["log_likelihood"], modules - joined.pop("free"))
    known = {
        name: np.where(fitted.reshape(-1, *[1] * (column.ndim - 1)), column, np.nan)
        for name, column in joined.items()
    }
    return Reconstruction(
        direction=known.pop("direction"),
        posterior=posterior.take(np.where(fitted, order, -1)),
        vertex_m=known.pop("vertex_m"),
        kind_probability=known.pop("kind_probability") if len(hypotheses) > 1 else None,
        pulses_used=np.minimum(times, MOST_PULSES),
        status=status,
        extras={name: column for name, column in known.items() if column.ndim == 1},
    )


def is_track(fitted: Reconstruction) -> Bool[ndarray, "event"]:
    """Return which events were fitted as tracks through the detector: they alone have no vertex."""
    assert fitted.vertex_m is not None
    return np.asarray(np.isfinite(fitted.direction[:, 0]) & np.isnan(fitted.vertex_m[:, 0]))


def replaced(
    fitted: Reconstruction, rows: Int[ndarray, "chosen"], better: Sequence[Reconstruction]
) -> Reconstruction:
    """Replace tracks by other fits of them, of one event each, where these succeeded; kinds stay."""
    pairs = [
        (row, one) for row, one in zip(rows.tolist(), better, strict=True) if np.isfinite(one.direction).all()
    ]
    if not pairs:
        return fitted
    at = [row for row, _ in pairs]

    def column(of: Callable[[Reconstruction], Any]) -> ndarray:
        whole: ndarray = of(fitted).copy()
        whole[at] = np.concatenate([of(one) for _, one in pairs])
        return whole

    order = np.arange(len(fitted.direction))
    order[at] = len(order) + np.arange(len(at))
    mixtures = [_mixture(one) for one in (fitted, *(one for _, one in pairs))]
    return replace(
        fitted,
        direction=column(lambda one: one.direction),
        posterior=VmfMixture.joined(mixtures).take(order),
        pulses_used=column(lambda one: one.pulses_used),
        status=column(lambda one: one.status),
        extras={name: column(_extra(name)) for name in fitted.extras},
    )


def _mixture(fitted: Reconstruction) -> VmfMixture:
    assert isinstance(fitted.posterior, VmfMixture)
    return fitted.posterior


def _extra(name: str) -> Callable[[Reconstruction], ndarray]:
    return lambda fitted: fitted.extras[name]


def _columns(part: Part, hypotheses: Sequence[Hypothesis]) -> dict[str, ndarray]:
    """Return what is reported of the best maximum of each event, and the evidence of each kind."""
    solved = part.solved
    best = solved.best()
    row = np.arange(len(best))
    which = solved.hypothesis[row, best]
    has_track, has_cascade, starts = (
        np.array([getattr(hypothesis, name) for hypothesis in hypotheses])[which]
        for name in ("has_track", "has_cascade", "starts")
    )
    with_vertex = starts | has_cascade
    cascade = np.exp(solved.log_light[row, best])
    return {
        "direction": solved.direction[row, best],
        "vertex_m": np.where(with_vertex[:, None], solved.position_m[row, best], np.nan),
        "kind_probability": _kinds(solved, hypotheses),
        "converged": solved.converged[row, best],
        "free": np.array([len(hypothesis.moves) for hypothesis in hypotheses])[which],
        "log_likelihood": solved.log_likelihood[row, best],
        "vertex_time_ns": np.where(with_vertex, solved.time_ns[row, best] + part.reference_ns, np.nan),
        "cascade_energy_gev": np.where(has_cascade, cascade / METRES_PER_GEV, np.nan),
        "track_yield": np.where(has_track, np.exp(solved.log_yield[row, best]), np.nan),
        "light_log10_sigma": solved.sigma_light[row, best] / np.log(10.0),
    }


def _reduced(
    log_likelihood: Float[ndarray, "event"], degrees_of_freedom: Int[ndarray, "event"]
) -> Float[ndarray, "event"]:
    """Return −log L per degree of freedom, which IceTray calls rlogl; NaN where there are no more modules than parameters."""
    return np.where(degrees_of_freedom > 0, -log_likelihood / np.maximum(degrees_of_freedom, 1), np.nan)


def _kinds(solved: Solutions, hypotheses: Sequence[Hypothesis]) -> Float[ndarray, "event kind"]:
    """Return the share of each kind of event in the posterior."""
    share = solved.shares()
    kinds = np.zeros((len(share), len(EVENT_KINDS)))
    for index, hypothesis in enumerate(hypotheses):
        kinds[:, EVENT_KINDS.index(KIND[hypothesis.name])] = (share * (solved.hypothesis == index)).sum(1)
    return np.asarray(kinds / kinds.sum(1, keepdims=True))

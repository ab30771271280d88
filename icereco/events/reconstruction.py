"""Reconstructions: the results of a model or a fit by name, with units; quantities it does not estimate are None."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float, Int, Shaped
from numpy import ndarray

from icereco.events.posterior import Posterior
from icereco.events.tensor_mixture import TensorMixture

if TYPE_CHECKING:
    from torch import Tensor
else:  # torch is slow to import and most commands never need it
    Tensor = Any

__all__ = [
    "NOT_CONVERGED",
    "QUANTITIES",
    "Anchor",
    "Estimate",
    "Estimates",
    "Reconstruction",
    "known_quantities",
]

QUANTITIES = (
    "energy_gev",
    "energy_log10_sigma",
    "energy_interval_gev",
    "vertex_m",
    "vertex_covariance_m2",
    "kind_probability",
    "inelasticity",
    "inelasticity_sigma",
)
"""What a reconstruction and an estimate may have besides the direction."""

NOT_CONVERGED = "not converged"
"""The status of a direction that a fit has, but should not be relied upon; the only one that programs look for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimates:
    """Quantities that a loss decodes from the outputs of a model, as tensors.

    Attributes:
        direction: unit vectors to where the neutrino came from; differentiable, so that another loss can be computed from them.
        posterior: the densities of the directions, if the loss defines them; as tensors while a model is exported.
        energy_gev: of the neutrino; energy_log10_sigma: one sigma of its decimal logarithm.
        energy_interval_gev: its quantiles of 16 and 84 %.
        vertex_m: where it interacted; vertex_covariance_m2: symmetric and positive definite.
        kind_probability: of each of `icereco.events.truth.EVENT_KINDS`.
        inelasticity: the fraction of its energy that goes to hadrons; inelasticity_sigma: one sigma of it.
    """

    direction: Float[Tensor, "event 3"] | None = None
    posterior: Posterior | TensorMixture | None = None
    energy_gev: Float[Tensor, "event"] | None = None
    energy_log10_sigma: Float[Tensor, "event"] | None = None
    energy_interval_gev: Float[Tensor, "event 2"] | None = None
    vertex_m: Float[Tensor, "event 3"] | None = None
    vertex_covariance_m2: Float[Tensor, "event 3 3"] | None = None
    kind_probability: Float[Tensor, "event kind"] | None = None
    inelasticity: Float[Tensor, "event"] | None = None
    inelasticity_sigma: Float[Tensor, "event"] | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Reconstruction:
    """The reconstruction of a batch of events by one method, in the order of the events; NaN where it fails.

    Attributes:
        direction: unit vectors `[E, 3]` that point to where the neutrino came from.
        posterior: the densities of the directions.
        energy_gev: `[E]`; energy_log10_sigma: `[E]`, one sigma of its decimal logarithm.
        energy_interval_gev: `[E, 2]`, quantiles of 16 and 84 % of the energy.
        vertex_m: `[E, 3]`, where the neutrino interacted; vertex_covariance_m2: `[E, 3, 3]`, symmetric and positive definite.
        kind_probability: `[E, kind]`, of each of `icereco.events.truth.EVENT_KINDS`.
        inelasticity: `[E]`, the fraction of the neutrino's energy that goes to hadrons; inelasticity_sigma: `[E]`, one sigma of it.
        pulses_used: how many pulses of each event `[E]` the method used; None = all.
        status: how the method ended for each event: `[E]` object array of str, None where there is nothing to say.
        extras: further figures of the method by name, float64 `[E]` each, such as `log_likelihood`; the same names for
            each batch, none of them that of another column of `icereco.tables.reconstruction_columns`.
    """

    direction: Float[ndarray, "event 3"]
    posterior: Posterior | None = None
    energy_gev: Float[ndarray, "event"] | None = None
    energy_log10_sigma: Float[ndarray, "event"] | None = None
    energy_interval_gev: Float[ndarray, "event 2"] | None = None
    vertex_m: Float[ndarray, "event 3"] | None = None
    vertex_covariance_m2: Float[ndarray, "event 3 3"] | None = None
    kind_probability: Float[ndarray, "event kind"] | None = None
    inelasticity: Float[ndarray, "event"] | None = None
    inelasticity_sigma: Float[ndarray, "event"] | None = None
    pulses_used: Int[ndarray, "event"] | None = None
    status: Shaped[ndarray, "event"] | None = None
    extras: Mapping[str, Float[ndarray, "event"]] = field(default_factory=dict)

    @property
    def kappa(self) -> Float[ndarray, "event"] | None:
        """The concentration of each posterior; see `Posterior.kappa`."""
        return None if self.posterior is None else self.posterior.kappa

    @property
    def quantities(self) -> dict[str, ndarray | None]:
        """The columns of `QUANTITIES` by name."""
        return {name: getattr(self, name) for name in QUANTITIES}


@dataclass(frozen=True, slots=True, eq=False)
class Anchor:
    """Where and when a fit has its particle.

    Attributes:
        position_m: `[3]`, of a cascade, or any point of a track.
        time_ns: when it was there, as times of pulses count.
        cascade: whether all light comes from there.
        starts: whether a track starts there.
        length_m: of a track that starts and stops; None where it is not known.
    """

    position_m: Float[ndarray, "3"]
    time_ns: float
    cascade: bool = False
    starts: bool = False
    length_m: float | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Estimate:
    """The reconstruction of one event by one method.

    Attributes:
        name: display name of the method.
        direction: unit vector `[3]` to where the neutrino came from, or None where the method gave none.
        posterior: the density of the direction, a `Posterior` of one event, or None.
        pulses_used: how many pulses the method used, or None where unknown.
        energy_gev: of the neutrino; energy_log10_sigma: one sigma of its decimal logarithm. These and the following are None where the method
            gave none.
        energy_interval_gev: `[2]`, quantiles of 16 and 84 % of the energy.
        vertex_m: `[3]`, where the neutrino interacted; vertex_covariance_m2: `[3, 3]`.
        kind_probability: `[kind]`, of each of `icereco.events.truth.EVENT_KINDS`.
        inelasticity: the fraction of the neutrino's energy that goes to hadrons; inelasticity_sigma: one sigma of it.
        anchor: where and when the particle was, of fits that say so.
    """

    name: str
    direction: Float[ndarray, "3"] | None
    posterior: Posterior | None = None
    pulses_used: int | None = None
    energy_gev: float | None = None
    energy_log10_sigma: float | None = None
    energy_interval_gev: Float[ndarray, "2"] | None = None
    vertex_m: Float[ndarray, "3"] | None = None
    vertex_covariance_m2: Float[ndarray, "3 3"] | None = None
    kind_probability: Float[ndarray, "kind"] | None = None
    inelasticity: float | None = None
    inelasticity_sigma: float | None = None
    anchor: Anchor | None = None

    @classmethod
    def of(cls, name: str, reconstruction: Reconstruction) -> "Estimate":
        """Return what a reconstruction of one event says; what is not finite is left out."""
        direction, used = reconstruction.direction[0], reconstruction.pulses_used
        return cls(
            name,
            direction if np.isfinite(direction).all() else None,
            reconstruction.posterior,
            None if used is None else int(used[0]),
            **known_quantities(reconstruction.quantities, 0),
        )

    @property
    def kappa(self) -> float | None:
        """The concentration of the posterior; see `Posterior.kappa`."""
        return None if self.posterior is None else float(self.posterior.kappa[0])


def known_quantities(columns: Mapping[str, ndarray | None], row: int) -> dict[str, Any]:
    """Return the values of one event by the names of `QUANTITIES`, without those that are missing or not finite."""
    values = {name: np.asarray(column[row]) for name, column in columns.items() if column is not None}
    known = {name: value for name, value in values.items() if np.isfinite(value).all()}
    return {name: value if value.ndim else float(value) for name, value in known.items()}

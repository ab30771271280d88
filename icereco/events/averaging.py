"""What several methods say together of the same events: the average of their posteriors, moments and probabilities."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from icereco.events.posterior import Posterior
from icereco.events.reconstruction import Reconstruction
from icereco.events.vmf_mixture import VmfMixture

__all__ = ["averaged"]


def averaged(parts: Sequence[Reconstruction]) -> Reconstruction:
    """Average reconstructions of the same events, each with the same weight.

    The posterior is the mixture of theirs (the linear opinion pool: Stone 1961, Ann. Math. Stat. 32, 1339), and the direction
    is its maximum. Of energies, vertices and inelasticities the mean is taken, of energies that of the logarithm; their
    variance is the mean of the variances and the variance of the means (law of total variance). Quantiles of energies are
    averaged as such (Vincentization: Ratcliff 1979, Psychol. Bull. 86, 446). Probabilities of kinds are averaged.
    A quantity that only some of them have is averaged over those.

    Raises:
        ValueError: one of them has no posterior.
    """
    if any(part.posterior is None for part in parts):
        raise ValueError("only reconstructions with posteriors can be averaged")
    posterior = _pooled([part.posterior for part in parts if part.posterior is not None])
    energy, energy_sigma = _log_energy(parts)
    vertex, vertex_covariance = _vertex(parts)
    inelasticity, inelasticity_sigma = _inelasticity(parts)
    return Reconstruction(
        direction=posterior.mode,
        posterior=posterior,
        energy_gev=energy,
        energy_log10_sigma=energy_sigma,
        energy_interval_gev=_geometric_mean(_known(parts, "energy_interval_gev")),
        vertex_m=vertex,
        vertex_covariance_m2=vertex_covariance,
        kind_probability=_mean(_known(parts, "kind_probability")),
        inelasticity=inelasticity,
        inelasticity_sigma=inelasticity_sigma,
    )


def _pooled(posteriors: Sequence[Posterior]) -> VmfMixture:
    mixtures = [posterior.as_mixture() for posterior in posteriors]
    return VmfMixture(
        np.concatenate([mixture.weight / len(mixtures) for mixture in mixtures], axis=1),
        np.concatenate([mixture.mean for mixture in mixtures], axis=1),
        np.concatenate([mixture.concentration for mixture in mixtures], axis=1),
    )


def _known(parts: Sequence[Reconstruction], *names: str) -> list[ndarray]:
    """The first of the columns, of those reconstructions that have all of them."""
    columns = [[getattr(part, name) for name in names] for part in parts]
    return [have[0] for have in columns if all(column is not None for column in have)]


def _mean(columns: Sequence[ndarray]) -> ndarray | None:
    return np.mean(columns, axis=0) if columns else None


def _geometric_mean(columns: Sequence[ndarray]) -> ndarray | None:
    return np.exp(np.mean(np.log(columns), axis=0)) if columns else None


def _total_deviation(means: Sequence[ndarray], deviations: Sequence[ndarray]) -> ndarray | None:
    """One sigma of the mixture of distributions with these means and standard deviations."""
    if not means:
        return None
    return np.asarray(np.sqrt(np.mean(np.square(deviations), axis=0) + np.var(means, axis=0)))


def _log_energy(parts: Sequence[Reconstruction]) -> tuple[ndarray | None, ndarray | None]:
    means = [np.log10(energy) for energy in _known(parts, "energy_gev", "energy_log10_sigma")]
    deviations = _known(parts, "energy_log10_sigma", "energy_gev")
    return _geometric_mean(_known(parts, "energy_gev")), _total_deviation(means, deviations)


def _inelasticity(parts: Sequence[Reconstruction]) -> tuple[ndarray | None, ndarray | None]:
    means = _known(parts, "inelasticity", "inelasticity_sigma")
    deviations = _known(parts, "inelasticity_sigma", "inelasticity")
    return _mean(_known(parts, "inelasticity")), _total_deviation(means, deviations)


def _vertex(
    parts: Sequence[Reconstruction],
) -> tuple[Float[ndarray, "event 3"] | None, Float[ndarray, "event 3 3"] | None]:
    centre = _mean(_known(parts, "vertex_m"))
    covariances = _known(parts, "vertex_covariance_m2", "vertex_m")
    if not covariances:
        return centre, None
    means = np.stack(_known(parts, "vertex_m", "vertex_covariance_m2"))
    apart = means - means.mean(0)
    between = np.einsum("pei,pej->eij", apart, apart) / len(means)
    return centre, np.mean(covariances, axis=0) + between

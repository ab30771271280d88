"""The recalibration that unseen events ask for: as flexible as their number allows, and as simple as they leave it."""

import math
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int
from numpy import ndarray
from torch import Tensor

from icereco.events.posterior import Posterior
from icereco.events.recalibration import Recalibration, features_of
from icereco.events.vmf_mixture import VmfMixture

__all__ = ["LEAST_EVENTS", "MOST_COMPONENTS", "recalibrate"]

_EVENTS_PER_PARAMETER = 50
LEAST_EVENTS = 100
"""With fewer events nothing is fitted."""

MOST_COMPONENTS = 32
"""Posteriors of more components, such as the cells of a sphere, have a shape of their own, and are not recalibrated."""

_STARTS = {1: (0.0,), 2: (1.0, -1.0), 3: (1.2, -0.3, -2.0)}
"""Logarithms of scales from which fits begin."""

_ISOTROPIC = -40.0
"""Logarithm of a scale that leaves nothing of any concentration (`icereco.events.recalibration.LEAST_LOG_KAPPA` is the least)."""

_PULL = 1e-3
"""Keeps parameters that events do not measure near 0."""


@dataclass(frozen=True, slots=True)
class _Form:
    """How many densities replace one, and how many features their widths depend on."""

    parts: int
    features: int

    @property
    def parameters(self) -> int:
        return (2 * self.parts - 1) * self.features


_FORMS = (_Form(1, 1), _Form(2, 1), _Form(3, 2), _Form(3, 3))


def recalibrate(
    posterior: Posterior,
    pulses: Int[ndarray, "event"],
    truth: Float[ndarray, "event 3"],
    most_components: int = MOST_COMPONENTS,
) -> Recalibration | None:
    """Fit the recalibration under which unseen events are likeliest, or None if they are too few, or their posteriors too complex.

    Of the forms with at least 50 events a parameter that with the least Bayesian information criterion is taken (Schwarz,
    Ann. Stat. 6 (1978) 461). Beside it, every posterior gets a part that is the same for all directions: that none of n
    events was missed altogether leaves a probability of 1/(n + 2) that the next one is (Laplace's rule of succession).

    Args:
        posterior: of events that had no part in the choice of the weights.
        pulses: of each of them.
        truth: their true directions; events without one (NaN), or without a posterior, are left out.
        most_components: posteriors of more densities are too complex.
    """
    mixture = posterior.as_mixture()
    known = np.flatnonzero(np.isfinite(truth).all(1) & np.isfinite(mixture.concentration).all(1))
    if len(known) < LEAST_EVENTS or mixture.weight.shape[1] > most_components:
        return None
    mixture, pulses, truth = mixture.take(known), pulses[known], truth[known]
    possible = [
        form for form in _FORMS if form.parameters * _EVENTS_PER_PARAMETER <= len(known) or form == _FORMS[0]
    ]
    events = _Events(mixture, pulses, truth)
    fits = [events.fitted(form) for form in possible]
    _, best = min(fits, key=lambda fit: fit[0])
    return best


class _Events:
    """Posteriors and true directions as tensors."""

    def __init__(
        self, mixture: VmfMixture, pulses: Int[ndarray, "event"], truth: Float[ndarray, "event 3"]
    ) -> None:
        features = features_of(mixture.kappa, pulses)
        self._range = features.min(0), features.max(0)
        self._features = torch.from_numpy(features)
        self._log_weight = torch.from_numpy(np.log(np.maximum(mixture.weight, 1e-300)))
        self._log_kappa = torch.from_numpy(np.log(np.maximum(mixture.concentration, 1e-9)))
        apart = mixture.mean - truth[:, None]
        self._drop = torch.from_numpy(
            0.5 * (apart**2).sum(2)
        )  # 1 − cos, without a difference of large numbers

    def fitted(self, form: _Form) -> tuple[float, Recalibration]:
        """Return the information criterion of the best parameters of a form, and the recalibration."""
        scale, weight = torch.zeros(2, form.parts, form.features, dtype=torch.float64)
        scale[:, 0] = torch.tensor(_STARTS[form.parts])
        parameters = [scale.requires_grad_(), weight.requires_grad_()]
        optimizer = torch.optim.LBFGS(parameters, max_iter=500, line_search_fn="strong_wolfe")

        def loss() -> Tensor:
            optimizer.zero_grad()
            pull = _PULL * sum((one.square().sum() for one in parameters), start=torch.zeros(()))
            value: Tensor = pull - self._log_density(scale, weight).mean()
            value.backward()
            return value

        optimizer.step(loss)
        with torch.no_grad():
            total = self._log_density(scale, weight).sum().item()
        least, most = self._range
        criterion = form.parameters * math.log(len(self._drop)) - 2.0 * total
        return criterion, Recalibration(*self._with_isotropic(_widened(scale), _widened(weight)), least, most)

    def _with_isotropic(
        self, scale: Float[ndarray, "part feature"], weight: Float[ndarray, "part feature"]
    ) -> tuple[Float[ndarray, "part_plus_1 feature"], Float[ndarray, "part_plus_1 feature"]]:
        """Add the isotropic part, whose share is about 1/(n + 2).

        Shares are what weights are relative to each other, so the sum of the others' is made one first, as nearly as a linear
        function of the features can.
        """
        features = self._features.numpy()
        total = np.logaddexp.reduce(features @ weight.T, axis=1)
        common = np.linalg.lstsq(features, total, rcond=None)[0]
        constant = np.eye(1, features.shape[1])
        share = -math.log(len(features) + 1) * constant
        return np.vstack([scale, _ISOTROPIC * constant]), np.vstack([weight - common, share])

    def _log_density(
        self, scale: Float[Tensor, "part feature"], weight: Float[Tensor, "part feature"]
    ) -> Float[Tensor, "event"]:
        """Return the log density at the truth, per steradian."""
        features = self._features[:, : scale.shape[1]]
        share = torch.log_softmax(features @ weight.T, 1)
        log_kappa = (self._log_kappa[..., None] + (features @ scale.T)[:, None]).clamp(-4.0, 18.0)
        kappa = log_kappa.exp()
        peak = log_kappa - math.log(2 * math.pi) - torch.log(-torch.expm1(-2.0 * kappa))
        terms = self._log_weight[..., None] + share[:, None] + peak - kappa * self._drop[..., None]
        return torch.logsumexp(terms.flatten(1), 1)


def _widened(coefficients: Float[Tensor, "part feature"]) -> Float[ndarray, "part 3"]:
    """Fill up with 0 for features that are not used."""
    return np.pad(coefficients.detach().numpy(), ((0, 0), (0, 3 - coefficients.shape[1])))

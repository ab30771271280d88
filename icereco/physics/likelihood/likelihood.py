"""The likelihood of light sources: numbers of photo-electrons in all modules, hit or silent, and the times of pulses.

With the expectation μ of each source s at module m, noise B, photo-electrons n and pulses j of weight w:

    Λ_m = Σ_s μ_sm + B_m
    log L = Σ_m [n_m log Λ_m − Λ_m] + Σ_j w_j log [(Σ_s μ_sm p(t_j − t₀ − T_sm; a_sm, τ_sm, σ) + b_m(t_j)) / Λ_m] + priors

p is Pandel's density convolved with a Gaussian of width σ (`icereco.physics.likelihood.pandel`), T the time of direct
light. A light model is never exact: with a relative error f of the expectation that is gamma distributed, the Poisson
probability becomes a negative binomial one with r = 1/f².

If only the first pulse of each module is used, the time of the first of n photo-electrons has the density (Ahrens et al., NIM A
524 (2004) 169, astro-ph/0407044)

    n f(t) (1 − F(t))^(n−1),   1 − F_m(t) = [Σ_s μ_sm S(t − t₀ − T_sm; a_sm, τ_sm, σ) + noise after t] / Λ_m

with f that of one photo-electron as above, and the survival S of p (`icereco.physics.likelihood.survival`).
"""

from dataclasses import dataclass, fields, replace

import torch
from jaxtyping import Float
from torch import Tensor, nn

from icereco.physics.light.light import LightModel
from icereco.physics.likelihood.columns import each
from icereco.physics.likelihood.frame import Frame
from icereco.physics.likelihood.observation import Observation
from icereco.physics.likelihood.pandel import ConvolvedPandel
from icereco.physics.likelihood.sources import MOVES, Coordinates, Hypothesis, Sources
from icereco.physics.likelihood.survival import PandelSurvival

__all__ = ["PRIOR_MEAN", "PRIOR_SIGMA", "Curvature", "Likelihood"]

_FAINTEST = 1e-30
_LEAVES = tuple(field.name for field in fields(Coordinates))[:-1]
"""Coordinates that depend on parameters: all but the position of the module."""

PRIOR_MEAN = {"log_yield": 1.0, "log_light": 7.0, "end_m": 500.0}
PRIOR_SIGMA = {"log_yield": 1.5, "log_light": 3.0, "end_m": 600.0}
"""Weak Gaussian priors, which keep what an event does not measure within what neutrino telescopes see."""


@dataclass(frozen=True, slots=True)
class Curvature:
    """The logarithm of the likelihood with its derivatives along the free moves of a hypothesis, float64.

    Attributes:
        value: log L of each job.
        gradient: its first derivatives.
        information: an estimate of −∂² log L that is nowhere negative.
    """

    value: Float[Tensor, "job"]
    gradient: Float[Tensor, "job free"]
    information: Float[Tensor, "job free free"]


class Likelihood(nn.Module):
    """log L of sources given observations; see the module.

    Args:
        light: expected photo-electrons and delays.
        model_error: relative error f of the expectation, 0 for a model that is exact.
        first_only: whether observations have only the first pulse of each module.
    """

    def __init__(self, light: LightModel, model_error: float, first_only: bool = False) -> None:
        super().__init__()
        self.light = light
        self.pandel = ConvolvedPandel()
        self.survival = PandelSurvival() if first_only else None
        self.model_error = model_error

    def forward(
        self, hypothesis: Hypothesis, sources: Sources, seen: Observation, jitter_ns: float
    ) -> Float[Tensor, "job"]:
        """Return log L of each job, up to a term that depends on the observation alone.

        Args:
            hypothesis: of all jobs.
            sources: the parameters of each job.
            seen: the observation of each job.
            jitter_ns: standard deviation of the time of direct light.
        """
        expected = self._expected(hypothesis, Frame(sources, seen.module_m).leaves, seen)
        pulses = Frame(sources, seen.of_pulses(seen.module_m)).leaves
        log_density = self._arrivals(hypothesis, pulses, seen, jitter_ns).log_probability()
        return (
            _weighted_sum(self._log_poisson(expected, seen), seen.weight)
            + _weighted_sum(log_density.unflatten(0, seen.time_ns.shape), seen.pulse_weight)
            + _log_prior(hypothesis, sources)[0]
        )

    def curvature(
        self, hypothesis: Hypothesis, sources: Sources, seen: Observation, jitter_ns: float
    ) -> Curvature:
        """Return log L of each job with its derivatives; arguments as above."""
        charge = self._charge_curvature(hypothesis, sources, seen)
        time = self._time_curvature(hypothesis, sources, seen, jitter_ns)
        prior = Curvature(*_log_prior(hypothesis, sources))
        return each(lambda *parts: torch.stack(parts).sum(0), charge, time, prior)

    def _charge_curvature(self, hypothesis: Hypothesis, sources: Sources, seen: Observation) -> Curvature:
        frame = Frame(sources, seen.module_m)
        with torch.enable_grad():
            leaves = _free(frame.leaves)
            expected = self._expected(hypothesis, leaves, seen)
        rows = frame.along(hypothesis, _slopes(expected, leaves))
        expected = expected.detach()
        variance = expected * (1.0 + self.model_error**2 * expected)
        return Curvature(
            _weighted_sum(self._log_poisson(expected, seen), seen.weight),
            _weighted_sum(rows, seen.weight * (seen.count - expected) / variance),
            _outer(rows, seen.weight / variance),
        )

    def _time_curvature(
        self, hypothesis: Hypothesis, sources: Sources, seen: Observation, jitter_ns: float
    ) -> Curvature:
        """Return the terms of the times; their curvature is that by the time of arrival alone, where it is positive.

        Sums of products of first derivatives, which serve for the charges, are a bad guess of the curvature here: a pulse at the
        sharp peak of its density has no slope and a large curvature, one on its edge the opposite.
        """
        frame = Frame(sources, seen.of_pulses(seen.module_m))
        with torch.enable_grad():
            leaves = _free(frame.leaves)
            arrivals = self._arrivals(hypothesis, leaves, seen, jitter_ns)
            log_probability = arrivals.log_probability()
            arrival_ns = arrivals.mean_ns() + (1.0 - arrivals.noise_share) * leaves["delay_ns"].flatten()
        rows = frame.along(hypothesis, _slopes(log_probability, leaves, retain=True))
        arrival_rows = frame.along(hypothesis, _slopes(arrival_ns, leaves))
        shape = seen.time_ns.shape
        sharpness = arrivals.sharpness().unflatten(0, shape)
        return Curvature(
            _weighted_sum(log_probability.detach().unflatten(0, shape), seen.pulse_weight),
            _weighted_sum(rows, seen.pulse_weight),
            _outer(arrival_rows, seen.pulse_weight * sharpness),
        )

    def brightened(self, hypothesis: Hypothesis, sources: Sources, seen: Observation) -> Sources:
        """Return sources with the brightness that gives each job as many photo-electrons as were seen.

        The light of track and cascade changes by the same factor, at most e^6 either way.
        """
        at = Frame(sources, seen.module_m).leaves
        light = self._expected(hypothesis, at, seen) - seen.noise
        expected = (light * seen.weight).sum(1, dtype=torch.float64).clamp(min=1e-6)
        number = ((seen.count - seen.noise) * seen.weight).sum(1, dtype=torch.float64).clamp(min=3.0)
        factor = torch.log(number / expected).clamp(-6.0, 6.0)
        return replace(sources, log_yield=sources.log_yield + factor, log_light=sources.log_light + factor)

    def light_at(
        self, hypothesis: Hypothesis, sources: Sources, module_m: Float[Tensor, "job module 3"]
    ) -> Float[Tensor, "job module"]:
        """Return the photo-electrons that are expected in modules of unit efficiency, without noise."""
        at = _coordinates(Frame(sources, module_m).leaves, module_m[..., 2])
        light = torch.stack([source.photo_electrons for source in hypothesis.light(self.light, at)]).sum(0)
        whole: Tensor = light.unflatten(0, module_m.shape[:2])
        return whole

    def _expected(
        self, hypothesis: Hypothesis, leaves: dict[str, Tensor], seen: Observation
    ) -> Float[Tensor, "job module"]:
        """Return the expected photo-electrons of each module, noise included."""
        at = _coordinates(leaves, seen.module_m[..., 2])
        light = torch.stack([source.photo_electrons for source in hypothesis.light(self.light, at)]).sum(0)
        expected: Tensor = seen.efficiency * light.unflatten(0, seen.efficiency.shape) + seen.noise
        return expected

    def _log_poisson(
        self, expected: Float[Tensor, "job module"], seen: Observation
    ) -> Float[Tensor, "job module"]:
        """Log of the probability of the counts, of a Poisson or negative binomial distribution."""
        log_mean = seen.count * torch.log(expected)
        if not (self.model_error**2):
            return log_mean - expected
        size = 1.0 / self.model_error**2
        return log_mean - (seen.count + size) * torch.log1p(self.model_error**2 * expected)

    def _arrivals(
        self, hypothesis: Hypothesis, leaves: dict[str, Tensor], seen: Observation, jitter_ns: float
    ) -> "_Arrivals":
        """Return the light that may have caused each pulse."""
        at = _coordinates(leaves, seen.of_pulses(seen.module_m[..., 2]))
        efficiency, noise = (seen.of_pulses(values).flatten() for values in (seen.efficiency, seen.noise))
        since = seen.time_ns.flatten() - leaves["delay_ns"].flatten()
        log_noise, expected, left = torch.log(seen.noise_per_ns.flatten()), noise, seen.later_noise.flatten()
        sources = []
        for light in hypothesis.light(self.light, at):
            number = efficiency * light.photo_electrons
            expected = expected + number
            for part in light.delays():
                share = number * part.share
                delay = (since - light.time_ns, part.shape, part.scale_ns, jitter_ns)
                density = self.pandel(*delay)
                log_rate = torch.log(share + _FAINTEST) + density[0]
                sources.append(_Arrival(light.time_ns, log_rate, *density[1:]))
                if self.survival is not None:
                    left = left + share * torch.exp(self.survival(*delay))
        log_rate = log_noise
        for source in sources:
            log_rate = torch.logaddexp(log_rate, source.log_rate)
        first = None if self.survival is None else _First(seen.later.flatten(), torch.log(left / expected))
        return _Arrivals(
            sources, log_rate, torch.exp(log_noise - log_rate).detach(), log_rate - torch.log(expected), first
        )


@dataclass(frozen=True, slots=True)
class _Arrival:
    """The photo-electrons that a source may have at the times of pulses.

    Attributes:
        time_ns: of direct light, after the time of the sources.
        log_rate: expected rate, 1/ns.
        slope, bend: first and second derivative of its logarithm by the time.
    """

    time_ns: Float[Tensor, "pair"]
    log_rate: Float[Tensor, "pair"]
    slope: Float[Tensor, "pair"]
    bend: Float[Tensor, "pair"]


@dataclass(frozen=True, slots=True)
class _First:
    """That a pulse is the first of its module.

    Attributes:
        later: how many photo-electrons came later.
        log_survival: log (1 − F), F the distribution of the time of a photo-electron.
    """

    later: Float[Tensor, "pair"]
    log_survival: Float[Tensor, "pair"]


@dataclass(frozen=True, slots=True)
class _Arrivals:
    """What may have caused each pulse.

    Attributes:
        sources: the photo-electrons of each source.
        log_rate: expected rate of all sources and of noise, 1/ns.
        noise_share: the part of noise in it.
        log_density: of the time of the pulse, 1/ns.
        first: where only first pulses are used.
    """

    sources: list[_Arrival]
    log_rate: Float[Tensor, "pair"]
    noise_share: Float[Tensor, "pair"]
    log_density: Float[Tensor, "pair"]
    first: _First | None

    def log_probability(self) -> Float[Tensor, "pair"]:
        """Return the logarithm of the density, 1/ns, of the time of the pulse and of all later ones of which no more is known."""
        if self.first is None:
            return self.log_density
        return self.log_density + self.first.later * self.first.log_survival

    def mean_ns(self) -> Float[Tensor, "pair"]:
        """Return the time of direct light of the sources, weighted with the probability that the pulse is theirs."""
        times = [self._share(source) * source.time_ns for source in self.sources]
        return torch.stack(times).sum(0)

    def sharpness(self) -> Float[Tensor, "pair"]:
        """Return minus the second derivative of the log rate by the time, and that of log (1 − F), where they are positive."""
        share = [self._share(source) for source in self.sources]
        mean = sum(part * source.slope for part, source in zip(share, self.sources, strict=True))
        square = sum(
            part * (source.bend + source.slope.square())
            for part, source in zip(share, self.sources, strict=True)
        )
        sharpness = (torch.as_tensor(mean).square() - square).clamp(min=0.0)
        if self.first is None:
            return sharpness
        # d log(1 − F)/dt = −λ with the hazard λ = f/(1 − F), and dλ/dt = λ (d log f/dt + λ).
        hazard = torch.exp(self.log_density - self.first.log_survival).detach()
        return sharpness + self.first.later * (hazard * (mean + hazard)).clamp(min=0.0)

    def _share(self, source: _Arrival) -> Float[Tensor, "pair"]:
        return torch.exp(source.log_rate - self.log_rate).detach()


def _coordinates(leaves: dict[str, Tensor], module_z_m: Float[Tensor, "job point"]) -> Coordinates:
    return Coordinates(**{name: leaves[name].flatten() for name in _LEAVES}, module_z_m=module_z_m.flatten())


def _free(leaves: dict[str, Float[Tensor, "job point"]]) -> dict[str, Float[Tensor, "job point"]]:
    return {name: leaf.detach().contiguous().requires_grad_() for name, leaf in leaves.items()}


def _slopes(
    value: Float[Tensor, "..."], leaves: dict[str, Float[Tensor, "job point"]], retain: bool = False
) -> dict[str, Float[Tensor, "job point"]]:
    """Return the derivatives of a function of each pair by the leaves of the same pair."""
    slopes = torch.autograd.grad(
        value.sum(), list(leaves.values()), allow_unused=True, materialize_grads=True, retain_graph=retain
    )
    return dict(zip(leaves, slopes, strict=True))


def _weighted_sum(
    rows: Float[Tensor, "job point *free"], weight: Float[Tensor, "job point"]
) -> Float[Tensor, "job *free"]:
    weights = weight.reshape(*weight.shape, *[1] * (rows.dim() - 2))
    return (rows * weights).sum(1, dtype=torch.float64)


def _outer(
    rows: Float[Tensor, "job point free"], weight: Float[Tensor, "job point"]
) -> Float[Tensor, "job free free"]:
    weighted = rows * weight[..., None]
    # Sums, since the rounding of a batched matrix product depends on how many jobs there are.
    columns = [(weighted * rows[..., free, None]).sum(1) for free in range(rows.shape[2])]
    return torch.stack(columns, 2).double()


def _log_prior(
    hypothesis: Hypothesis, sources: Sources
) -> tuple[Float[Tensor, "job"], Float[Tensor, "job free"], Float[Tensor, "job free free"]]:
    """Return log density of the free parameters that have a prior, its gradient, and its curvature."""
    value = torch.zeros_like(sources.time_ns)
    gradient = value.new_zeros(len(value), len(hypothesis.moves))
    information = value.new_zeros(len(hypothesis.moves))
    for column, move in enumerate(hypothesis.moves):
        if (name := MOVES[move]) in PRIOR_MEAN:
            pull = (getattr(sources, name) - PRIOR_MEAN[name]) / PRIOR_SIGMA[name]
            value = value - 0.5 * pull.square()
            gradient[:, column] = -pull / PRIOR_SIGMA[name]
            information[column] = PRIOR_SIGMA[name] ** -2
    return value, gradient, torch.diag(information).expand(len(value), -1, -1)

"""What a loss promises: a value per event, a right gradient, and outputs that are decoded to its targets."""

import dataclasses
import math
from typing import Any

import numpy as np
import torch
from torch import Tensor

from icereco.events.posterior import Posterior
from icereco.events.reconstruction import Estimates
from icereco.events.tensors import TruthTensors
from icereco.events.truth import EVENT_KINDS, TARGETS
from icereco.testing.conformance.subject import Subject, require, require_close

_SCALES = (0.0, 1e-6, 1e-3, 1.0, 30.0, 300.0)
_EVENTS = 40
_PROBABILITIES = (0.1, 0.5, 0.9)
_SAMPLES = 2000


def _directions(count: int, dtype: torch.dtype = torch.float32) -> Tensor:
    vectors = torch.randn(count, 3, generator=torch.Generator().manual_seed(9), dtype=torch.float64)
    return torch.nn.functional.normalize(vectors, dim=-1).to(dtype)


def _truth(
    count: int = _EVENTS, dtype: torch.dtype = torch.float32, direction: Tensor | None = None
) -> TruthTensors:
    """Every target of events like those that a telescope sees."""
    generator = torch.Generator().manual_seed(11)

    def uniform(low: float, high: float, *shape: int) -> Tensor:
        numbers = torch.rand(count, *shape, generator=generator, dtype=torch.float64)
        return (low + (high - low) * numbers).to(dtype)

    return TruthTensors(
        direction=_directions(count, dtype) if direction is None else direction,
        energy_gev=10 ** uniform(2, 7),
        kind=torch.randint(len(EVENT_KINDS), (count,), generator=generator),
        vertex_m=uniform(-500, 500, 3),
        inelasticity=uniform(0.05, 0.95),
    )


def _outputs(
    loss: Any, count: int = _EVENTS, scale: float = 1.0, dtype: torch.dtype = torch.float32
) -> Tensor:
    generator = torch.Generator().manual_seed(4)
    numbers: Tensor = torch.randn(count, loss.output_count, generator=generator, dtype=torch.float64)
    return (scale * numbers).to(dtype)


def says_its_targets(subject: Subject) -> None:
    """It names the targets that it needs, and decodes an estimate of each of them."""
    loss = subject.build()
    targets = getattr(loss, "targets", ())
    known = [target for target in targets if target in TARGETS]
    require(
        targets and len(known) == len(targets), f"its targets are {targets!r}; there are {', '.join(TARGETS)}"
    )
    estimates = loss.decode(_outputs(loss))
    require(isinstance(estimates, Estimates), f"it decodes to {type(estimates).__name__}, not to Estimates")
    for target in targets:
        field = "kind_probability" if target == "kind" else target
        require(getattr(estimates, field) is not None, f"it needs the {target}, and decodes no {field}")


def finite_everywhere(subject: Subject) -> None:
    """One finite value per event and a finite gradient for outputs of any size, at the truth and at its antipode too."""
    loss = subject.build()
    for scale in _SCALES:
        outputs = _outputs(loss, scale=scale).requires_grad_()
        decoded = loss.decode(outputs.detach()).direction
        opposite = None if decoded is None else -decoded
        for name, direction in (("any", None), ("its own", decoded), ("the opposite", opposite)):
            values = loss(outputs, _truth(direction=direction))
            where = f"for outputs of size {scale:g} and {name} direction as truth"
            require(
                values.shape == (_EVENTS,), f"{_EVENTS} events gave values of shape {tuple(values.shape)}"
            )
            require(values.isfinite().all(), f"the loss is not finite {where}")
            (gradient,) = torch.autograd.grad(values.sum(), outputs)
            require(gradient.isfinite().all(), f"the gradient is not finite {where}")


def gradient_is_right(subject: Subject) -> None:
    """The gradient is that of finite differences, in float64."""
    loss = subject.build().double()
    outputs = _outputs(loss, dtype=torch.float64).requires_grad_()
    truth = _truth(dtype=torch.float64)
    # In random directions: one by one, hundreds of outputs would take minutes.
    right = torch.autograd.gradcheck(
        lambda one: loss(one, truth), (outputs,), eps=1e-6, atol=1e-5, raise_exception=False, fast_mode=True
    )
    require(right, "the gradient is not that of finite differences")


def events_do_not_leak(subject: Subject) -> None:
    """The loss of an event depends on nothing but its own outputs and truth."""
    loss = subject.build()
    outputs, truth = _outputs(loss), _truth()
    alone = [loss(outputs[i : i + 1], truth.take(torch.arange(_EVENTS) == i)) for i in range(5)]
    require_close(
        torch.cat(alone), loss(outputs, truth)[:5], "the loss of an event alone differs from that in a batch"
    )


def decodes_within_range(subject: Subject) -> None:
    """Outputs of any size are decoded to unit vectors, positive energies, probabilities, and numbers that are finite."""
    loss = subject.build()
    for scale in (0.0, 1e-20, 1.0, 30.0):
        estimates, where = loss.decode(_outputs(loss, scale=scale)), f"for outputs of size {scale:g}"
        if estimates.direction is not None:
            _require_directions(estimates, where)
        _require_numbers(estimates, where)


def _require_directions(estimates: Estimates, where: str) -> None:
    direction = estimates.direction
    assert direction is not None
    require(direction.shape == (_EVENTS, 3), f"directions of shape {tuple(direction.shape)}")
    require_close(direction.norm(dim=-1), torch.ones(_EVENTS), f"directions are not unit vectors {where}")
    if isinstance(estimates.posterior, Posterior):
        kappa = estimates.posterior.kappa
        good = np.isfinite(kappa) & (kappa >= 0)
        require(kappa.shape == (_EVENTS,) and good.all(), f"kappa is negative or not finite {where}")


def _require_numbers(estimates: Estimates, where: str) -> None:
    for name in ("energy_gev", "energy_log10_sigma", "inelasticity_sigma"):
        if (values := getattr(estimates, name)) is not None:
            good = values.isfinite() & (values > 0)
            require(
                values.shape == (_EVENTS,) and bool(good.all()), f"{name} is not positive and finite {where}"
            )
    _require_interval(estimates, where)
    _require_vertex(estimates, where)
    if (probability := estimates.kind_probability) is not None:
        require(
            probability.shape == (_EVENTS, len(EVENT_KINDS)) and bool((probability >= 0).all()),
            "there is one probability for each kind of event, not below zero",
        )
        require_close(
            probability.sum(-1), torch.ones(_EVENTS), f"probabilities of kinds do not sum to one {where}"
        )
    if (part := estimates.inelasticity) is not None:
        require(
            part.shape == (_EVENTS,) and bool(((part > 0) & (part < 1)).all()),
            f"an inelasticity is not between 0 and 1 {where}",
        )


def _require_interval(estimates: Estimates, where: str) -> None:
    if (interval := estimates.energy_interval_gev) is None:
        return
    require(
        interval.shape == (_EVENTS, 2) and bool(interval.isfinite().all()),
        f"an interval of the energy is not finite {where}",
    )
    energy = estimates.energy_gev
    require(energy is not None, "it decodes an interval of the energy without the energy")
    assert energy is not None
    around = (interval[:, 0] > 0) & (interval[:, 0] <= energy) & (energy <= interval[:, 1])
    require(bool(around.all()), f"an interval of the energy is not around the energy {where}")


def _require_vertex(estimates: Estimates, where: str) -> None:
    vertex, covariance = estimates.vertex_m, estimates.vertex_covariance_m2
    if vertex is not None:
        require(
            vertex.shape == (_EVENTS, 3) and bool(vertex.isfinite().all()), f"a vertex is not finite {where}"
        )
    if covariance is not None:
        require(
            covariance.shape == (_EVENTS, 3, 3) and bool(covariance.isfinite().all()),
            f"a covariance of the vertex is not finite {where}",
        )
        asymmetry = (covariance - covariance.mT).abs().amax((1, 2)) / covariance.abs().amax((1, 2))
        require(bool((asymmetry < 1e-6).all()), f"a covariance is not symmetric {where}")
        positive = torch.linalg.eigvalsh(covariance.double()) > 0
        require(bool(positive.all()), f"a covariance is not positive definite {where}")


def is_a_density(subject: Subject) -> None:
    """exp(−loss) is a density of its target: it integrates to one for any outputs, per steradian, decade of energy, m³ or kind."""
    loss = subject.build().double()
    for scale in (0.0, 0.5, 2.0):
        for outputs in _outputs(loss, 4, scale, torch.float64).split(1):
            truth, weights = _grid(loss, outputs)
            values = loss(outputs.expand(len(weights), -1), truth)
            total = float((torch.exp(-values) * weights).sum())
            require(
                abs(total - 1) < 1e-2,
                f"the density for outputs of size {scale:g} integrates to {total:.4f}, not 1",
            )


def _grid(loss: Any, outputs: Tensor) -> tuple[TruthTensors, Tensor]:
    """True values all over the range of a target, and the measure of each."""
    columns: dict[str, Tensor] = {}
    match loss.targets:
        case ("energy_gev",):  # per decade, as densities of energies are
            decades, measure = _steps(-60, 70, 40_001)
            columns["energy_gev"] = 10**decades
        case ("inelasticity",):
            logit, step = _steps(-30, 30, 4_001)
            columns["inelasticity"] = part = logit.sigmoid()
            measure = step * part * (1 - part)
        case ("kind",):
            columns["kind"] = torch.arange(len(EVENT_KINDS))
            measure = torch.ones(len(EVENT_KINDS)).double()
        case ("vertex_m",):
            columns["vertex_m"], measure = _ellipsoid(loss.decode(outputs))
        case _:
            directions, measure = _sphere()
            return TruthTensors(direction=directions), measure
    nowhere: Any = {"direction": torch.zeros(len(measure), 3).double()}
    return TruthTensors(**nowhere | columns), measure


def _steps(low: float, high: float, count: int) -> tuple[Tensor, Tensor]:
    """Equal steps, and the length of each."""
    places = torch.linspace(low, high, count, dtype=torch.float64)
    return places, torch.full_like(places, float(places[1] - places[0]))


def _ellipsoid(estimates: Estimates) -> tuple[Tensor, Tensor]:
    """Places within 10 sigmas of one vertex, or 5 km where the loss says no covariance, and the volume of each."""
    assert estimates.vertex_m is not None
    covariance = estimates.vertex_covariance_m2
    axes = (
        500 * torch.eye(3).double() if covariance is None else torch.linalg.cholesky(covariance[0].double())
    )
    steps, length = _steps(-10, 10, 81)
    places = torch.cartesian_prod(steps, steps, steps) @ axes.mT + estimates.vertex_m.double()
    return places, (length[0] ** 3 * axes.det()).expand(len(places))


def _sphere(rings: int = 96, around: int = 192) -> tuple[Tensor, Tensor]:
    """Directions and the solid angle of each: Gauss-Legendre in the cosine of the zenith, equal steps in azimuth."""
    cosine, weight = np.polynomial.legendre.leggauss(rings)
    azimuth = (np.arange(around) + 0.5) * (2 * np.pi / around)
    sine = np.sqrt(1 - cosine**2)[:, None]
    vectors = np.stack(
        np.broadcast_arrays(sine * np.cos(azimuth), sine * np.sin(azimuth), cosine[:, None]), axis=-1
    )
    solid_angle = np.repeat(weight * 2 * np.pi / around, around)
    return torch.from_numpy(vectors.reshape(-1, 3)), torch.from_numpy(solid_angle)


def posterior_is_a_density(subject: Subject) -> None:
    """The posterior integrates to one over the sphere, and its mode is where it is highest."""
    loss = subject.build()
    directions, weights = (part.numpy() for part in _sphere())
    for scale in (0.0, 1.0, 3.0):
        posterior = loss.decode(_outputs(loss, 4, scale)).posterior
        if posterior is None:
            return
        height = posterior.log_density(np.broadcast_to(directions, (4, *directions.shape)))
        total = (np.exp(height) * weights).sum(1)
        require(
            bool((np.abs(total - 1) < 1e-2).all()),
            f"the posterior for outputs of size {scale:g} integrates to {total.min():.4f}, not 1",
        )
        top = posterior.log_density(posterior.mode[:, None])[:, 0]
        require(
            bool((top >= height.max(1) - 1e-3).all()), "the posterior is higher elsewhere than at its mode"
        )


def contours_hold_what_they_say(subject: Subject) -> None:
    """Of samples of the posterior as many lie inside a contour as its probability says."""
    loss = subject.build()
    posterior = loss.decode(_outputs(loss, 8)).posterior
    if posterior is None:
        return
    samples = posterior.sample(_SAMPLES, seed=2)
    height = posterior.log_density(samples)
    content = np.stack([posterior.content(samples[:, i]) for i in range(200)])
    for probability in _PROBABILITIES:
        inside = (height > posterior.contour_level(probability)[:, None]).mean()
        require(
            abs(inside - probability) < 0.02,
            f"the contour of {probability:.0%} holds {inside:.1%} of its samples",
        )
        reached = (content <= probability).mean()
        require(
            abs(reached - probability) < 0.05,
            f"{reached:.1%} of its samples lie within the content of {probability:.0%}",
        )


def learns_the_truth(subject: Subject) -> None:
    """Outputs that follow the gradient are decoded to the truth: directions to 10°, energies to a quarter decade, vertices to 50 m."""
    loss = subject.build()
    truth, outputs = _truth(32), _outputs(loss, 32).requires_grad_()
    optimizer = torch.optim.Adam([outputs], lr=0.1)
    for _ in range(300):
        optimizer.zero_grad()
        loss(outputs, truth).mean().backward()
        optimizer.step()
    estimates = loss.decode(outputs.detach())
    if estimates.direction is not None:
        _require_learned_direction(estimates.direction, truth.direction)
    for what, (apart, most) in _distances(estimates, truth).items():
        require(
            apart < most,
            f"after 300 steps along the gradient {what} is {apart:.2g} from the truth, not {most:g}",
        )


def _distances(estimates: Estimates, truth: TruthTensors) -> dict[str, tuple[float, float]]:
    """How far what is estimated besides the direction is from the truth at most, and how far it may be."""
    pairs: dict[str, tuple[Tensor, Tensor, float]] = {}
    if estimates.energy_gev is not None and truth.energy_gev is not None:
        pairs["a logarithm of the energy"] = estimates.energy_gev.log10(), truth.energy_gev.log10(), 0.25
    if estimates.vertex_m is not None and truth.vertex_m is not None:
        pairs["a coordinate of the vertex"] = estimates.vertex_m, truth.vertex_m, 50.0
    if estimates.kind_probability is not None and truth.kind is not None:
        certain = torch.nn.functional.one_hot(truth.kind, len(EVENT_KINDS))
        pairs["the probability of a kind"] = estimates.kind_probability, certain, 0.1
    if estimates.inelasticity is not None and truth.inelasticity is not None:
        pairs["an inelasticity"] = estimates.inelasticity, truth.inelasticity, 0.1
    return {what: (float((one - other).abs().max()), most) for what, (one, other, most) in pairs.items()}


def _require_learned_direction(direction: Tensor, truth: Tensor) -> None:
    cross = torch.linalg.cross(direction, truth).norm(dim=-1)
    largest = math.degrees(float(torch.atan2(cross, (direction * truth).sum(-1)).max()))
    require(
        largest < 10,
        f"after 300 steps along the gradient a decoded direction is {largest:.0f}° from the truth",
    )


def half_precision(subject: Subject) -> None:
    """Outputs in bfloat16 give a loss in float32, and estimates no coarser: in bfloat16 directions are 0.2° apart."""
    loss = subject.build()
    outputs, truth = _outputs(loss).bfloat16(), _truth()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        values, estimates = loss(outputs, truth), loss.decode(outputs)
    columns = [getattr(estimates, field.name) for field in dataclasses.fields(estimates)]
    narrow = {column.dtype for column in columns if isinstance(column, Tensor)} & {
        torch.bfloat16,
        torch.float16,
    }
    require(
        values.dtype == torch.float32 and not narrow,
        f"bfloat16 outputs gave a loss in {values.dtype} and estimates in {', '.join(map(str, narrow)) or 'full precision'}",
    )
    require_close(values, loss(outputs.float(), truth), "under autocast the loss of the same outputs differs")


PROMISES = (
    says_its_targets,
    finite_everywhere,
    gradient_is_right,
    events_do_not_leak,
    decodes_within_range,
    is_a_density,
    posterior_is_a_density,
    contours_hold_what_they_say,
    learns_the_truth,
    half_precision,
)

WAIVABLE = ("is-a-density",)

"""What a loss promises: a value per event, a right gradient, and outputs that are decoded to its targets."""

import math
from typing import Any

import numpy as np
import torch
from torch import Tensor

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
    if estimates.posterior is not None:
        kappa = estimates.posterior.kappa
        good = np.isfinite(kappa) & (kappa >= 0)
        require(kappa.shape == (_EVENTS,) and good.all(), f"kappa is negative or not finite {where}")


def _require_numbers(estimates: Estimates, where: str) -> None:
    for name in ("energy_gev", "energy_log10_sigma"):
        if (values := getattr(estimates, name)) is not None:
            good = values.isfinite() & (values > 0)
            require(
                values.shape == (_EVENTS,) and bool(good.all()), f"{name} is not positive and finite {where}"
            )
    if (vertex := estimates.vertex_m) is not None:
        require(
            vertex.shape == (_EVENTS, 3) and bool(vertex.isfinite().all()), f"a vertex is not finite {where}"
        )
    if (probability := estimates.kind_probability) is not None:
        require(
            probability.shape == (_EVENTS, len(EVENT_KINDS)),
            "there is one probability for each kind of event",
        )
        require_close(
            probability.sum(-1), torch.ones(_EVENTS), f"probabilities of kinds do not sum to one {where}"
        )
    if (part := estimates.inelasticity) is not None:
        require(bool(((part >= 0) & (part <= 1)).all()), f"an inelasticity is outside 0 to 1 {where}")


def is_a_density(subject: Subject) -> None:
    """exp(−loss) is a density of its target: its integral (over the sphere: per steradian) is one, for any outputs."""
    loss = subject.build().double()
    truth, weights = _grid(loss.targets)
    for scale in (0.0, 0.5, 2.0):
        for outputs in _outputs(loss, 4, scale, torch.float64):
            values = loss(outputs.expand(len(weights), -1), truth)
            total = float((torch.exp(-values) * weights).sum())
            require(
                abs(total - 1) < 1e-2,
                f"the density for outputs of size {scale:g} integrates to {total:.4f}, not 1",
            )


def _grid(targets: tuple[str, ...]) -> tuple[TruthTensors, Tensor]:
    """True values all over the range of a target, and the measure of each."""
    if targets == ("energy_gev",):  # per decade, as densities of energies are
        decades = torch.linspace(-60, 70, 40_001, dtype=torch.float64)
        measure = torch.full_like(decades, float(decades[1] - decades[0]))
        return TruthTensors(direction=torch.zeros(len(decades), 3).double(), energy_gev=10**decades), measure
    directions, measure = _sphere()
    return TruthTensors(direction=directions), measure


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
    """Outputs that follow the gradient are decoded to the truth: directions to 10 degrees, energies to a quarter decade."""
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
    if estimates.energy_gev is not None and truth.energy_gev is not None:
        apart = float((estimates.energy_gev.log10() - truth.energy_gev.log10()).abs().max())
        require(
            apart < 0.25,
            f"after 300 steps along the gradient an energy is {apart:.2f} decades from the truth",
        )


def _require_learned_direction(direction: Tensor, truth: Tensor) -> None:
    cross = torch.linalg.cross(direction, truth).norm(dim=-1)
    largest = math.degrees(float(torch.atan2(cross, (direction * truth).sum(-1)).max()))
    require(
        largest < 10,
        f"after 300 steps along the gradient a decoded direction is {largest:.0f}° from the truth",
    )


def half_precision(subject: Subject) -> None:
    """Outputs in bfloat16 give a loss and estimates in float32: in bfloat16 directions are 0.2° apart."""
    loss = subject.build()
    outputs, truth = _outputs(loss).bfloat16(), _truth()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        values, estimates = loss(outputs, truth), loss.decode(outputs)
    decoded = estimates.direction if estimates.direction is not None else estimates.energy_gev
    dtype = torch.float32 if decoded is None else decoded.dtype
    require(
        values.dtype == dtype == torch.float32,
        f"bfloat16 outputs gave a loss in {values.dtype} and estimates in {dtype}",
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

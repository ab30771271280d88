"""What a loss promises: a value per event, a right gradient, and outputs that are decoded to directions."""

import math
from typing import Any

import numpy as np
import torch
from torch import Tensor

from icereco.testing.conformance.subject import Subject, require, require_close

_SCALES = (0.0, 1e-6, 1e-3, 1.0, 30.0, 300.0)
_EVENTS = 40


def _directions(count: int, dtype: torch.dtype = torch.float32) -> Tensor:
    vectors = torch.randn(count, 3, generator=torch.Generator().manual_seed(9), dtype=torch.float64)
    return torch.nn.functional.normalize(vectors, dim=-1).to(dtype)


def _outputs(
    loss: Any, count: int = _EVENTS, scale: float = 1.0, dtype: torch.dtype = torch.float32
) -> Tensor:
    generator = torch.Generator().manual_seed(4)
    numbers: Tensor = torch.randn(count, loss.output_count, generator=generator, dtype=torch.float64)
    return (scale * numbers).to(dtype)


def finite_everywhere(subject: Subject) -> None:
    """One finite value per event and a finite gradient for outputs of any size, at the truth and at its antipode too."""
    loss = subject.build()
    for scale in _SCALES:
        outputs = _outputs(loss, scale=scale).requires_grad_()
        decoded = loss.decode(outputs.detach()).direction
        for name, truth in (("any", _directions(_EVENTS)), ("its own", decoded), ("the opposite", -decoded)):
            values = loss(outputs, truth)
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
    truth = _directions(_EVENTS, torch.float64)
    # In random directions: one by one, hundreds of outputs would take minutes.
    right = torch.autograd.gradcheck(
        lambda one: loss(one, truth), (outputs,), eps=1e-6, atol=1e-5, raise_exception=False, fast_mode=True
    )
    require(right, "the gradient is not that of finite differences")


def events_do_not_leak(subject: Subject) -> None:
    """The loss of an event depends on nothing but its own outputs and truth."""
    loss = subject.build()
    outputs, truth = _outputs(loss), _directions(_EVENTS)
    alone = torch.cat([loss(outputs[i : i + 1], truth[i : i + 1]) for i in range(5)])
    require_close(alone, loss(outputs, truth)[:5], "an event has another loss alone than in a batch")


def decode_gives_unit_vectors(subject: Subject) -> None:
    """Outputs of any size are decoded to unit vectors and, where there is a kappa, one that is finite and not negative."""
    loss = subject.build()
    for scale in (0.0, 1e-20, 1.0, 1e4):
        decoded = loss.decode(_outputs(loss, scale=scale))
        require(
            decoded.direction.shape == (_EVENTS, 3), f"directions of shape {tuple(decoded.direction.shape)}"
        )
        length = decoded.direction.norm(dim=-1)
        require_close(
            length, torch.ones(_EVENTS), f"outputs of size {scale:g} are not decoded to unit vectors"
        )
        if decoded.kappa is not None:
            good = decoded.kappa.isfinite() & (decoded.kappa >= 0)
            require(
                decoded.kappa.shape == (_EVENTS,) and good.all(),
                f"kappa is not right for outputs of size {scale:g}",
            )


def is_a_density(subject: Subject) -> None:
    """exp(−loss) is a density per steradian: its integral over the sphere is one, for any outputs."""
    loss = subject.build().double()
    directions, weights = _sphere()
    for scale in (0.0, 0.5, 2.0):
        for outputs in _outputs(loss, 4, scale, torch.float64):
            values = loss(outputs.expand(len(directions), -1), directions)
            total = float((torch.exp(-values) * weights).sum())
            require(
                abs(total - 1) < 1e-2,
                f"the density for outputs of size {scale:g} integrates to {total:.4f}, not 1",
            )


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


def learns_the_truth(subject: Subject) -> None:
    """Outputs that follow the gradient are decoded to the true direction, to 10 degrees."""
    loss = subject.build()
    truth, outputs = _directions(32), _outputs(loss, 32).requires_grad_()
    optimizer = torch.optim.Adam([outputs], lr=0.1)
    for _ in range(300):
        optimizer.zero_grad()
        loss(outputs, truth).mean().backward()
        optimizer.step()
    found = loss.decode(outputs.detach()).direction
    angle = torch.atan2(torch.linalg.cross(found, truth).norm(dim=-1), (found * truth).sum(-1))
    largest = math.degrees(float(angle.max()))
    require(
        largest < 10,
        f"after 300 steps along the gradient a decoded direction is {largest:.0f}° from the truth",
    )


def half_precision(subject: Subject) -> None:
    """Outputs in bfloat16 give a loss and directions in float32: in bfloat16 directions are 0.2° apart."""
    loss = subject.build()
    outputs, truth = _outputs(loss).bfloat16(), _directions(_EVENTS)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        values, decoded = loss(outputs, truth), loss.decode(outputs)
    require(
        values.dtype == decoded.direction.dtype == torch.float32,
        f"bfloat16 outputs gave a loss in {values.dtype} and directions in {decoded.direction.dtype}",
    )
    require_close(
        values, loss(outputs.float(), truth), "under autocast the loss of the same outputs is another"
    )


PROMISES = (
    finite_everywhere,
    gradient_is_right,
    events_do_not_leak,
    decode_gives_unit_vectors,
    is_a_density,
    learns_the_truth,
    half_precision,
)

WAIVABLE = ("is-a-density",)

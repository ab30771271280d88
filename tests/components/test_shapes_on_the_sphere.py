"""Ellipses and flows: densities of any sharpness, with gradients, samples, contours and mixtures that belong to them."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from icereco_losses.flow import Boost, Stretch, Turn, Twist
from icereco_losses.kent import SHAPES
from icereco_losses.kent_integral import log_integral
from icereco_losses.sphere import unit
from icereco_losses.spline import count, spline

from icereco.events.posterior import Posterior
from icereco.events.tensors import TruthTensors
from icereco.physics.healpix import area_sr, centres, parts
from icereco.physics.sphere import opening_angle
from icereco.plugins.discovery import registry

LOSSES = ("kent", "spherical-flow")
SIZES = (0.0, 0.3, 1.0, 3.0, 30.0, 1000.0)
"""Of the directional outputs: from no knowledge to a peak of less than 0.1°."""


def build(name, **options):
    component = registry().get("loss", name)
    return component.load_factory()(component.load_options()(**options))


def directions(number, seed=0):
    vectors = np.random.default_rng(seed).normal(size=(number, 3))
    return torch.from_numpy(vectors / np.linalg.norm(vectors, axis=-1, keepdims=True))


def outputs_of(loss, size, events=6, shape=2.0, seed=1):
    """Outputs in float64 with directional parts of one length, and other parts of a typical size."""
    numbers = shape * torch.from_numpy(np.random.default_rng(seed).normal(size=(events, loss.output_count)))
    numbers[:, :3] = size * directions(events, seed)
    return numbers


def sky_around(direction, orders=15):
    """HEALPix pixels of the whole sky, ever smaller towards a direction, and their solid angles."""
    pixel, centre, area = np.arange(12 * 4**5), [], []
    for order in range(5, orders):
        place = centres(np.full(len(pixel), order), pixel)
        near = opening_angle(place, direction) < 20 * np.sqrt(area_sr(np.array([order])))
        near &= order < orders - 1
        centre.append(place[~near])
        area.append(area_sr(np.full(int((~near).sum()), order)))
        pixel = parts(pixel[near]).ravel()
    return np.concatenate(centre), np.concatenate(area)


@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.parametrize("size", SIZES)
def test_a_density_of_any_sharpness_integrates_to_one(name, size):
    loss = build(name)
    outputs = outputs_of(loss, size, events=3)
    posterior = loss.decode(outputs).posterior
    for row in range(3):
        place, area = sky_around(posterior.mode[row])
        truth = TruthTensors(direction=torch.from_numpy(place))
        density = torch.exp(-loss(outputs[row].expand(len(place), -1), truth)).numpy()
        assert (density * area).sum() == pytest.approx(1, abs=2e-3)
        same = posterior.log_density(np.broadcast_to(place, (3, *place.shape)))[row]
        np.testing.assert_allclose(np.exp(same), density, rtol=1e-6)


@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.parametrize("size", SIZES[1:])
def test_gradients_are_those_of_finite_differences(name, size):
    loss = build(name).double()
    outputs = outputs_of(loss, size, events=2)
    truth = TruthTensors(
        direction=torch.nn.functional.normalize(outputs[:, :3] + directions(2, seed=8), dim=-1)
    )
    step = 1e-6 * max(size, 1)
    assert torch.autograd.gradcheck(
        lambda numbers: loss(numbers, truth), (outputs.requires_grad_(),), eps=step, atol=1e-5, rtol=1e-3
    )


@pytest.mark.parametrize("name", LOSSES)
def test_without_knowledge_the_loss_is_that_of_the_whole_sky(name):
    loss = build(name)
    values = loss(torch.zeros(5, loss.output_count), TruthTensors(direction=directions(5).float()))
    torch.testing.assert_close(values, torch.full((5,), math.log(4 * math.pi)))


@pytest.mark.parametrize("name", LOSSES)
@given(data=st.data())
def test_the_loss_and_its_gradient_are_finite_for_any_outputs(name, data):
    loss = build(name)
    number = st.floats(width=32, allow_nan=False, allow_infinity=False)
    outputs = torch.from_numpy(data.draw(arrays(np.float32, (1, loss.output_count), elements=number)))
    direction = directions(1, data.draw(st.integers(0, 100))).float()
    for truth in (direction, unit(outputs[:, :3].double()).float()):
        value = loss(outputs.requires_grad_(), TruthTensors(direction=truth))
        (gradient,) = torch.autograd.grad(value.sum(), outputs)
        assert value.isfinite().all()
        assert gradient.isfinite().all()


@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.parametrize("size", [0.3, 3.0, 1000.0])
def test_float32_has_the_values_of_float64(name, size):
    loss = build(name)
    outputs = outputs_of(loss, size, events=200).float()
    sigma = 1 / max(size, 1)
    truth = torch.nn.functional.normalize(
        outputs[:, :3] / size + sigma * directions(200, seed=5), dim=-1
    ).float()
    exact = loss(outputs.double(), TruthTensors(direction=truth.double()))
    torch.testing.assert_close(
        loss(outputs, TruthTensors(direction=truth)).double(), exact, rtol=1e-3, atol=2e-3
    )


@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.parametrize("size", [0.3, 3.0, 1000.0])
def test_samples_follow_the_density_and_contours_hold_them(name, size):
    loss = build(name)
    posterior = loss.decode(outputs_of(loss, size)).posterior
    assert isinstance(posterior, Posterior)
    samples = posterior.sample(4_000, seed=2)
    assert np.linalg.norm(samples, axis=-1) == pytest.approx(1)
    height = posterior.log_density(samples)
    for probability in (0.1, 0.5, 0.9):
        inside = (height > posterior.contour_level(probability)[:, None]).mean()
        assert inside == pytest.approx(probability, abs=0.012)
    # The mean of 1/p over samples is the area in which p is not zero: of all samples above a level, that of the contour.
    place, area = sky_around(posterior.mode[0])
    grid = posterior.log_density(np.broadcast_to(place, (len(posterior), *place.shape)))[0]
    level = posterior.contour_level(0.9)[0]
    inside = np.where(height[0] > level, np.exp(-height[0]), 0).mean()
    assert inside == pytest.approx(area[grid > level].sum(), rel=0.1)


@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.parametrize("size", [0.3, 3.0, 1000.0])
def test_the_content_of_true_directions_is_uniform(name, size):
    loss = build(name)
    posterior = loss.decode(outputs_of(loss, size, events=1_500)).posterior
    for density, tolerance in ((posterior, 0.035), (posterior.as_mixture(), 0.045)):
        content = density.content(posterior.sample(1, seed=5)[:, 0])
        for probability in (0.1, 0.5, 0.9):
            assert np.mean(content <= probability) == pytest.approx(probability, abs=tolerance)


@pytest.mark.parametrize(("name", "most"), [("kent", 0.03), ("spherical-flow", 0.1)])
@pytest.mark.parametrize("size", [0.3, 3.0, 1000.0])
def test_the_mixture_in_files_is_nearly_the_density(name, most, size):
    loss = build(name)
    posterior = loss.decode(outputs_of(loss, size, events=100)).posterior
    samples = posterior.sample(300, seed=4)
    lost = (posterior.log_density(samples) - posterior.as_mixture().log_density(samples)).mean(1)
    assert np.median(lost) < 0.03
    assert lost.mean() < most
    ratio = (posterior.as_mixture().kappa + 0.1) / (posterior.kappa + 0.1)
    assert np.median(ratio) == pytest.approx(1, abs=0.5)


@pytest.mark.parametrize("name", LOSSES)
def test_company_changes_nothing(name):
    loss = build(name)
    outputs = outputs_of(loss, 3.0)
    posterior = loss.decode(outputs).posterior
    alone = [loss.decode(outputs[[row]]).posterior for row in range(len(outputs))]
    np.testing.assert_allclose(np.concatenate([one.mode for one in alone]), posterior.mode, atol=1e-6)
    levels = np.concatenate([one.contour_level(0.9) for one in alone])
    np.testing.assert_allclose(levels, posterior.contour_level(0.9), atol=1e-4)
    assert len(loss.decode(outputs[:0]).posterior.as_mixture()) == 0


@pytest.mark.parametrize("decode", ["mode", "mean"])
def test_the_direction_of_a_flow_moves_with_its_outputs(decode):
    loss = build("spherical-flow", decode=decode).double()
    outputs = outputs_of(loss, 3.0, shape=0.5).requires_grad_()
    decoded = loss.decode(outputs).direction
    (gradient,) = torch.autograd.grad((decoded * directions(6, seed=3)).sum(), outputs)
    step = 1e-2 * gradient / gradient.norm()
    further = loss.decode((outputs + step).detach()).direction
    assert float(((further - decoded.detach()) * directions(6, seed=3)).sum()) > 0


@pytest.mark.parametrize("size", [0.5, 5.0, 500.0])
def test_rotating_the_outputs_of_an_ellipse_rotates_the_density(size):
    loss = build("kent").double()
    outputs, truth = outputs_of(loss, size, 20), directions(20, seed=7)
    rotation = torch.linalg.qr(directions(3, seed=6)).Q
    rotation = rotation * torch.linalg.det(rotation)
    tensor = (outputs[:, 3:, None, None] * SHAPES).sum(1)
    numbers = ((rotation @ tensor @ rotation.T)[:, None] * SHAPES).sum((2, 3))
    turned = torch.cat([outputs[:, :3] @ rotation.T, numbers], 1)
    torch.testing.assert_close(
        loss(turned, TruthTensors(direction=truth @ rotation.T)), loss(outputs, TruthTensors(direction=truth))
    )


@pytest.mark.parametrize("ratio", [0.0, 0.5, 0.9, 0.98])
def test_the_integral_of_an_ellipse_has_its_known_limits(ratio):
    kappa = torch.tensor([1e-9, 1e8], dtype=torch.float64)
    value = log_integral(kappa, ratio * kappa / 2).exp()
    assert float(value[0]) == pytest.approx(2, rel=1e-6)
    # A Gaussian in the plane: the product of its standard deviations (Kent 1982, eq. 3.5).
    assert float(value[1] * kappa[1]) == pytest.approx((1 - ratio**2) ** -0.5, rel=1e-5)


@pytest.mark.parametrize("ratio", [1.0, 3.0, 9.0])
def test_an_ellipse_has_the_widths_that_its_outputs_say(ratio):
    loss = build("kent")
    outputs = torch.zeros(1, 8, dtype=torch.float64)
    outputs[0, 2] = 1000.0
    e = (ratio - 1 / ratio) / 2  # ratio = e^asinh(e), of the widths
    wanted = e * math.sqrt(2) / math.sqrt(1 - 2 * e**2 / 49)  # what the bound on the norm of S leaves as √2 e
    outputs[0, 3] = wanted
    samples = loss.decode(outputs).posterior.sample(50_000)[0]
    kappa = 1000 + 1000**2
    assert samples[:, 0].std() == pytest.approx(math.sqrt(ratio / kappa), rel=0.02)
    assert samples[:, 1].std() == pytest.approx(math.sqrt(1 / ratio / kappa), rel=0.02)


def layers(events=5, seed=3):
    random = np.random.default_rng(seed)

    def numbers(*shape):
        return torch.from_numpy(random.normal(size=(events, *shape)))

    axis = directions(events, seed)
    return {
        "a fast boost": Boost(100 * axis),
        "a slow boost": Boost(0.01 * axis),
        "a turn": Turn(numbers(3)),
        "a stretch": Stretch(axis, spline(numbers(1, count(6)), 3.0)),
        "a twist": Twist(numbers(2, count(6) - 1), 3.0),
    }


@pytest.mark.parametrize(("kind", "layer"), layers().items())
def test_a_layer_knows_its_inverse_and_how_areas_grow(kind, layer):
    points = directions(35, seed=2).reshape(5, 7, 3)
    there, grown = layer.forward(points)
    back, shrunk = layer.inverse(there)
    torch.testing.assert_close(back, points, rtol=0, atol=1e-10)
    torch.testing.assert_close(shrunk, -grown, rtol=0, atol=1e-8)
    first = torch.nn.functional.normalize(
        torch.linalg.cross(points, directions(35, seed=4).reshape(5, 7, 3)), dim=-1
    )
    moves = []
    for side in (first, torch.linalg.cross(points, first)):
        ends = [torch.nn.functional.normalize(points + step * side, dim=-1) for step in (1e-6, -1e-6)]
        moves.append((layer.forward(ends[0])[0] - layer.forward(ends[1])[0]) / 2e-6)
    area = torch.linalg.cross(*moves).norm(dim=-1)
    torch.testing.assert_close(area.log(), grown, rtol=0, atol=1e-5)


@pytest.mark.parametrize(("kind", "layer"), layers().items())
def test_a_layer_has_no_seam_at_its_poles_or_at_azimuth_zero(kind, layer):
    seams = torch.tensor([[0.0, 0, 1], [0, 0, -1], [1, 0, 0], [0.6, 0, 0.8]], dtype=torch.float64)
    around = directions(8, seed=1)
    for seam in seams:
        near = torch.nn.functional.normalize(seam + 1e-7 * around, dim=-1)[None].expand(5, -1, -1)
        there, grown = layer.forward(near)
        assert (there - there[:, :1]).abs().max() < 1e-3
        assert (grown - grown[:, :1]).abs().max() < 1e-3

import math

import numpy as np
import pytest
import torch
from icereco_losses.angular import AngularLoss
from icereco_losses.options import AngularOptions, VonMisesFisherOptions
from icereco_losses.vmf import VonMisesFisherLoss, negative_log_density

from icereco.events.tensors import TruthTensors
from icereco.plugins.discovery import registry

LOSSES = [name for name in registry().names("loss") if name != "masked-modules"]  # which needs no truth
KAPPAS = [1e-6, 1e-3, 0.1, 0.499999, 0.500001, 1.0, 10.0, 1e3, 1e5]


SMALL = {"sphere-bins": {"cells_per_side": 3, "smoothing_deg": 15}}


def build(name):
    component = registry().get("loss", name)
    return component.load_factory()(component.load_options()(**SMALL.get(name, {})))


def random_directions(count, seed=0, dtype=torch.float32):
    generator = torch.Generator().manual_seed(seed)
    vectors = torch.randn(count, 3, generator=generator, dtype=torch.float64)
    return (vectors / vectors.norm(dim=-1, keepdim=True)).to(dtype)


def tilted(direction, angle):
    """Unit vectors at `angle` rad from `direction`, float64."""
    helper = random_directions(len(direction), seed=9, dtype=torch.float64)
    across = torch.linalg.cross(direction.double(), helper)
    across /= across.norm(dim=-1, keepdim=True)
    return math.cos(angle) * direction.double() + math.sin(angle) * across


def mean_cosine(kappa):
    """A(κ) = coth κ − 1/κ in float64, by its series where the difference cancels."""
    return (
        kappa / 3 - kappa**3 / 45 + 2 * kappa**5 / 945 if kappa < 0.05 else 1 / math.tanh(kappa) - 1 / kappa
    )


def log_normalisation(kappa):
    """−log C₃ in float64."""
    if kappa < 1e-4:
        return math.log(4 * math.pi) + kappa**2 / 6 - kappa
    return -(math.log(kappa) - math.log(2 * math.pi) - kappa - math.log(-math.expm1(-2 * kappa))) - kappa


@pytest.mark.parametrize("name", LOSSES)
def test_half_precision_outputs_are_computed_in_float32(name):
    loss = build(name)
    outputs = torch.randn(16, loss.output_count).bfloat16()
    truth = TruthTensors(
        direction=random_directions(16),
        energy_gev=torch.full((16,), 1e4),
        kind=torch.zeros(16, dtype=torch.int64),
        vertex_m=torch.full((16, 3), 50.0),
        inelasticity=torch.full((16,), 0.3),
    )
    with torch.autocast("cpu", dtype=torch.bfloat16):
        values, decoded = loss(outputs, truth), loss.decode(outputs)
    assert values.dtype == torch.float32
    columns = [getattr(decoded, field) for field in decoded.__slots__]
    assert {one.dtype for one in columns if isinstance(one, torch.Tensor)} <= {torch.float32, torch.float64}
    torch.testing.assert_close(values, loss(outputs.float(), truth), rtol=0, atol=0)


@pytest.mark.parametrize("angle", [0.0, 1e-6, 1e-4, 0.1, 1.0, math.pi / 2, 3.0, math.pi - 1e-4, math.pi])
@pytest.mark.parametrize("scale", [1e-10, 1.0, 1e10])
def test_angular_loss_is_the_opening_angle(angle, scale):
    truth = random_directions(50, dtype=torch.float64)
    outputs = (scale * tilted(truth, angle)).float()
    values = AngularLoss(AngularOptions())(outputs, TruthTensors(direction=truth.float()))
    torch.testing.assert_close(
        values.double(), torch.full((50,), angle, dtype=torch.float64), rtol=1e-6, atol=3e-7
    )


@pytest.mark.parametrize("angle", [1e-5, 1e-3, 1.0, math.pi - 1e-3, math.pi - 1e-5])
def test_angular_gradient_has_length_one_up_to_the_poles(angle):
    truth = random_directions(50, dtype=torch.float64)
    outputs = tilted(truth, angle).requires_grad_()
    AngularLoss(AngularOptions())(outputs, TruthTensors(direction=truth)).sum().backward()
    torch.testing.assert_close(
        outputs.grad.norm(dim=-1), torch.ones(50, dtype=torch.float64), rtol=1e-6, atol=0
    )


def test_angular_gradient_is_zero_exactly_at_truth_and_antipode():
    truth = torch.eye(3)
    for sign in (1.0, -1.0):
        outputs = (sign * truth).requires_grad_()
        values = AngularLoss(AngularOptions())(outputs, TruthTensors(direction=truth))
        values.sum().backward()
        torch.testing.assert_close(values, torch.full((3,), 0.0 if sign > 0 else math.pi))
        assert (outputs.grad == 0).all()


def test_zero_output_is_a_right_angle_off_and_moves_towards_the_truth():
    truth = random_directions(5)
    outputs = torch.zeros(5, 3, requires_grad=True)
    values = AngularLoss(AngularOptions())(outputs, TruthTensors(direction=truth))
    values.sum().backward()
    torch.testing.assert_close(values, torch.full((5,), math.pi / 2))
    torch.testing.assert_close(outputs.grad, -truth)


@pytest.mark.parametrize("kappa", KAPPAS)
@pytest.mark.parametrize(
    "spread", [0.0, 1.0, 5.0, None], ids=["truth", "one sigma", "five sigma", "antipode"]
)
def test_vmf_density_and_gradient_match_the_closed_form(kappa, spread):
    angle = math.pi if spread is None else min(spread / math.sqrt(kappa), math.pi)
    truth = random_directions(50, dtype=torch.float64)
    mean = tilted(truth, angle)
    natural = (kappa * mean).float().requires_grad_()
    values = negative_log_density(natural, truth.float())
    values.sum().backward()
    expected = log_normalisation(kappa) + 2 * kappa * math.sin(angle / 2) ** 2
    # The float32 rounding of the inputs themselves moves the value by 6e-8 κ sin θ.
    rounding = 2e-6 + 1e-7 * kappa * math.sin(angle)
    torch.testing.assert_close(
        values.double(), torch.full_like(values, expected).double(), rtol=1e-5, atol=rounding
    )
    gradient = natural.grad.double()
    across = mean - truth - ((mean - truth) * mean).sum(-1, keepdim=True) * mean
    torch.testing.assert_close(
        gradient - (gradient * mean).sum(-1, keepdim=True) * mean, across, rtol=1e-3, atol=4e-7
    )
    # Along the mean it is A(κ) − cos θ, of the order 1/κ: it must not drown in rounding.
    along = (mean_cosine(kappa) - 1) + 2 * math.sin(angle / 2) ** 2
    torch.testing.assert_close(
        (gradient * mean).sum(-1),
        torch.full((50,), along).double(),
        rtol=1e-2,
        atol=1e-7 + 1e-2 / (1 + kappa),
    )


@pytest.mark.parametrize("kappa", [0.0, 1e-6, 0.3, 0.5, 2.0, 50.0, 1e4, 1e5])
def test_vmf_density_integrates_to_one(kappa):
    # In t with 1 − cos θ = scale · t the density is smooth at any κ.
    scale = min(2.0, 40 / max(kappa, 1e-9))
    nodes, weights = np.polynomial.legendre.leggauss(200)
    drop = torch.tensor(scale * (nodes + 1) / 2)
    direction = torch.stack([(drop * (2 - drop)).sqrt(), torch.zeros_like(drop), 1 - drop], -1)
    natural = torch.tensor([0.0, 0.0, kappa], dtype=torch.float64).expand(200, 3)
    density = torch.exp(-negative_log_density(natural, direction))
    assert float((density * torch.tensor(weights)).sum() * 2 * math.pi * scale / 2) == pytest.approx(
        1, abs=1e-8
    )


def test_vmf_has_no_kink_where_the_series_takes_over():
    kappa = torch.linspace(0.49, 0.51, 2001, dtype=torch.float64, requires_grad=True)
    truth = torch.tensor([[0.0, 0.0, 1.0]], dtype=torch.float64)
    values = negative_log_density(kappa[:, None] * truth, truth.expand(2001, 3))
    (slope,) = torch.autograd.grad(values.sum(), kappa)
    assert slope.diff().abs().max() < 1e-5
    assert values.diff().diff().abs().max() < 1e-8


def test_vmf_gradient_at_zero_output_points_away_from_the_truth():
    truth = random_directions(5)
    outputs = torch.zeros(5, 3, requires_grad=True)
    values = VonMisesFisherLoss(VonMisesFisherOptions())(outputs, TruthTensors(direction=truth))
    values.sum().backward()
    torch.testing.assert_close(values, torch.full((5,), math.log(4 * math.pi)))
    torch.testing.assert_close(outputs.grad, -truth)


@pytest.mark.parametrize("kappa", [0.05, 5.0, 150.0, 3e3])
def test_vmf_learns_the_concentration_of_its_errors(kappa):
    # Directions drawn from a density of known κ around the zenith: the best constant output must find κ again.
    generator = torch.Generator().manual_seed(1)
    share = torch.rand(20_000, generator=generator, dtype=torch.float64)
    cosine = 1 + torch.log1p((1 - share) * math.expm1(-2 * kappa)) / kappa
    azimuth = 2 * math.pi * torch.rand(20_000, generator=generator, dtype=torch.float64)
    sine = (1 - cosine.square()).clamp(min=0).sqrt()
    truth = torch.stack([sine * azimuth.cos(), sine * azimuth.sin(), cosine], -1)
    loss = VonMisesFisherLoss(VonMisesFisherOptions())
    outputs = torch.tensor([[0.1, 0.1, 0.1]], dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.LBFGS([outputs], max_iter=200, line_search_fn="strong_wolfe")

    def closure():
        optimizer.zero_grad()
        value = loss(outputs.expand(len(truth), 3), TruthTensors(direction=truth)).mean()
        value.backward()
        return value

    optimizer.step(closure)
    assert float(loss.decode(outputs.detach()).posterior.kappa[0]) == pytest.approx(kappa, rel=0.05, abs=0.03)

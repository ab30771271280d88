"""Mixtures, cells of the sphere, the cosine and weighted sums: each against its definition."""

import math

import numpy as np
import pytest
import torch
from icereco_losses.healpix import cell_centres
from icereco_losses.vmf import negative_log_density
from pydantic import ValidationError

from icereco.events.tensors import TruthTensors
from icereco.physics.sphere import opening_angle
from icereco.physics.vmf import concentration
from icereco.plugins.discovery import registry


def build(name, **options):
    component = registry().get("loss", name)
    return component.load_factory()(component.load_options()(**options))


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


def mixture_of(weights, kappas, directions):
    """Outputs of `vmf-mixture` for one event with these components, and their natural parameters."""
    lengths = [(math.sqrt(1 + 4 * kappa) - 1) / 2 for kappa in kappas]  # κ = |u| + |u|²
    rows = [
        [*(length * np.array(one)), math.log(w)]
        for w, length, one in zip(weights, lengths, directions, strict=True)
    ]
    return torch.tensor(rows, dtype=torch.float64).reshape(1, -1)


def test_a_mixture_is_the_weighted_sum_of_its_components():
    outputs = mixture_of([0.2, 0.8], [3.0, 50.0], [(0, 0, 1), (1, 0, 0)])
    loss, truth = build("vmf-mixture", components=2), random_directions(20, dtype=torch.float64)
    parts = [
        weight
        * torch.exp(
            -negative_log_density(kappa * torch.tensor([one], dtype=torch.float64).expand(20, 3), truth)
        )
        for weight, kappa, one in ((0.2, 3.0, (0, 0, 1.0)), (0.8, 50.0, (1.0, 0, 0)))
    ]
    torch.testing.assert_close(
        loss(outputs.expand(20, -1), TruthTensors(direction=truth)), -torch.log(sum(parts))
    )


def test_a_mixture_of_one_is_the_single_density():
    single, mixture = build("vmf"), build("vmf-mixture", components=1)
    outputs, truth = 5 * torch.randn(30, 3), random_directions(30)
    wide = torch.cat([outputs, torch.randn(30, 1)], 1)
    torch.testing.assert_close(
        mixture(wide, TruthTensors(direction=truth)), single(outputs, TruthTensors(direction=truth))
    )
    torch.testing.assert_close(mixture.decode(wide).direction, single.decode(outputs).direction)
    np.testing.assert_allclose(
        mixture.decode(wide).posterior.kappa, single.decode(outputs).posterior.kappa, rtol=1e-3, atol=1e-3
    )


def test_the_mode_is_the_highest_point_and_the_mean_the_centre():
    outputs = mixture_of([0.45, 0.55], [200.0, 20.0], [(0, 0, 1), (0, math.sin(2), math.cos(2))])
    mode = build("vmf-mixture", components=2).decode(outputs)
    mean = build("vmf-mixture", components=2, decode="mean").decode(outputs)
    # 0.45 · 200 > 0.55 · 20: the narrow peak is higher, though the broad one weighs more.
    assert float(mode.direction[0, 2]) > 0.9999
    centre = 0.45 * (1 - 1 / 200) * np.array([0, 0, 1]) + 0.55 * (1 - 1 / 20) * np.array(
        [0, np.sin(2), np.cos(2)]
    )
    np.testing.assert_allclose(mean.direction[0], centre / np.linalg.norm(centre), atol=1e-6)
    # Both speak of one density, whose concentration is that around its mode.
    cosine = float(centre @ mode.posterior.mode[0])
    assert mean_cosine(float(mode.posterior.kappa[0])) == pytest.approx(cosine, abs=1e-4)
    np.testing.assert_allclose(mean.posterior.kappa, mode.posterior.kappa)


def test_a_mode_between_two_near_components_is_found():
    near = [(math.sin(x), 0, math.cos(x)) for x in (-0.05, 0.05)]
    decoded = build("vmf-mixture", components=2).decode(mixture_of([0.5, 0.5], [100.0, 100.0], near))
    torch.testing.assert_close(
        decoded.direction, torch.tensor([[0.0, 0, 1]], dtype=torch.float64), atol=1e-6, rtol=0
    )


@pytest.mark.parametrize("kappa", [1e-3, 0.1, 1.0, 30.0, 1e4])
def test_a_concentration_is_that_of_its_mean_cosine(kappa):
    decoded = concentration(np.array([mean_cosine(kappa)]))
    assert float(decoded[0]) == pytest.approx(kappa, rel=1e-4, abs=1e-6)


@pytest.mark.parametrize("per_side", [1, 2, 3, 8])
def test_cells_have_equal_area_and_are_spread_evenly(per_side):
    centres = cell_centres(per_side)
    assert centres.shape == (12 * per_side**2, 3)
    torch.testing.assert_close(centres.norm(dim=-1), torch.ones(len(centres), dtype=torch.float64))
    assert centres.sum(0).abs().max() < 1e-9
    torch.testing.assert_close(
        centres.T @ centres, torch.eye(3, dtype=torch.float64) * 4 * per_side**2, atol=0.4, rtol=0.1
    )
    # Random directions fall into the nearest cell about equally often (HEALPix cells are nearly those of the nearest).
    if per_side == 3:
        cell = (random_directions(54_000, dtype=torch.float64) @ centres.T).argmax(-1)
        share = torch.bincount(cell, minlength=108) / 500
        assert share.min() > 0.7
        assert share.max() < 1.3


@pytest.mark.parametrize("decode", ["mode", "mean"])
def test_a_perfect_classification_is_decoded_finer_than_a_cell(decode):
    loss = build("sphere-bins", cells_per_side=8, smoothing_deg=7, decode=decode)
    truth = random_directions(200)
    label = loss.smoothing * (truth @ loss.centres.T)
    assert loss(label, TruthTensors(direction=truth)).abs().max() < 1e-4
    decoded = loss.decode(label)
    error = np.degrees(opening_angle(decoded.direction.numpy(), truth.numpy()))
    assert error.max() < 1.2  # cells are 7.3° wide
    assert np.median(error) < 0.05
    # The label and the cell are both 7° wide; their concentrations add up like variances.
    assert float(np.median(decoded.posterior.kappa)) == pytest.approx(math.radians(7) ** -2 / 2, rel=0.05)


def test_an_undecided_classification_is_not_sure():
    loss = build("sphere-bins")
    assert float(loss.decode(torch.zeros(1, loss.output_count)).posterior.kappa[0]) < 0.01


def test_the_cosine_loss_is_one_minus_the_cosine():
    truth = random_directions(50, dtype=torch.float64)
    for angle in (1e-5, 0.3, 3.0):
        values = build("cosine")((7 * tilted(truth, angle)).float(), TruthTensors(direction=truth.float()))
        torch.testing.assert_close(
            values.double(),
            torch.full((50,), 2 * math.sin(angle / 2) ** 2, dtype=torch.float64),
            rtol=2e-2,
            atol=0,
        )


def test_a_weighted_sum_adds_up_and_decodes_as_its_first():
    both = build("weighted-sum", losses=["vmf-mixture", "angular", "cosine"], weights=[2.0, 0.5, 0.1],
                 options=[{"components": 2, "decode": "mean"}])  # fmt: skip
    first = build("vmf-mixture", components=2, decode="mean")
    outputs, truth = torch.randn(20, 8), TruthTensors(direction=random_directions(20))
    decoded = first.decode(outputs).direction
    expected = (
        2 * first(outputs, truth)
        + 0.5 * build("angular")(decoded, truth)
        + 0.1 * build("cosine")(decoded, truth)
    )
    torch.testing.assert_close(both(outputs, truth), expected)
    torch.testing.assert_close(both.decode(outputs).direction, decoded)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"losses": ["vmf", "anglar"]}, "did you mean 'angular'"),
        ({"losses": ["vmf"]}, "1 losses have 2 weights"),
        ({"losses": ["vmf-mixture", "cosine"], "options": [{"componets": 2}]}, "componets"),
        ({"options": [{}, {}, {}]}, "3 tables of options"),
    ],
)
def test_a_bad_weighted_sum_is_refused(settings, message):
    with pytest.raises(ValidationError, match=message):
        build("weighted-sum", **settings)


def test_a_loss_that_cannot_judge_a_direction_must_come_first():
    with pytest.raises(
        ValueError, match="'vmf-mixture' needs 12 outputs and cannot be applied to a direction"
    ):
        build("weighted-sum", losses=["vmf", "vmf-mixture"])

"""The likelihood as machine code: its light, its densities, its curvature and its climbs are those of tensors."""

import math
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from icereco.detector.detector import Detector
from icereco.events.observations import Observed
from icereco.physics.light.light import Expectation, LightModel
from icereco.physics.likelihood.climb import climb
from icereco.physics.likelihood.compiled.arrival import arrival_of, density_at
from icereco.physics.likelihood.compiled.delays import Delays, cascade_delays, track_delays
from icereco.physics.likelihood.compiled.light import Light, cascade_light, track_light
from icereco.physics.likelihood.compiled.optics import optics_of
from icereco.physics.likelihood.compiled.survival import survival_at
from icereco.physics.likelihood.likelihood import Likelihood
from icereco.physics.likelihood.marquardt import climb_by_tensors
from icereco.physics.likelihood.pandel import LARGEST_SHAPE, SMALLEST_SHAPE, ConvolvedPandel
from icereco.physics.likelihood.sources import HYPOTHESES, Hypothesis, Sources
from icereco.physics.likelihood.survival import PandelSurvival

JITTERS_NS = (2.0, 15.0, 40.0)

every_hypothesis = pytest.mark.parametrize("hypothesis", HYPOTHESES.values(), ids=list(HYPOTHESES))


def uniform(low: float, high: float, seed: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return low + (high - low) * torch.rand(200, dtype=torch.float64, generator=generator)


@every_hypothesis
@pytest.mark.parametrize("jitter_ns", JITTERS_NS)
def test_the_curvature_is_that_of_tensors(
    likelihood: Likelihood, observed: Observed, sources: Sources, hypothesis: Hypothesis, jitter_ns: float
) -> None:
    event = torch.arange(len(sources))
    there = climb(likelihood, hypothesis, sources, observed.observation, event, jitter_ns, 0).curvature
    expected = likelihood.curvature(hypothesis, sources, observed.observation, jitter_ns)
    torch.testing.assert_close(there.value, expected.value, rtol=1e-11, atol=1e-9)
    torch.testing.assert_close(there.gradient, expected.gradient, rtol=1e-8, atol=1e-6)
    scale = torch.diagonal(expected.information, dim1=1, dim2=2).clamp(min=1e-12).sqrt()
    both = scale[:, :, None] * scale[:, None]
    torch.testing.assert_close(there.information / both, expected.information / both, rtol=0, atol=1e-8)


@every_hypothesis
def test_a_climb_is_that_of_tensors(
    likelihood: Likelihood, observed: Observed, sources: Sources, hypothesis: Hypothesis
) -> None:
    event = torch.arange(len(sources))
    given = (likelihood, hypothesis, sources, observed.observation, event, 15.0, 6)
    one, other = climb(*given), climb_by_tensors(*given)
    torch.testing.assert_close(one.curvature.value, other.curvature.value, rtol=1e-9, atol=1e-6)
    torch.testing.assert_close(one.sources.travel, other.sources.travel, rtol=0, atol=1e-7)
    torch.testing.assert_close(one.sources.position_m, other.sources.position_m, rtol=0, atol=1e-4)
    assert torch.equal(one.converged, other.converged)


@every_hypothesis
def test_company_and_order_change_not_a_bit(
    likelihood: Likelihood, observed: Observed, sources: Sources, hypothesis: Hypothesis
) -> None:
    seen, event = observed.observation, torch.arange(len(sources))
    together = climb(likelihood, hypothesis, sources, seen, event, 15.0, 8)
    for one in reversed(range(len(sources))):
        row = torch.tensor([one])
        alone = climb(likelihood, hypothesis, sources.take(row), seen.take(row), torch.tensor([0]), 15.0, 8)
        assert torch.equal(alone.curvature.value[0], together.curvature.value[one])
        assert torch.equal(alone.sources.travel[0], together.sources.travel[one])


def test_a_start_that_is_not_a_number_ends_without_convergence(
    likelihood: Likelihood, observed: Observed, sources: Sources
) -> None:
    row = torch.tensor([0])
    start = sources.take(row)
    nowhere = Sources(
        start.travel * math.nan,
        start.position_m,
        start.time_ns,
        start.log_yield,
        start.log_light,
        start.end_m,
    )
    for hypothesis in HYPOTHESES.values():
        top = climb(likelihood, hypothesis, nowhere, observed.observation.take(row), row, 15.0, 5)
        assert not top.converged.any()
        assert not (top.curvature.value > -math.inf).any()


def test_the_light_of_tracks_is_that_of_tensors(detector: Detector) -> None:
    model = LightModel(detector)
    distance, rise, module_z = (
        uniform(*ends, seed) for seed, ends in enumerate(((1, 400), (-300, 300), (-600, 600)))
    )
    rise[:20] *= 1e-3  # within one layer of the ice
    rise[20:30] *= 20.0  # from far beyond its layers
    module_z[30:40] = model.ice.bottom_m - 100.0
    distance.requires_grad_()
    rise.requires_grad_()
    line = model.line_seen(0 * distance, distance.square(), 0 * rise, 0 * rise, module_z)
    expected = model.tracks(torch.ones_like(distance), replace(line, rise_m=rise))
    optics = optics_of(model)
    light = [track_light(optics, *place) for place in zip(*columns(distance, rise, module_z), strict=True)]
    delays = [track_delays(model.direct.slowness, one) for one in light]
    require_jets(expected, light, delays, [distance, rise])


def test_the_light_of_cascades_is_that_of_tensors(detector: Detector) -> None:
    model = LightModel(detector)
    distance, cosine, up, module_z = (
        uniform(*ends, seed) for seed, ends in enumerate(((1, 400), (-1, 1), (-1, 1), (-600, 600)))
    )
    variables = [distance.clone(), up * distance, cosine * distance]
    for variable in variables:
        variable.requires_grad_()
    distance, height, along = variables
    ones = torch.ones_like(distance)
    expected = model.cascades_seen(ones, distance.square(), along, module_z - height, module_z)
    optics = optics_of(model)
    places = zip(*columns(distance, height, along, module_z), strict=True)
    light = [cascade_light(optics, *place) for place in places]
    delays = [cascade_delays(model.direct.slowness, one) for one in light]
    require_jets(expected, light, delays, variables)


def columns(*tensors: torch.Tensor) -> list[list[float]]:
    return [tensor.tolist() for tensor in tensors]


def require_jets(
    expected: Expectation, light: list[Light], delays: list[Delays], variables: list[torch.Tensor]
) -> None:
    """Compare values and derivatives by the variables with those that torch computes."""
    early, late = expected.delays()
    pairs = [
        (expected.photo_electrons, [one.photo_electrons for one in light]),
        (early.share, [one.early for one in delays]),
        (early.shape, [one.early_shape for one in delays]),
        (early.scale_ns, [one.early_scale_ns for one in delays]),
        (late.shape, [one.late_shape for one in delays]),
        (late.scale_ns, [one.late_scale_ns for one in delays]),
    ]
    for value, jets in pairs:
        there = torch.tensor(jets, dtype=torch.float64)
        torch.testing.assert_close(there[:, 0], value.detach(), rtol=1e-11, atol=0)
        slopes = torch.autograd.grad(value.sum(), variables, retain_graph=True, materialize_grads=True)
        for place, slope in enumerate(slopes, start=1):
            torch.testing.assert_close(there[:, place], slope, rtol=1e-8, atol=1e-12)


def test_densities_are_those_of_tensors_far_beyond_their_tables() -> None:
    pandel = ConvolvedPandel()
    time = torch.cat([uniform(-200, 3000, 1), torch.tensor([-1e4, 0.0, 1e5], dtype=torch.float64)])
    shape = torch.exp(torch.linspace(math.log(SMALLEST_SHAPE) - 1, math.log(LARGEST_SHAPE) + 1, len(time)))
    shape, scale = shape.double().requires_grad_(), (5 + 0 * time + 300 * time.abs() / 1e5).requires_grad_()
    for jitter_ns in JITTERS_NS:
        value, slope, bend = pandel(time, shape, scale, jitter_ns)
        by_shape, by_scale = torch.autograd.grad(value.sum(), [shape, scale])
        there = torch.tensor(
            [
                density_at(pandel.table.numpy(), arrival_of(a, tau, jitter_ns), t, jitter_ns)
                for t, a, tau in zip(*columns(time, shape, scale), strict=True)
            ],
            dtype=torch.float64,
        )
        for place, expected in enumerate((value, slope, bend, by_shape, by_scale)):
            torch.testing.assert_close(there[:, place], expected.detach(), rtol=1e-9, atol=1e-9)


def test_probabilities_of_later_light_are_those_of_tensors() -> None:
    survival = PandelSurvival()
    time = uniform(-200, 3000, 1).requires_grad_()
    shape = torch.exp(uniform(math.log(SMALLEST_SHAPE) - 1, math.log(LARGEST_SHAPE) + 1, 2)).requires_grad_()
    scale = torch.exp(uniform(-1, 8, 3)).requires_grad_()
    for jitter_ns in JITTERS_NS:
        value = survival(time, shape, scale, jitter_ns)
        slopes = torch.autograd.grad(value.sum(), [time, shape, scale])
        there = torch.tensor(
            [
                survival_at(survival.table.numpy(), a, tau, t, jitter_ns)
                for t, a, tau in zip(*columns(time, shape, scale), strict=True)
            ],
            dtype=torch.float64,
        )
        for place, expected in enumerate((value.detach(), *slopes)):
            torch.testing.assert_close(there[:, place], expected, rtol=1e-8, atol=1e-10)


def test_machine_code_is_kept_for_later_programs(tmp_path: Path) -> None:
    program = (
        "from icereco.system.machine_code import kept\n"
        "from icereco.physics.likelihood.compiled.splines import inverse_sinh\n"
        "def of(digest):\n"
        "    @kept\n"
        "    def function(x):\n"
        "        _ = digest\n"
        "        return inverse_sinh(x)\n"
        "    return function\n"
        "for digest in ('old', 'new', 'new'):\n"
        "    function = of(digest)\n"
        "    function(1.0)\n"
        "    print(sum(function.stats.cache_hits.values()), end='')\n"
    )
    path = tmp_path / "program.py"
    path.write_text(program)
    environment = os.environ | {"NUMBA_CACHE_DIR": str(tmp_path / "cache")}

    def hits() -> str:
        run = [sys.executable, str(path)]
        return subprocess.run(run, env=environment, capture_output=True, text=True, check=True).stdout

    assert hits() == "001"  # another digest, another function
    assert hits() == "111"

"""The likelihood, its derivatives, and what must not change it."""

from dataclasses import fields, replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from icereco.detector.detector import Detector
from icereco.events.batch import EventBatch
from icereco.events.observations import Observed, Observer
from icereco.physics.light.light import LightModel
from icereco.physics.likelihood.likelihood import Likelihood
from icereco.physics.likelihood.observation import Observation
from icereco.physics.likelihood.sources import HYPOTHESES, MOVES, TRACK, Hypothesis, Sources, tangents
from icereco.physics.likelihood.timing import timed

JITTER_NS = 15.0
every_hypothesis = pytest.mark.parametrize("hypothesis", HYPOTHESES.values(), ids=list(HYPOTHESES))


def rows(seen: Observation, chosen: list[int]) -> Observation:
    return seen.take(torch.tensor(chosen))


def padded(seen: Observation, more: int) -> Observation:
    """Modules and pulses of weight 0 after those that there are, as an `Observer` fills them up."""
    of_pulse = {
        "module_of_pulse",
        "time_ns",
        "pulse_weight",
        "noise_per_ns",
        "later",
        "later_noise",
        "leading",
    }
    columns = {}
    for field in fields(Observation):
        column = getattr(seen, field.name)
        filling = column[:, -1:].expand(-1, more, *column.shape[2:])
        if field.name in ("weight", "pulse_weight", "count", "efficiency", "later", "leading"):
            filling = torch.zeros_like(filling)
        columns[field.name] = torch.cat([column, filling], 1)
    assert of_pulse < set(columns)
    return Observation(**columns)


@every_hypothesis
def test_the_gradient_is_that_of_the_value(
    likelihood: Likelihood, observed: Observed, sources: Sources, hypothesis: Hypothesis
) -> None:
    move = torch.zeros(len(sources), len(MOVES), dtype=torch.float64, requires_grad=True)
    value = likelihood(hypothesis, sources.moved(move), observed.observation, JITTER_NS)
    (gradient,) = torch.autograd.grad(value.sum(), move)
    curvature = likelihood.curvature(hypothesis, sources, observed.observation, JITTER_NS)
    torch.testing.assert_close(curvature.value, value.detach(), rtol=1e-12, atol=1e-9)
    torch.testing.assert_close(curvature.gradient, gradient[:, list(hypothesis.moves)], rtol=1e-9, atol=1e-7)


@every_hypothesis
def test_the_value_can_be_differentiated(
    likelihood: Likelihood, observed: Observed, sources: Sources, hypothesis: Hypothesis
) -> None:
    alone, start = rows(observed.observation, [0]), sources.take(torch.tensor([0]))
    scale = torch.tensor([0.1, 0.1, 10.0, 10.0, 10.0, 10.0, 1.0, 1.0, 100.0], dtype=torch.float64)

    def value(move: torch.Tensor) -> torch.Tensor:
        return likelihood(hypothesis, start.moved(move * scale), alone, JITTER_NS)

    move = torch.full((1, len(MOVES)), 0.03, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(value, (move,), eps=1e-6, atol=1e-3, rtol=1e-4)


@every_hypothesis
def test_the_information_is_nowhere_negative(
    likelihood: Likelihood, observed: Observed, sources: Sources, hypothesis: Hypothesis
) -> None:
    information = likelihood.curvature(hypothesis, sources, observed.observation, JITTER_NS).information
    torch.testing.assert_close(information, information.transpose(1, 2), rtol=1e-9, atol=1e-9)
    scale = torch.diagonal(information, dim1=1, dim2=2).clamp(min=1e-12).sqrt()
    assert torch.linalg.eigvalsh(information / scale[:, None] / scale[:, :, None]).min() > -1e-9


@every_hypothesis
def test_padding_changes_nothing(
    likelihood: Likelihood, observed: Observed, sources: Sources, hypothesis: Hypothesis
) -> None:
    plain = likelihood.curvature(hypothesis, sources, observed.observation, JITTER_NS)
    wide = likelihood.curvature(hypothesis, sources, padded(observed.observation, 7), JITTER_NS)
    for name in ("value", "gradient", "information"):
        torch.testing.assert_close(getattr(wide, name), getattr(plain, name), rtol=1e-12, atol=1e-9)


@every_hypothesis
def test_company_and_order_change_nothing(
    likelihood: Likelihood, observed: Observed, sources: Sources, hypothesis: Hypothesis
) -> None:
    together = likelihood.curvature(hypothesis, sources, observed.observation, JITTER_NS)
    for event in reversed(range(len(sources))):
        alone = likelihood.curvature(
            hypothesis, sources.take(torch.tensor([event])), rows(observed.observation, [event]), JITTER_NS
        )
        torch.testing.assert_close(alone.value[0], together.value[event], rtol=1e-13, atol=1e-10)
        torch.testing.assert_close(alone.gradient[0], together.gradient[event], rtol=1e-10, atol=1e-8)


@every_hypothesis
def test_in_single_precision_company_changes_not_a_bit(
    single: Likelihood, observed: Observed, sources: Sources, hypothesis: Hypothesis
) -> None:
    seen = observed.observation.to(torch.device("cpu"), torch.float32)
    jobs = torch.arange(len(sources)).repeat_interleave(9)
    together = single.curvature(hypothesis, sources.take(jobs), seen.take(jobs), JITTER_NS)
    for first, last in ((0, 1), (1, 3), (2, 9), (0, 18)):
        few = jobs[first:last]
        alone = single.curvature(hypothesis, sources.take(few), seen.take(few), JITTER_NS)
        for name in ("value", "gradient", "information"):
            assert torch.equal(getattr(alone, name), getattr(together, name)[first:last]), name


def test_single_precision_agrees_with_double(
    single: Likelihood, likelihood: Likelihood, observed: Observed, sources: Sources
) -> None:
    seen = observed.observation.to(torch.device("cpu"), torch.float32)
    short = single.curvature(TRACK, sources, seen, JITTER_NS)
    long = likelihood.curvature(TRACK, sources, observed.observation, JITTER_NS)
    torch.testing.assert_close(short.value, long.value, rtol=1e-5, atol=1e-2)


def test_a_vanishing_model_error_gives_poisson_probabilities(
    detector: Detector, observed: Observed, sources: Sources
) -> None:
    exact, nearly = (Likelihood(LightModel(detector), error) for error in (0.0, 1e-4))
    values = [one(TRACK, sources, observed.observation, JITTER_NS) for one in (exact, nearly)]
    torch.testing.assert_close(values[1], values[0], rtol=1e-4, atol=1e-2)


def test_the_true_direction_is_more_likely_than_its_opposite(
    likelihood: Likelihood, observed: Observed, sources: Sources
) -> None:
    seen = observed.observation
    values = []
    for start in (sources, replace(sources, travel=-sources.travel)):
        at = likelihood.brightened(TRACK, timed(likelihood.light, TRACK, start, seen), seen)
        values.append(likelihood(TRACK, at, seen, JITTER_NS))
    assert (values[0] - values[1]).median() > 0


@pytest.mark.parametrize("count", [1, 7, 400])
@every_hypothesis
def test_the_density_of_the_first_photo_electron_is_normalised(
    detector: Detector, sources: Sources, observed: Observed, hypothesis: Hypothesis, count: int
) -> None:
    jitter_ns, points = 5.0, 40_000
    time = torch.linspace(-500.0, 20_000.0, points, dtype=torch.float64)
    # One module, 30 m beside the track, hit at each of the times; noise of one photo-electron in all.
    module = sources.position_m[:1] + 30.0 * tangents(sources.travel[:1])[0]
    one = torch.ones(1, 1, dtype=torch.float64)
    seen = Observation(
        module_m=module[:, None],
        efficiency=one,
        count=count * one,
        weight=0 * one,
        noise=one,
        module_of_pulse=torch.zeros(1, 1, dtype=torch.int64),
        time_ns=0 * one,
        pulse_weight=one,
        noise_per_ns=one / (time[-1] - time[0]),
        later=(count - 1) * one,
        later_noise=one,
        leading=one,
    ).take(torch.zeros(points, dtype=torch.int64))
    seen = replace(
        seen, time_ns=time[:, None], later_noise=((time[-1] - time) / (time[-1] - time[0]))[:, None] + 1e-300
    )
    start = sources.take(torch.zeros(1, dtype=torch.int64))
    prior = Likelihood(LightModel(detector), 0.3)(
        hypothesis, start, replace(seen.take(torch.tensor([0])), pulse_weight=0 * one), jitter_ns
    )
    likelihood = Likelihood(LightModel(detector), 0.3, first_only=True)
    log_density = likelihood(hypothesis, start.take(torch.zeros(points, dtype=torch.int64)), seen, jitter_ns)
    integral = torch.trapezoid(count * torch.exp(log_density - prior), time)
    assert integral.item() == pytest.approx(1.0, abs=5e-3)


def test_of_modules_with_one_photo_electron_first_pulses_are_all_pulses(
    detector: Detector, simulated: EventBatch
) -> None:
    first = np.zeros(len(simulated.time_ns), bool)
    first[simulated.pulse_offsets[:-1]] = True
    dim = replace(
        simulated,
        pulse_offsets=np.arange(first.sum() + 1),
        **{name: getattr(simulated, name)[first] for name in ("time_ns", "auxiliary")},
        charge_pe=np.ones(first.sum(), np.float32),
    )
    values = []
    for first_only in (False, True):
        likelihood = Likelihood(LightModel(detector), 0.3, first_only)
        for group in Observer(detector, 0.0, first_only)(dim):
            travel = torch.from_numpy(group.centre_m / np.linalg.norm(group.centre_m, axis=1, keepdims=True))
            zero = torch.zeros(len(travel), dtype=torch.float64)
            source = Sources(travel, torch.from_numpy(group.centre_m), zero, zero, zero, zero + 500.0)
            values.append(likelihood(TRACK, source, group.observation, JITTER_NS))
    half = len(values) // 2
    assert half
    torch.testing.assert_close(torch.cat(values[:half]), torch.cat(values[half:]), rtol=1e-12, atol=1e-9)


@settings(max_examples=50)
@given(
    st.tuples(*[st.floats(-1, 1)] * 3).filter(lambda v: np.linalg.norm(v) > 0.1),
    st.tuples(*[st.floats(-3, 3)] * 2),
)
def test_a_turn_keeps_unit_length_and_the_reference_point(
    direction: tuple[float, ...], turn: tuple[float, ...]
) -> None:
    travel = torch.tensor([direction], dtype=torch.float64)
    travel = travel / travel.norm()
    zero = torch.zeros(1, dtype=torch.float64)
    sources = Sources(travel, torch.ones(1, 3, dtype=torch.float64), zero, zero, zero, zero)
    move = torch.zeros(1, len(MOVES), dtype=torch.float64)
    move[0, :2] = torch.tensor(turn)
    moved = sources.moved(move)
    assert moved.travel.norm().item() == pytest.approx(1.0)
    assert torch.equal(moved.position_m, sources.position_m)
    angle = torch.arccos((moved.travel * travel).sum().clamp(-1, 1)).item()
    full = np.hypot(*turn)
    assert angle == pytest.approx(min(full, abs(2 * np.pi - full)), abs=1e-6)
    frame = torch.cat([travel, *tangents(travel)])
    torch.testing.assert_close(frame @ frame.T, torch.eye(3, dtype=torch.float64), rtol=0, atol=1e-12)

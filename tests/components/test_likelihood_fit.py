"""The reconstructor `likelihood`: how well it fits, and what it says of events that cannot be fitted."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch
from icereco_reconstructors.likelihood.fit import LikelihoodFit
from icereco_reconstructors.likelihood.results import CONVERGED, TOO_FEW_MODULES
from icereco_reconstructors.likelihood.solutions import TEMPERATURE, Solutions
from icereco_reconstructors.linefit import LineFit
from icereco_reconstructors.options import LikelihoodOptions, LineFitOptions

from icereco.data.simulated import simulate
from icereco.detector.detector import Detector, load_detector
from icereco.errors import IcerecoError
from icereco.events.batch import EventBatch
from icereco.events.joining import take
from icereco.events.reconstruction import NOT_CONVERGED, Reconstruction
from icereco.events.vmf_mixture import VmfMixture
from icereco.physics.likelihood.sources import HYPOTHESES
from icereco.physics.sphere import opening_angle

Fit = Callable[..., Reconstruction]


@pytest.fixture(scope="module")
def tracks() -> EventBatch:
    """Eight through-going tracks of at least 80 pulses; none of those whose many modules take most of the time."""
    batch = simulate(150, seed=4)
    assert batch.truth is not None
    fitting = (batch.pulse_count >= 80) & (batch.pulse_count < 2_000)
    wanted = np.flatnonzero((batch.truth.kind == "through_track") & fitting)[:8]
    chosen = [batch[int(event) : int(event) + 1] for event in wanted]
    return joined(chosen)


def joined(events: list[EventBatch]) -> EventBatch:
    pulses = np.cumsum([0, *(len(event.time_ns) for event in events)])
    columns = {
        name: np.concatenate([getattr(event, name) for event in events])
        for name in ("event_id", "sensor_id", "position_m", "time_ns", "charge_pe", "auxiliary")
    }
    directions = [event.truth.direction for event in events if event.truth is not None]
    assert events[0].truth is not None
    return EventBatch(
        dom_offsets=np.cumsum([0, *(len(event.sensor_id) for event in events)]),
        pulse_offsets=np.concatenate(
            [[0], *(e.pulse_offsets[1:] + p for e, p in zip(events, pulses, strict=False))]
        ),
        truth=replace(
            events[0].truth,
            direction=np.concatenate(directions),
            energy_gev=None,
            kind=None,
            vertex_m=None,
            inelasticity=None,
        ),
        **columns,
    )


@pytest.fixture(scope="module")
def fit(detector: Detector) -> Fit:
    return LikelihoodFit(LikelihoodOptions(hypothesis="track", seed_count=8), detector)


@pytest.fixture(scope="module")
def fitted(fit: Fit, tracks: EventBatch) -> Reconstruction:
    return fit(tracks)


def errors(reconstruction: Reconstruction, events: EventBatch) -> np.ndarray:
    assert events.truth is not None
    return opening_angle(reconstruction.direction, events.truth.direction)


def test_bright_tracks_are_fitted_far_better_than_by_a_line(
    fitted: Reconstruction, tracks: EventBatch
) -> None:
    line = LineFit(LineFitOptions(weight_by_charge=False, robust=False))(tracks)
    assert np.median(errors(fitted, tracks)) < 0.4 * np.median(errors(line, tracks))


@pytest.mark.slow
def test_other_ice_moves_the_direction_by_a_little_and_is_tried_only_if_asked_for(
    detector: Detector, fit: Fit, tracks: EventBatch
) -> None:
    two = tracks[:2]
    plain = fit(two)
    shifts = {}
    for error in (0.02, 0.1):
        options = LikelihoodOptions(hypothesis="track", seed_count=8, ice_error=error)
        found = LikelihoodFit(options, detector)(two)
        np.testing.assert_array_equal(found.direction, plain.direction)
        shifts[error] = found.extras["ice_shift_rad"]
    assert "ice_shift_rad" not in plain.extras
    assert (shifts[0.02] > 0).all()
    assert (shifts[0.02] < shifts[0.1]).all()
    assert (shifts[0.1] < np.radians(10.0)).all()


def test_a_track_has_no_vertex_and_a_posterior_around_its_direction(fitted: Reconstruction) -> None:
    assert fitted.vertex_m is not None
    assert np.isnan(fitted.vertex_m).all()
    assert fitted.posterior is not None
    assert np.median(opening_angle(fitted.posterior.mode, fitted.direction)) < np.radians(2.0)
    assert set(fitted.status) <= {CONVERGED, NOT_CONVERGED}


def test_the_reduced_likelihood_counts_hit_modules_and_free_parameters(
    detector: Detector, fitted: Reconstruction, tracks: EventBatch
) -> None:
    hit = np.add.reduceat(detector.alive[tracks.sensor_id].astype(int), tracks.dom_offsets[:-1])
    freedom = hit - len(HYPOTHESES["track"].moves)
    assert (freedom > 0).all()
    reduced = fitted.extras["reduced_log_likelihood"]
    np.testing.assert_allclose(reduced * freedom, -fitted.extras["log_likelihood"])


def test_every_hypothesis_is_tried_and_weighed(detector: Detector, tracks: EventBatch) -> None:
    every = LikelihoodFit(LikelihoodOptions(seed_count=8), detector)(tracks[:2])
    assert every.kind_probability is not None
    np.testing.assert_allclose(every.kind_probability.sum(axis=1), 1.0)
    assert (every.kind_probability[:, 2] < 0.5).all()


@pytest.mark.slow
def test_seeds_are_used_and_seeds_without_direction_change_nothing(
    fit: Fit, fitted: Reconstruction, tracks: EventBatch
) -> None:
    assert tracks.truth is not None
    few = tracks[:2]  # an event is fitted as in company, so that two show what seeds do
    unknown = Reconstruction(np.full((len(few), 3), np.nan))
    without = fit(few, seeds=[unknown])
    np.testing.assert_array_equal(without.direction, fitted.direction[:2])
    seeded = fit(tracks, seeds=[Reconstruction(tracks.truth.direction)])
    line = LineFit(LineFitOptions(weight_by_charge=False, robust=False))(tracks)
    assert np.median(errors(seeded, tracks)) < 0.4 * np.median(errors(line, tracks))
    assert not np.array_equal(seeded.direction, fitted.direction)
    partly = tracks.truth.direction[:2].copy()
    partly[0] = np.nan
    mixed = fit(few, seeds=[Reconstruction(partly)])
    np.testing.assert_allclose(mixed.direction[0], fitted.direction[0], atol=1e-4)
    np.testing.assert_allclose(mixed.direction[1], seeded.direction[1], atol=1e-4)


def test_a_posterior_as_a_seed_gives_the_same_maxima_from_few_directions(
    detector: Detector, tracks: EventBatch
) -> None:
    """Its probabilities of kinds leave out what is improbable, and are a prior for the rest; other events change nothing."""
    assert tracks.truth is not None
    count = 3
    kinds = np.tile([0.89, 0.1, 0.01], (count, 1))
    kinds[2] = np.nan
    truth = tracks.truth.direction[:count]
    posterior = VmfMixture(np.ones((count, 1)), truth[:, None], np.full((count, 1), 200.0))
    seed = Reconstruction(truth, posterior, kind_probability=kinds)
    fit = LikelihoodFit(LikelihoodOptions(samples=3), detector)
    seeded = fit(tracks[:count], seeds=[seed])
    assert (np.degrees(opening_angle(seeded.direction, truth)) < 12.0).all()
    assert seeded.kind_probability is not None
    assert (seeded.kind_probability[:2, 2] == 0.0).all()
    assert seeded.kind_probability[2, 2] > 0.0
    alone = fit(tracks[1:2], seeds=[take(seed, np.array([1]))])
    np.testing.assert_array_equal(alone.direction[0], seeded.direction[1])
    fewer = take(
        Reconstruction(truth, posterior, kind_probability=np.tile([0.5, 0.5, 0.0], (count, 1))), np.arange(2)
    )
    prior = fit(tracks[:2], seeds=[fewer]).kind_probability
    assert prior is not None
    odds, before = (
        probability[:2, 0] / probability[:2, 1] for probability in (seeded.kind_probability, prior)
    )
    assert (odds > before).all()


def test_an_event_alone_is_fitted_as_in_company(fit: Fit, fitted: Reconstruction, tracks: EventBatch) -> None:
    for event in (0, 3):
        np.testing.assert_array_equal(fit(tracks[event : event + 1]).direction[0], fitted.direction[event])


@pytest.mark.slow
def test_first_pulses_alone_fit_bright_tracks_too(detector: Detector, tracks: EventBatch) -> None:
    first = LikelihoodFit(LikelihoodOptions(hypothesis="track", seed_count=8, form="first"), detector)
    dim = joined([tracks[event : event + 1] for event in np.argsort(tracks.pulse_count)[:4].tolist()])
    fitted = first(dim)
    line = LineFit(LineFitOptions(weight_by_charge=False, robust=False))(dim)
    assert np.median(errors(fitted, dim)) < 0.4 * np.median(errors(line, dim))
    np.testing.assert_array_equal(fitted.pulses_used, dim.dom_count)
    np.testing.assert_array_equal(first(dim[1:2]).direction[0], fitted.direction[1])


def test_bright_tracks_are_fitted_by_first_pulses_and_others_by_all(
    detector: Detector, tracks: EventBatch, monkeypatch: pytest.MonkeyPatch
) -> None:
    order = np.argsort(tracks.pulse_count)
    dim, bright = (tracks[row : row + 1] for row in (int(order[0]), int(order[1])))
    limit = int(bright.pulse_count[0])
    assert dim.pulse_count[0] < limit
    monkeypatch.setattr("icereco_reconstructors.likelihood.fit.BRIGHT_PULSES", limit)
    options = LikelihoodOptions(hypothesis="track", seed_count=4, hops=0)
    fitted = LikelihoodFit(options, detector)(joined([dim, bright]))
    by_all = LikelihoodFit(options.model_copy(update={"form": "all"}), detector)(dim)
    softer = options.model_copy(update={"form": "first", "model_error": 1.0})
    by_first = LikelihoodFit(softer, detector)(bright)
    for row, alone in enumerate((by_all, by_first)):
        np.testing.assert_array_equal(fitted.direction[row], alone.direction[0])
        assert fitted.extras["log_likelihood"][row] == alone.extras["log_likelihood"][0]
    assert fitted.posterior is not None
    assert by_first.posterior is not None
    np.testing.assert_allclose(fitted.posterior.mode[1], by_first.posterior.mode[0], atol=1e-6)
    assert fitted.pulses_used is not None
    assert fitted.pulses_used.tolist() == [dim.pulse_count[0], bright.dom_count[0]]


def test_pulses_in_one_module_are_too_few_modules(fit: Fit, tracks: EventBatch) -> None:
    event = tracks[:1]
    one_pulse = replace(
        event,
        dom_offsets=np.array([0, 1]),
        pulse_offsets=np.array([0, 1]),
        **{
            name: getattr(event, name)[:1]
            for name in ("sensor_id", "position_m", "time_ns", "charge_pe", "auxiliary")
        },
    )
    one_module = replace(
        one_pulse,
        pulse_offsets=np.array([0, 30]),
        time_ns=np.arange(30.0) * 10,
        charge_pe=np.ones(30, np.float32),
        auxiliary=np.zeros(30, bool),
    )
    for events in (one_pulse, one_module):
        result = fit(events)
        assert result.status.tolist() == [TOO_FEW_MODULES]
        assert np.isnan(result.direction).all()
        assert np.isnan(result.posterior.kappa).all()


def test_an_event_in_dead_modules_only_is_not_fitted(detector: Detector, tracks: EventBatch) -> None:
    alive = detector.alive.copy()
    alive[tracks[:1].sensor_id] = False
    result = LikelihoodFit(
        LikelihoodOptions(hypothesis="track", seed_count=2), replace(detector, alive=alive)
    )(tracks[:1])
    assert result.status.tolist() == [TOO_FEW_MODULES]


def test_times_of_another_event_and_absurd_charges_do_not_stop_a_fit(fit: Fit, tracks: EventBatch) -> None:
    event = tracks[:1]
    time, charge = event.time_ns.copy(), event.charge_pe.copy()
    time[0] -= 1e6
    charge[-1] = 1e5
    result = fit(replace(event, time_ns=time, charge_pe=charge))
    assert result.status[0] in (CONVERGED, NOT_CONVERGED)
    assert np.isfinite(result.direction).all()


def test_a_hundred_thousand_pulses_are_fitted(fit: Fit, tracks: EventBatch) -> None:
    event = tracks[:1]
    times = 100_000 // len(event.time_ns) + 1
    result = fit(
        replace(
            event,
            pulse_offsets=event.pulse_offsets * times,
            time_ns=np.repeat(event.time_ns, times) + np.tile(np.arange(times) * 1e-3, len(event.time_ns)),
            charge_pe=np.repeat(event.charge_pe, times),
            auxiliary=np.repeat(event.auxiliary, times),
        )
    )
    assert np.isfinite(result.direction).all()
    assert result.pulses_used[0] < 100_000


def test_a_card_without_scattering_is_refused() -> None:
    with pytest.raises(IcerecoError, match="scattering_length_m"):
        LikelihoodFit(LikelihoodOptions(), load_detector("pone"))


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a GPU")
def test_a_gpu_that_is_missing_is_reported(detector: Detector) -> None:
    with pytest.raises(IcerecoError, match="this machine has: cpu"):
        LikelihoodFit(LikelihoodOptions(device="cuda"), detector)


@pytest.mark.parametrize("ratio", [1.0, 0.5, 0.25])
def test_the_posterior_of_one_maximum_is_an_ellipse(ratio: float) -> None:
    longer = np.radians(2.0)
    one, zenith, along = np.ones((1, 1)), np.array([[[0.0, 0.0, 1.0]]]), np.array([[[1.0, 0.0, 0.0]]])
    sigma = longer / np.sqrt(TEMPERATURE) * np.array([[[1.0, ratio]]])
    known = {"direction": zenith, "axis": along, "position_m": zenith, "sigma_rad": sigma}
    columns = {name: known.get(name, 0.0 * one) for name in Solutions.__dataclass_fields__}
    columns |= {"hypothesis": np.zeros((1, 1), np.int64), "converged": one > 0}
    posterior = Solutions(**columns).posterior()
    x, y = posterior.sample(20_000)[0, :, :2].T
    assert np.std(x) == pytest.approx(longer, rel=0.03)
    assert np.std(y) == pytest.approx(ratio * longer, rel=0.03)
    # Along the longer axis the density only falls: no round component stands apart.
    angle = np.linspace(0.0, 2.5 * longer, 60)
    path = np.stack([np.sin(angle), 0 * angle, np.cos(angle)], axis=1)
    assert (np.diff(posterior.log_density(path[None])[0]) < 1e-3).all()

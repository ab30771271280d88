"""The profile likelihood of the reconstructor `likelihood`, on simulated events."""

from typing import Any

import numpy as np
import pytest
import torch
from icereco_reconstructors.likelihood.fit import LikelihoodFit
from icereco_reconstructors.likelihood.profile import DirectionProfile
from icereco_reconstructors.options import LikelihoodOptions

from icereco.data.simulated import simulate
from icereco.detector.detector import Detector
from icereco.events.batch import EventBatch
from icereco.events.observations import Observer
from icereco.physics.light.light import LightModel
from icereco.physics.likelihood.climb import climb
from icereco.physics.likelihood.likelihood import Likelihood
from icereco.physics.likelihood.sources import HYPOTHESES, Hypothesis, Sources
from icereco.protocols import ProfileLikelihood, Scannable
from icereco.reconstruction import scan as scanning
from icereco.reconstruction.scan import scan


@pytest.fixture(scope="module")
def events() -> EventBatch:
    return simulate(12, seed=3)


def fitting(detector: Detector, seed_count: int = 4, **options: Any) -> LikelihoodFit:
    return LikelihoodFit(LikelihoodOptions(seed_count=seed_count, **options), detector)


def event_of(events: EventBatch, kind: str) -> EventBatch:
    """The event of a kind with the median number of pulses."""
    assert events.truth is not None
    rows = np.flatnonzero(events.truth.kind == kind)
    row = int(rows[np.argsort(events.pulse_count[rows])[len(rows) // 2]])
    return events[row : row + 1]


@pytest.fixture(scope="module")
def track(events: EventBatch) -> EventBatch:
    return event_of(events, "through_track")


@pytest.fixture(scope="module")
def profile(detector: Detector, track: EventBatch) -> DirectionProfile:
    return fitting(detector, hypothesis="track").profile(track)


@pytest.mark.parametrize("hypothesis", HYPOTHESES.values(), ids=list(HYPOTHESES))
def test_a_climb_at_a_fixed_direction_keeps_it_and_rises(
    detector: Detector, track: EventBatch, hypothesis: Hypothesis
) -> None:
    assert track.truth is not None
    (observed,) = Observer(detector, 0.3)(track)
    likelihood = Likelihood(LightModel(detector), 0.3)
    one = torch.ones(1, dtype=torch.float64)
    travel = torch.from_numpy(-track.truth.direction)
    start = Sources(travel, torch.from_numpy(observed.centre_m), 0 * one, one, 6 * one, 500 * one)
    fixed = hypothesis.of_fixed_direction()
    assert len(fixed.moves) == len(hypothesis.moves) - 2
    before = likelihood(hypothesis, start, observed.observation, 15.0)
    top = climb(likelihood, fixed, start, observed.observation, torch.zeros(1, dtype=torch.long), 15.0, 60)
    assert (top.curvature.value > before).all()
    assert torch.equal(top.sources.travel, travel / travel.norm())


def test_it_is_what_a_scan_asks_for(detector: Detector, profile: DirectionProfile) -> None:
    assert isinstance(fitting(detector), Scannable)
    assert isinstance(profile, ProfileLikelihood)


def test_the_fitted_event_is_that_of_the_ordinary_fit(
    detector: Detector, track: EventBatch, profile: DirectionProfile
) -> None:
    ordinary, scanned = fitting(detector, hypothesis="track")(track), profile.fitted
    np.testing.assert_array_equal(scanned.direction, ordinary.direction)
    assert scanned.extras["log_likelihood"] == ordinary.extras["log_likelihood"]


def test_of_one_hypothesis_the_highest_peak_is_the_fit(profile: DirectionProfile) -> None:
    assert profile.peaks.log_likelihood.max() == profile.fitted.extras["log_likelihood"][0]


@pytest.fixture(params=["track", "auto"])
def profile_of(request: pytest.FixtureRequest, detector: Detector, track: EventBatch) -> DirectionProfile:
    if request.param == "track":
        profile: DirectionProfile = request.getfixturevalue("profile")
        return profile
    return fitting(detector, hypothesis=request.param).profile(track)


def test_at_the_maxima_of_the_fit_the_profile_is_as_high_as_they_are(profile_of: DirectionProfile) -> None:
    profile = profile_of
    matters = profile.peaks.log_likelihood > profile.peaks.log_likelihood.max() - 20.0
    values = profile(profile.peaks.direction[matters])
    assert (values >= profile.peaks.log_likelihood[matters] - 0.01).all()


def test_asking_again_never_lowers_the_profile(profile: DirectionProfile) -> None:
    directions = profile.peaks.direction[:1] + np.array([[0.02, 0, 0], [0, 0.05, 0], [0, 0.1, 0.1]])
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    first = profile(directions)
    assert (profile(directions) >= first).all()


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "hypothesis"), [("through_track", "track"), ("cascade", "cascade")])
def test_the_map_of_an_event_contains_the_maximum_of_the_fit(
    detector: Detector, events: EventBatch, kind: str, hypothesis: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scanning, "_FIRST_NSIDE", 2)
    event = event_of(events, kind)
    made = scan(lambda: fitting(detector, 8, hypothesis=hypothesis).profile(event), 32)
    assert made.missed == 0.0
    assert made.sky.probability.sum() == pytest.approx(1.0)
    assert event.truth is not None
    assert made.sky.content_at(event.truth.direction[0]) < 0.999

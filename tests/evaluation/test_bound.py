"""The bound of the direction's error, and methods beside it."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import torch
from click.testing import CliRunner

from icereco.cli import main
from icereco.data.reading import read_events
from icereco.data.simulated import simulate
from icereco.detector.detector import Detector, load_detector
from icereco.errors import IcerecoError
from icereco.evaluation.bound import Bound, information, median_error
from icereco.events.batch import EventBatch
from icereco.events.observations import Observer
from icereco.physics.light.light import LightModel
from icereco.physics.likelihood.evidence import laplace
from icereco.physics.likelihood.likelihood import Likelihood
from icereco.physics.likelihood.sources import TRACK, Sources
from icereco.physics.sphere import opening_angle
from icereco.tables.saved_reconstructions import read_reconstructions


@pytest.fixture(scope="module")
def bound(detector: Detector) -> Bound:
    return Bound(detector)


@pytest.fixture(scope="module")
def events() -> EventBatch:
    return simulate(12, seed=3)


@pytest.fixture(scope="module")
def whole(bound: Bound, events: EventBatch) -> np.ndarray:
    return bound(events)


def with_kind(events: EventBatch, kind: np.ndarray) -> EventBatch:
    assert events.truth is not None
    return replace(events, truth=replace(events.truth, kind=kind))


def test_four_times_the_light_halves_the_bound(detector: Detector) -> None:
    events = simulate(60, seed=4)
    assert events.truth is not None
    tracks = np.where(events.truth.kind == "through_track", events.pulse_count, 0)
    brightest = int(tracks.argmax())
    (observed,) = Observer(detector, time_error=0.0)(events[brightest : brightest + 1])
    likelihood = Likelihood(LightModel(detector), model_error=0.0)
    one = torch.ones(1, dtype=torch.float64)
    travel = torch.from_numpy(-events.truth.direction[[brightest]])
    sources = Sources(travel, torch.from_numpy(observed.centre_m), 0 * one, one, 7 * one, 500 * one)
    dim = observed.observation
    more = ("efficiency", "count", "noise", "pulse_weight", "noise_per_ns")
    bright = replace(dim, **{name: 4.0 * getattr(dim, name) for name in more})

    def error(seen: object) -> float:
        _, covariance = laplace(TRACK, information(likelihood, TRACK, sources, seen, 2.0))
        return float(median_error(torch.linalg.eigvalsh(covariance[:, :2, :2]).numpy())[0])

    assert error(bright) == pytest.approx(0.5 * error(dim), rel=0.1)


def test_every_event_of_a_known_kind_has_a_bound_and_bright_tracks_the_smallest(
    whole: np.ndarray, events: EventBatch
) -> None:
    assert events.truth is not None
    assert ((whole > 0) & (whole < np.pi)).all()
    cascade = events.truth.kind == "cascade"
    assert np.median(whole[~cascade]) < np.median(whole[cascade])


def test_company_changes_nothing(bound: Bound, events: EventBatch, whole: np.ndarray) -> None:
    parts = np.concatenate([bound(events[:5]), bound(events[5:])])
    np.testing.assert_allclose(parts, whole, rtol=1e-2)


def test_events_of_other_kinds_and_without_vertex_have_none(bound: Bound, events: EventBatch) -> None:
    assert events.truth is not None
    kind = events.truth.kind.copy()
    kind[0], kind[1] = None, "double_bang"
    other = with_kind(events, kind)
    assert other.truth is not None
    without = replace(other, truth=replace(other.truth, vertex_m=None))
    np.testing.assert_array_equal(np.isfinite(bound(other)), np.arange(len(events)) >= 2)
    np.testing.assert_array_equal(np.isfinite(bound(without)), kind == "through_track")


def test_events_without_truth_are_reported(bound: Bound, events: EventBatch) -> None:
    with pytest.raises(IcerecoError, match="true direction and kind"):
        bound(replace(events, truth=None))


def test_a_medium_without_scattering_is_reported() -> None:
    card = load_detector("icecube86")
    with pytest.raises(IcerecoError, match="scatters and absorbs"):
        Bound(replace(card, medium=replace(card.medium, scattering_length_m=None)))


@pytest.mark.parametrize("ratio", [0.0, 0.05, 0.5, 1.0])
def test_half_of_a_gaussian_is_within_its_median(ratio: float) -> None:
    sigma = np.array([2.0, 2.0 * ratio])
    drawn = np.random.default_rng(1).normal(size=(200_000, 2)) * sigma
    expected = np.median(np.linalg.norm(drawn, axis=1))
    assert median_error(np.square(sigma)[None])[0] == pytest.approx(expected, rel=0.01)


@pytest.fixture(scope="module")
def reconstructed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Line fits of twenty simulated events."""
    folder = tmp_path_factory.mktemp("bound")
    path = folder / "line.reco.parquet"
    for arguments in (
        ["simulate", "--events", "20", "-o", str(folder / "simulated")],
        ["reconstruct", str(folder / "simulated"), "--method", "linefit", "-o", str(path)],
    ):
        result = CliRunner().invoke(main, arguments)
        assert result.exit_code == 0, result.output
    return path


def evaluated(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "icereco", "evaluate", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)


def test_evaluate_shows_error_over_bound_of_each_group(reconstructed: Path, bound: Bound) -> None:
    result = evaluated(str(reconstructed), "--bound", "--json")
    assert result.returncode == 0, result.stderr
    document = json.loads(result.stdout)["bound"]
    events = read_events(reconstructed.parent / "simulated")
    saved = read_reconstructions(reconstructed)
    assert saved.truth is not None
    error, smallest = opening_angle(saved.reconstruction.direction, saved.truth.direction), bound(events)
    wholes = [group for group in document["groups"] if group["pulses"] == "all"]
    assert sum(group["events"] for group in wholes) == len(events)
    for group in wholes:
        chosen = saved.truth.kind == group["kind"]
        assert group["bound_deg"] == pytest.approx(np.degrees(np.median(smallest[chosen])), rel=0.01)
        ratio = np.nanmedian(error[chosen] / smallest[chosen])
        assert group["methods"]["linefit"]["ratio"] == pytest.approx(ratio, rel=0.01)
    for group in document["groups"]:
        line = group["methods"]["linefit"]
        if line["ratio_low"] is not None:
            assert line["ratio_low"] <= line["ratio"] <= line["ratio_high"]


def test_the_table_has_kinds_and_methods(reconstructed: Path) -> None:
    result = CliRunner().invoke(main, ["evaluate", str(reconstructed), "--bound"])
    assert result.exit_code == 0, result.output
    for text in ("/ bound", "through_track", "linefit"):
        assert text in result.output


def test_data_that_are_gone_or_others_are_reported(reconstructed: Path) -> None:
    folder = reconstructed.parent / "simulated"
    elsewhere = folder.with_name("elsewhere")
    (events,) = folder.glob("*.parquet")
    table = events.read_bytes()
    try:
        turned = pl.read_parquet(events).with_columns(pl.col("azimuth") * 0.5)
        turned.write_parquet(events)
        assert "another true direction" in evaluated(str(reconstructed), "--bound").stderr
        folder.rename(elsewhere)
        assert "does not exist any more" in evaluated(str(reconstructed), "--bound").stderr
        elsewhere.rename(folder)
    finally:
        events.write_bytes(table)

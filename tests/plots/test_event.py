"""The figure of an event: what it says, sizes and colours, and that it stays small."""

import re
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

import icereco
from icereco.cli import main
from icereco.detector.detector import load_detector
from icereco.draw.canvas.camera import VIEWS, Camera
from icereco.draw.canvas.hits import hits_of
from icereco.draw.event.hypothesis import Hypothesis
from icereco.events.reconstruction import Estimate
from icereco.events.vmf_mixture import VmfMixture
from icereco.physics.sphere import direction_from_angles
from icereco.plots.event import EventDisplay, event_figure
from icereco.plots.event_detector import View
from icereco.plots.event_hits import disc_radius, legend_charges, module_hits
from icereco.plots.style import INK, save_figure
from icereco.reconstruction.models import load_model

DETECTOR = load_detector("icecube86")
CAMERA = Camera.around(DETECTOR.position_m)


@pytest.fixture(scope="module")
def events():
    return icereco.simulate(60, seed=2)


@pytest.fixture(scope="module")
def bright(events):
    return events[int(np.argmax(events.pulse_count))]


def tilted(direction, angle_deg):
    """A direction so far away from another."""
    across = np.cross(direction, [1.0, 0.0, 0.0])
    across /= np.linalg.norm(across)
    return np.cos(np.radians(angle_deg)) * direction + np.sin(np.radians(angle_deg)) * across


def estimate(name, direction, kappa=None):
    posterior = None if kappa is None else VmfMixture.single(direction[None], np.array([kappa]))
    return Estimate(name, direction, posterior)


def svg(path, figure):
    save_figure(path, figure)
    return path.read_text()


def test_the_legend_has_the_kind_and_energy_that_the_main_method_gives(bright):
    true = bright.truth.direction
    complete = replace(
        estimate("good", true),
        energy_gev=1500.0,
        energy_log10_sigma=0.1,
        kind_probability=np.array([0.1, 0.2, 0.7]),
    )
    second = replace(complete, name="second")
    figure = event_figure(EventDisplay(bright, DETECTOR, (complete, second), bright.truth), CAMERA)
    labels = [text.get_text() for legend in figure.legends for text in legend.get_texts()]
    assert "good\n0° from the truth\ncascade 70%\n1.5 TeV (1.19-1.89)" in labels
    assert "second\n0° from the truth" in labels


def test_a_starting_track_is_drawn_from_its_vertex_to_where_it_stops(bright):
    truth = replace(
        bright.truth, kind="starting_track", vertex_m=np.array([20.0, -30.0, 50.0]), energy_gev=100.0, inelasticity=0.4
    )  # fmt: skip
    hypothesis = Hypothesis.of_truth(truth, np.zeros(3))
    stop_m = hypothesis.position_m + hypothesis.length_m * hypothesis.travel
    figure = event_figure(EventDisplay(bright, DETECTOR, truth=truth), CAMERA)
    axes = figure.axes[0]
    view = View.fitting(
        axes, CAMERA, DETECTOR, *(int(limits[1]) for limits in (axes.get_xlim(), axes.get_ylim()))
    )
    start, stop = view.points(np.stack([truth.vertex_m, stop_m]))
    (drawn,) = (line for line in axes.lines if line.get_linestyle() == "--" and line.get_color() == INK)
    np.testing.assert_allclose(drawn.get_xydata(), np.stack([start, stop]), atol=1.0)
    marks = {
        line.get_marker(): line.get_xydata()[0] for line in axes.lines if line.get_marker() in ("D", "s")
    }
    np.testing.assert_allclose(marks["D"], start)
    np.testing.assert_allclose(marks["s"], stop)


def test_a_track_through_the_detector_has_no_ends(bright):
    truth = replace(bright.truth, kind="through_track", vertex_m=np.array([20.0, -30.0, 50.0]))
    figure = event_figure(EventDisplay(bright, DETECTOR, truth=truth), CAMERA)
    assert not [line for line in figure.axes[0].lines if line.get_marker() in ("D", "s")]


def test_the_legend_has_each_method_with_its_angle_to_the_truth(bright, tmp_path):
    true = bright.truth.direction
    estimates = (
        estimate("good", tilted(true, 0.5), 5000.0),
        estimate("poor", tilted(true, 40.0)),
        Estimate("none", None),
    )
    display = EventDisplay(bright, DETECTOR, estimates, bright.truth, "some.parquet")
    text = svg(tmp_path / "event.svg", event_figure(display, CAMERA))
    for words in ("true direction", "good", "0.5° from the truth", "poor", "40° from the truth"):
        assert f">{words}<" in text
    assert ">none<" not in text
    assert f"event {bright.event_id} of some.parquet" in text
    assert f"{len(bright.pulses):,} pulses in {len(bright.doms):,} modules" in text
    assert re.search(r"contours 50%: [\d.]+ deg²", text)
    assert re.search(r">time of the first pulse − [\d,]+ ns \(ns\)<", text)
    assert re.search(r">[\d,.]+ p.e.<", text)


def test_without_truth_angles_are_to_the_first_method(bright, tmp_path):
    true = bright.truth.direction
    estimates = estimate("first", true), estimate("second", tilted(true, 7.0))
    text = svg(tmp_path / "event.svg", event_figure(EventDisplay(bright, DETECTOR, estimates), CAMERA))
    assert ">7° from first<" in text
    assert "truth" not in text
    assert "true direction" not in text


@pytest.mark.parametrize(("kappa", "whole"), [(5000.0, False), (1.0, True), (1e8, False)])
def test_the_sky_is_whole_where_contours_are_large(bright, kappa, whole):
    display = EventDisplay(
        bright, DETECTOR, (estimate("model", bright.truth.direction, kappa),), bright.truth
    )
    figure = event_figure(display, CAMERA)
    assert any(axes.get_xlim() == (-2.02, 2.02) for axes in figure.axes) == whole


@pytest.mark.parametrize("kappa", [100.0, 500.0, 600.0, 3000.0])
def test_names_of_lines_on_the_sky_do_not_touch(bright, kappa):
    direction = direction_from_angles(*np.radians([[280.0], [101.0]]))[0]
    display = EventDisplay(bright, DETECTOR, (estimate("model", direction, kappa),))
    figure = event_figure(display, CAMERA)
    names = [text for text in figure.axes[-1].texts if text.get_va() == "top"]
    extents = sorted((text.get_window_extent().extents.tolist() for text in names), key=lambda one: one[0])
    assert len(extents) > 1
    for left, right in pairwise(extents):
        assert left[2] < right[0]


def test_run_and_start_are_in_the_title_where_they_are_known(bright, tmp_path):
    extras = {"run": np.array([1234.0]), "start_mjd": np.array([59_000.25])}
    event = replace(bright.batch, event_extras=extras)[0]
    text = svg(tmp_path / "event.svg", event_figure(EventDisplay(event, DETECTOR), CAMERA))
    assert "run 1234" in text
    assert "2020-05-31 06:00:00 UTC" in text


@pytest.mark.parametrize("view", VIEWS)
def test_files_are_small_and_the_same_every_time(bright, tmp_path, view):
    display = EventDisplay(
        bright, DETECTOR, (estimate("model", bright.truth.direction, 300.0),), bright.truth
    )
    one, two = (
        svg(tmp_path / name, event_figure(display, CAMERA.seen_from(view))) for name in ("one.svg", "two.svg")
    )
    assert one == two
    assert len(one) < 500_000
    assert "<image" not in one


def test_events_without_pulses_or_directions_are_drawn(bright, tmp_path):
    batch = replace(bright.batch, truth=None)
    empty = replace(
        batch, dom_offsets=np.zeros(2, np.int64), sensor_id=batch.sensor_id[:0], position_m=batch.position_m[:0],
        pulse_offsets=np.zeros(1, np.int64), time_ns=batch.time_ns[:0], charge_pe=batch.charge_pe[:0],
        auxiliary=batch.auxiliary[:0], pulse_extras={},
    )[0]  # fmt: skip
    text = svg(tmp_path / "empty.svg", event_figure(EventDisplay(empty, DETECTOR), CAMERA))
    assert "0 pulses in 0 modules" in text
    assert "true direction" not in text


def test_auxiliary_pulses_of_a_module_with_others_count_for_nothing(bright):
    hits = hits_of(bright)
    modules = module_hits(hits)
    mixed = np.flatnonzero(~hits.auxiliary)
    for dom in mixed[:50]:
        pulses = slice(hits.offsets[dom], hits.offsets[dom + 1])
        plain = ~hits.pulse_auxiliary[pulses]
        assert modules.first_ns[dom] == hits.time_ns[pulses][plain].min()
        assert modules.charge_pe[dom] == pytest.approx(hits.charge_pe[pulses][plain].sum())


def test_an_event_of_auxiliary_pulses_alone_is_drawn_with_discs(bright):
    faint = replace(bright.batch, auxiliary=np.ones_like(bright.batch.auxiliary))[0]
    modules = module_hits(hits_of(faint))
    assert not modules.auxiliary.any()
    assert np.isfinite(modules.first_ns).all()


@pytest.mark.parametrize("charges", [[1.0], [0.02, 0.04], [0.3, 2.0, 40.0], [1.0, 3e5]])
def test_the_charges_of_the_legend_are_among_those_of_the_event(bright, charges):
    modules = module_hits(hits_of(bright))
    some = replace(
        modules, charge_pe=np.array(charges), auxiliary=np.zeros(len(charges), bool),
        sensor_id=modules.sensor_id[: len(charges)], position_m=modules.position_m[: len(charges)],
        first_ns=modules.first_ns[: len(charges)],
    )  # fmt: skip
    shown = legend_charges(some)
    assert 1 <= len(shown) <= 3
    assert min(charges) / 2 < shown[0] <= shown[-1] < 2 * max(charges)
    assert (np.diff(disc_radius(np.array(shown))) > 0).all()


def test_python_returns_a_figure_of_matplotlib(events):
    from matplotlib.figure import Figure

    figure = icereco.plot_event(events[0], load_model("linefit"), turn=30, tilt=20, zoom=2)
    assert isinstance(figure, Figure)
    with pytest.raises(icereco.IcerecoError, match="detector=NAME"):
        icereco.plot_event(icereco.simulate(1, "gen2", noise_scale=0)[0], "linefit")


@pytest.fixture
def saved(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(main, ["simulate", "--events", "3", "--seed", "2", "-o", "events.parquet"])
    assert result.exit_code == 0, result.output
    return Path("events.parquet")


def view(*arguments):
    return CliRunner().invoke(main, ["view", "events.parquet", "1", *map(str, arguments)])


def test_view_writes_figures_beside_pictures_of_characters(saved):
    result = view("-o", "a.pdf", "-o", "a.svg", "-o", "a.png", "--png", "b.png", "--colors", "viridis")
    assert result.exit_code == 0, result.output
    assert [line.split()[1] for line in result.output.splitlines()] == ["a.pdf", "a.svg", "a.png", "b.png"]
    assert Path("a.pdf").read_bytes().startswith(b"%PDF")
    assert "from the truth" in Path("a.svg").read_text()


@pytest.mark.parametrize(
    ("name", "words"), [("a.pfd", "did you mean '.pdf'"), ("a", "a file without suffix")]
)
def test_other_endings_are_refused_before_anything_is_read(name, words):
    result = view("-o", name)
    assert result.exit_code == 2
    assert words in result.output

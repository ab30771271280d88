"""Figures of evaluations: the numbers in them are those of the events, whatever is missing, and files come whole."""

import json
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner, Result
from PIL import Image

import icereco
from icereco.cli import main
from icereco.errors import IcerecoError
from icereco.evaluation.curves import LEAST_EVENTS, QUANTITIES, curve, edges_of, values_of
from icereco.events.truth import EVENT_KINDS
from icereco.physics.sphere import opening_angle


def run(*arguments: object) -> Result:
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Events, and two files of reconstructions of them."""
    folder = tmp_path_factory.mktemp("figures")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ICERECO_CACHE", str(folder / "cache"))
        patch.chdir(folder)
        for arguments in (
            ("simulate", "--events", 400, "--seed", 9, "-o", "sim"),
            ("reconstruct", "sim", "--method", "linefit", "-o", "line.parquet"),
            ("reconstruct", "sim", "--method", "robust-linefit", "-o", "robust.parquet"),
        ):
            result = run(*arguments)
            assert result.exit_code == 0, result.output
    return folder


@pytest.fixture(autouse=True)
def here(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)


@pytest.mark.parametrize("by", QUANTITIES)
def test_every_event_is_in_one_bin_and_medians_are_those_of_its_events(by):
    events = icereco.simulate(300)
    error = np.random.default_rng(1).uniform(0, np.pi, len(events))
    values = values_of(by, events.truth, events.pulse_count)
    edges = edges_of(QUANTITIES[by], values)
    bins = curve("any", error, values, edges)
    assert bins.events.sum() == len(events)
    fullest = int(bins.events.argmax())
    inside = (values >= bins.low[fullest]) & (values < bins.high[fullest])
    assert bins.quantile_deg[fullest, 2] == pytest.approx(np.degrees(np.median(error[inside])))
    few = bins.events < LEAST_EVENTS
    assert np.isnan(bins.quantile_deg[few]).all()
    assert np.isfinite(bins.quantile_deg[~few]).all()


def test_events_without_a_direction_or_a_value_are_in_no_bin():
    error, values = np.full(60, 0.1), np.linspace(-1, 1, 60)
    error[:5], values[5:10] = np.nan, np.nan
    assert curve("any", error, values, np.linspace(-1, 1, 3)).events.sum() == 50


@pytest.mark.parametrize("form", ["pdf", "svg", "png"])
def test_a_folder_gets_every_figure_with_its_numbers_and_captions(form, tmp_path):
    plots = tmp_path / "plots"
    result = run(
        "evaluate",
        "line.parquet",
        "--with",
        "robust.parquet",
        "--plot",
        plots,
        "--plot-format",
        form,
        "--json",
    )
    assert result.exit_code == 0, result.output
    figures = [Path(path) for path in json.loads(result.stdout)["figures"]]
    names = {path.stem for path in figures}
    assert names == {f"error_by_{name}" for name in QUANTITIES} | {"error_cumulative", "error_over_sky"}
    captions = (plots / "figures.md").read_text()
    for path in figures:
        assert path.stat().st_size > 3_000
        assert path.name in captions
        assert len(pq.read_table(path.with_suffix(".parquet")))
        if form == "png":
            with Image.open(path) as image:
                assert len(np.unique(np.asarray(image.convert("RGB")).reshape(-1, 3), axis=0)) > 20
    numbers = pq.read_table(plots / "error_by_kind.parquet").to_pylist()
    assert {row["method"] for row in numbers} == {"linefit", "robust-linefit"}
    resolution = json.loads(run("evaluate", "line.parquet", "--json").stdout)["resolution"]["kind"]
    for number, kind in enumerate(EVENT_KINDS):
        (row,) = [one for one in numbers if one["method"] == "linefit" and one["low"] == number - 0.5]
        assert row["events"] == resolution[kind]["events"]
        assert row["error_50_deg"] == pytest.approx(resolution[kind]["median_deg"])
    again = run("evaluate", "line.parquet", "--by", "energy", "--plot", plots, "--plot-format", form)
    assert again.exit_code == 0, again.output


def test_what_cannot_be_drawn_is_refused_in_one_message_and_nothing_is_written(tmp_path):
    other = tmp_path / "mine"
    other.mkdir()
    (other / "thesis.tex").write_text("chapter one")
    for arguments, said in (
        (("--plot", other), "holds other files"),
        (("--by", "energy"), "add --plot DIR"),
        (("--plot", tmp_path / "new", "--by", "enrgy"), "energy"),
        (("--plot", tmp_path / "new", "--with", "nothing.parquet"), "nothing.parquet"),
    ):
        result = run("evaluate", "line.parquet", *arguments)
        assert result.exit_code == 2, result.output
        assert said in result.stderr
        assert "Traceback" not in result.output
    assert not (tmp_path / "new").exists()
    assert [path.name for path in other.iterdir()] == ["thesis.tex"]


def test_reconstructions_in_memory_are_drawn_beside_each_other():
    events = icereco.simulate(200)
    fits = {name: icereco.reconstruct(events, name) for name in ("linefit", "robust-linefit")}
    (axes,) = icereco.plot_resolution(fits, events, by="zenith").axes
    (first, *_) = axes.get_lines()
    error = np.degrees(opening_angle(fits["linefit"].direction, events.truth.direction))
    assert np.nanmin(first.get_ydata()) < np.median(error) < np.nanmax(first.get_ydata())
    with pytest.raises(IcerecoError, match="200 directions"):
        icereco.plot_resolution(fits["linefit"], icereco.simulate(100))
    with pytest.raises(IcerecoError, match="energy"):
        icereco.plot_resolution(fits, events, by="enrgy")


@pytest.mark.parametrize("by", QUANTITIES)
def test_a_figure_of_too_few_events_says_so(by):
    events = icereco.simulate(LEAST_EVENTS - 1)
    (axes,) = icereco.plot_resolution(icereco.reconstruct(events, "linefit"), events, by=by).axes
    assert [text.get_text() for text in axes.texts] == ["no bin has enough events"]

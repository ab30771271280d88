"""Figures of energy, vertex, kind and inelasticity: their numbers are those of the events, whatever is missing."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

from icereco.cli import main
from icereco.evaluation.targets import evaluate_targets
from icereco.evaluation.vertex import CONTAINED
from icereco.events.truth import EVENT_KINDS
from icereco.plots.against_truth import PairHistogram
from icereco.plots.targets import target_figures
from icereco.tables.saved_reconstructions import read_reconstructions

NAMES = {
    "energy",
    "energy_bias",
    "vertex",
    "kind_confusion",
    "kind_roc",
    "kind_reliability",
    "inelasticity",
}


@pytest.fixture
def saved(tmp_path, smeared_events, write_reconstruction):
    return read_reconstructions(write_reconstruction(tmp_path / "smeared.parquet", *smeared_events))


def drawn(saved, truth=None, **quantities):
    """The figures of a file of which something else is known, by name; each is rendered, too."""
    changed = replace(
        saved, truth=truth or saved.truth, reconstruction=replace(saved.reconstruction, **quantities)
    )
    figures = {one.name: one for one in target_figures(changed)}
    for one in figures.values():
        one.figure.canvas.draw()
    return figures


def test_every_figure_has_a_file_its_numbers_and_a_caption(saved, tmp_path):
    arguments = ["evaluate", str(saved.path), "--plot", str(tmp_path / "plots"), "--json"]
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 0, result.output
    figures = [Path(path) for path in json.loads(result.stdout)["figures"]]
    assert {path.stem for path in figures} >= NAMES
    captions = (tmp_path / "plots" / "figures.md").read_text()
    for path in figures:
        assert path.name in captions
        assert len(pq.read_table(path.with_suffix(".parquet")))


def test_the_numbers_behind_figures_are_those_of_the_evaluation(saved):
    figures = drawn(saved)
    targets = evaluate_targets(saved.reconstruction, saved.truth)
    count = targets.energy["groups"]["all"]["events"]
    assert sum(figures["energy"].data["events"].to_pylist()) == count
    bins = [row for row in figures["energy_bias"].data.to_pylist() if row["group"] == "all"]
    assert sum(row["events"] for row in bins) == count
    vertices = figures["vertex"].data
    assert np.median(vertices["distance_m"]) == pytest.approx(
        targets.vertex["groups"]["all"]["median_m"]["value"]
    )
    assert set(vertices["kind"].to_pylist()) == set(CONTAINED)
    for row in figures["kind_confusion"].data.to_pylist():
        assert row["events"] == targets.kind["confusion"][row["true_kind"]][row["most_probable_kind"]]
    for kind in EVENT_KINDS:
        points = [row for row in figures["kind_roc"].data.to_pylist() if row["kind"] == kind]
        area = np.trapezoid(
            [row["fraction_of_kind"] for row in points], [row["fraction_of_others"] for row in points]
        )
        assert area == pytest.approx(targets.kind["kinds"][kind]["area"]["value"])
    rows = figures["kind_reliability"].data.to_pylist()
    assert sum(row["events"] for row in rows) == 3 * targets.kind["events"]


def test_quantities_without_truth_or_estimate_are_not_drawn(saved):
    assert set(drawn(saved, energy_gev=None, kind_probability=None)) == {"vertex", "inelasticity"}
    directions = replace(saved.truth, energy_gev=None, kind=None, vertex_m=None, inelasticity=None)
    assert drawn(saved, directions) == {}
    empty = {name: np.full_like(one, np.nan) for name, one in saved.reconstruction.quantities.items()}
    assert drawn(saved, **empty) == {}


def test_one_event_is_drawn(saved):
    lone = {name: one.copy() for name, one in saved.reconstruction.quantities.items()}
    row = int(np.flatnonzero(saved.truth.kind == "cascade")[-1])
    for values in lone.values():
        values[np.arange(len(values)) != row] = np.nan
    figures = drawn(saved, **lone)
    assert set(figures) == NAMES - {"kind_roc"}
    assert [text.get_text() for text in figures["energy_bias"].figure.axes[0].texts] == [
        "no bin has enough events"
    ]


def test_vertices_are_drawn_where_no_kind_is_known(saved):
    figures = drawn(saved, replace(saved.truth, kind=None))
    assert len(figures["vertex"].data) == np.isfinite(saved.reconstruction.vertex_m).all(axis=1).sum()
    assert "through-going" not in figures["vertex"].caption


@pytest.mark.parametrize(("estimated", "true"), [([5.0], [5.0]), ([1.0, 1e7], [3.0, 2.0])])
def test_every_pair_of_values_is_in_a_cell(estimated, true):
    pairs = PairHistogram.of(np.array(estimated), np.array(true))
    assert pairs.counts.sum() == len(true)
    for row in pairs.table().to_pylist():
        assert any(row["true_low"] <= one <= row["true_high"] for one in true)
        assert any(row["estimate_low"] <= one <= row["estimate_high"] for one in estimated)

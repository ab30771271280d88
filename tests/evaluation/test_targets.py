"""Energy, vertex, kind and inelasticity: the figures are the plain definitions, and honest where something is missing."""

import json
from dataclasses import replace
from itertools import product

import numpy as np
import polars as pl
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

from icereco.cli import main
from icereco.evaluation.calibration import interval
from icereco.evaluation.curves import LEAST_EVENTS
from icereco.evaluation.energy import energy_evaluation
from icereco.evaluation.evaluate import evaluate
from icereco.evaluation.inelasticity import inelasticity_evaluation
from icereco.evaluation.kind import kind_evaluation
from icereco.evaluation.measured import bias_and_spread, measured
from icereco.evaluation.measured import quantile as quantile_measured
from icereco.evaluation.roc import area_under_roc, roc
from icereco.evaluation.target_groups import energy_edges, target_groups
from icereco.evaluation.targets import evaluate_targets
from icereco.evaluation.vertex import CONTAINED, vertex_evaluation
from icereco.events.reconstruction import Reconstruction
from icereco.events.truth import EVENT_KINDS, Truth

UP = np.array([0.0, 0.0, 1.0])
NO_VALUE = {"value": None, "least": None, "most": None}
TARGETS = ("energy", "vertex", "kind", "inelasticity")


def quantile(values, part):
    """With linear interpolation between sorted values, written out."""
    ordered = sorted(map(float, values))
    place = part * (len(ordered) - 1)
    below = int(place)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (place - below) * (ordered[above] - ordered[below])


def half_central(values):
    return 0.5 * (quantile(values, 0.84) - quantile(values, 0.16))


def truth_of(count, **quantities):
    return Truth(np.tile(UP, (count, 1)), **quantities)


def energies(energy_gev, log10_sigma=None, interval_gev=None):
    return Reconstruction(
        np.tile(UP, (len(energy_gev), 1)),
        energy_gev=energy_gev,
        energy_log10_sigma=log10_sigma,
        energy_interval_gev=interval_gev,
    )


@pytest.fixture(scope="module")
def file(tmp_path_factory, smeared_events, write_reconstruction):
    return write_reconstruction(tmp_path_factory.mktemp("targets") / "smeared.parquet", *smeared_events)


def groups_of(truth, good):
    """The events of each group, written independently of the code under test."""
    groups = {"all": good} | {kind: good & (truth.kind == kind) for kind in EVENT_KINDS}
    return {name: chosen for name, chosen in groups.items() if chosen.any()}


def test_energies_are_described_by_quantiles_of_their_logarithm(smeared_events):
    events, made = smeared_events
    truth = events.truth
    evaluation = energy_evaluation(made, truth)
    assert evaluation["without_estimate"] == 3
    residual = np.log10(made.energy_gev) - np.log10(truth.energy_gev)
    for name, chosen in groups_of(truth, np.isfinite(residual)).items():
        group, error = evaluation["groups"][name], residual[chosen]
        pull = error / made.energy_log10_sigma[chosen]
        assert group["events"] == chosen.sum()
        assert group["bias"]["value"] == pytest.approx(pl.Series(error).median())
        assert group["spread"]["value"] == pytest.approx(half_central(error))
        assert group["pull_width"]["value"] == pytest.approx(half_central(pull))
        inside = int(sum(abs(one) <= 1 for one in pull))
        assert group["coverage"]["value"] == inside / chosen.sum()
        assert (group["coverage"]["least"], group["coverage"]["most"]) == interval(inside, int(chosen.sum()))


def test_a_right_sigma_has_a_pull_of_width_one_and_holds_68_percent():
    random = np.random.default_rng(1)
    sigma = random.uniform(0.1, 0.5, 20_000)
    true = 10 ** random.uniform(2, 6, 20_000)
    made = true * 10 ** (sigma * random.normal(size=20_000))
    right = energy_evaluation(energies(made, sigma), truth_of(20_000, energy_gev=true))["groups"]["all"]
    assert right["coverage"]["value"] == pytest.approx(0.683, abs=0.01)
    assert right["pull_width"]["value"] == pytest.approx(1.0, abs=0.03)
    small = energy_evaluation(energies(made, sigma / 2), truth_of(20_000, energy_gev=true))["groups"]["all"]
    assert small["pull_width"]["value"] == pytest.approx(2.0, abs=0.06)


def test_energies_are_grouped_in_half_decades_with_enough_events():
    true = np.concatenate([np.full(30, 150.0), np.full(LEAST_EVENTS - 1, 500.0), np.full(25, 2e6)])
    groups = energy_evaluation(energies(true), truth_of(len(true), energy_gev=true))["groups"]
    assert {name: group["events"] for name, group in groups.items()} == {
        "all": len(true),
        "100-316 GeV": 30,
        "1-3.16 PeV": 25,
    }
    assert groups["all"]["coverage"] is None
    assert groups["all"]["pull_width"] is None


@pytest.mark.parametrize("energy_gev", [1.0, 99.999, 100.0, 10**2.5, 3e7])
def test_edges_hold_every_energy(energy_gev):
    edges = energy_edges(np.array([energy_gev]))
    assert edges[0] <= energy_gev < edges[-1]


def test_an_energy_that_is_not_positive_is_no_estimate():
    truth = truth_of(4, energy_gev=np.array([10.0, 10.0, 10.0, np.nan]))
    evaluation = energy_evaluation(energies(np.array([0.0, -1.0, 100.0, 5.0])), truth)
    assert evaluation["without_estimate"] == 2
    assert evaluation["groups"]["all"]["bias"]["value"] == pytest.approx(1.0)


def test_intervals_of_bias_and_spread_are_as_wide_as_theory_says():
    sample = np.random.default_rng(2).normal(0.0, 1.0, (1, 4_000))
    bias, spread = measured(bias_and_spread, sample)
    assert bias["least"] < bias["value"] < bias["most"]
    expected = 2 * 1.96 * np.sqrt(np.pi / 2 / 4_000)  # of the median of a normal distribution
    assert bias["most"] - bias["least"] == pytest.approx(expected, rel=0.25)
    assert spread["least"] < 0.9945 < spread["most"]  # the 84 % quantile of a normal distribution


def test_vertices_are_measured_along_and_across_the_flight():
    """The neutrino came from above: ahead is down."""
    truth = truth_of(30, vertex_m=np.zeros((30, 3)), kind=np.full(30, "cascade", object))
    group = vertex_evaluation(np.tile([3.0, 4.0, -12.0], (30, 1)), None, truth)["groups"]["all"]
    values = {name: group[name]["value"] for name in ("median_m", "containment68_m", "along_m", "across_m")}
    assert values == pytest.approx(
        {"median_m": 13.0, "containment68_m": 13.0, "along_m": 12.0, "across_m": 5.0}
    )
    assert {axis: one["value"] for axis, one in group["bias_m"].items()} == {"x": 3.0, "y": 4.0, "z": -12.0}


def test_only_vertices_of_contained_kinds_are_evaluated(smeared_events):
    events, made = smeared_events
    truth = events.truth
    evaluation = vertex_evaluation(made.vertex_m, made.vertex_covariance_m2, truth)
    contained = np.isin(truth.kind.astype(str), CONTAINED)
    assert evaluation["other_kinds"] == (~contained).sum() > 0
    assert evaluation["without_estimate"] == contained[:3].sum()
    distance = np.sqrt(((made.vertex_m - truth.vertex_m) ** 2).sum(axis=1))
    for name, chosen in groups_of(truth, contained & np.isfinite(distance)).items():
        group = evaluation["groups"][name]
        assert group["events"] == chosen.sum()
        assert group["median_m"]["value"] == pytest.approx(pl.Series(distance[chosen]).median())
        assert group["containment68_m"]["value"] == pytest.approx(quantile(distance[chosen], 0.68))
    without_kinds = vertex_evaluation(made.vertex_m, None, replace(truth, kind=None))
    assert without_kinds["groups"]["all"]["events"] == np.isfinite(distance).sum()


def test_vertices_without_a_true_direction_have_no_along():
    truth = Truth(np.full((12, 3), np.nan), vertex_m=np.zeros((12, 3)))
    group = vertex_evaluation(np.ones((12, 3)), None, truth)["groups"]["all"]
    assert group["along_m"] is group["across_m"] is None
    assert group["median_m"]["value"] == pytest.approx(np.sqrt(3))


def test_kinds_are_counted_by_hand():
    truth = truth_of(5, kind=np.array(["cascade", "cascade", "through_track", "track", None], object))
    probability = np.array(
        [[0.1, 0.2, 0.7], [0.6, 0.0, 0.4], [0.8, 0.1, 0.1], [0.2, 0.2, 0.6], [1.0, 0.0, 0.0]]
    )
    evaluation = kind_evaluation(probability, truth)
    assert evaluation["events"] == 3
    assert evaluation["other_kinds"] == 2
    assert evaluation["confusion"]["cascade"] == {"through_track": 1, "starting_track": 0, "cascade": 1}
    assert evaluation["confusion"]["through_track"]["through_track"] == 1
    assert evaluation["accuracy"]["value"] == pytest.approx(2 / 3)
    assert evaluation["log_loss"]["value"] == pytest.approx(-np.log([0.7, 0.4, 0.8]).mean())
    # most probable kinds: 0.7 right, 0.6 wrong, 0.8 right, each in a range of its own
    assert evaluation["calibration_error"] == pytest.approx((0.3 + 0.6 + 0.2) / 3)
    assert evaluation["kinds"]["starting_track"]["area"] == NO_VALUE
    assert evaluation["kinds"]["cascade"]["area"]["value"] == 1.0


def test_a_probability_of_zero_for_the_true_kind_costs_a_finite_loss():
    evaluation = kind_evaluation(np.array([[1.0, 0.0, 0.0]]), truth_of(1, kind=np.array(["cascade"], object)))
    assert 20 < evaluation["log_loss"]["value"] < 40


def test_right_probabilities_are_calibrated():
    random = np.random.default_rng(4)
    probability = random.dirichlet([1.0, 1.0, 1.0], 20_000)
    drawn = (random.random((20_000, 1)) > probability.cumsum(axis=1)[:, :2]).sum(axis=1)
    truth = truth_of(20_000, kind=np.array(EVENT_KINDS, object)[drawn])
    right = kind_evaluation(probability, truth)
    assert right["calibration_error"] < 0.02
    bins = [one for kind in right["kinds"].values() for one in kind["reliability"]]
    assert sum(one["events"] for one in bins) == 3 * 20_000
    held = [one["observed"]["least"] <= one["probability"] <= one["observed"]["most"] for one in bins]
    assert np.mean(held) > 0.8
    sharpened = probability**3 / (probability**3).sum(axis=1, keepdims=True)
    assert kind_evaluation(sharpened, truth)["calibration_error"] > 0.1


@pytest.mark.parametrize("digits", [1, 6], ids=["ties", "no ties"])
def test_the_area_is_the_fraction_of_pairs_in_the_right_order(digits):
    random = np.random.default_rng(5)
    positive = random.random(90) < 0.4
    score = np.round(random.normal(positive * 0.8), digits)
    pairs = [(a > b) + 0.5 * (a == b) for a, b in product(score[positive], score[~positive])]
    area = area_under_roc(score, positive)
    assert area["value"] == pytest.approx(np.mean(pairs))
    curve = roc(score, positive)
    assert np.trapezoid(curve.of_class, curve.others) == pytest.approx(area["value"])
    assert (curve.others[0], curve.of_class[0]) == (0, 0)
    assert (curve.others[-1], curve.of_class[-1]) == (1, 1)


def test_an_area_of_scores_that_do_not_overlap_has_no_interval():
    assert area_under_roc(np.arange(40.0), np.arange(40) >= 20) == {"value": 1.0, "least": None, "most": None}


def test_the_interval_of_the_area_is_that_of_repeated_samples():
    random = np.random.default_rng(6)
    positive = np.arange(200) < 80
    areas = [area_under_roc(random.normal(positive * 1.0), positive) for _ in range(400)]
    true = 0.7602  # Φ(1/√2)
    assert np.mean([one["least"] <= true <= one["most"] for one in areas]) == pytest.approx(0.95, abs=0.03)


def test_inelasticities_are_described_by_bias_spread_and_correlation(smeared_events):
    events, made = smeared_events
    truth = events.truth
    evaluation = inelasticity_evaluation(made.inelasticity, made.inelasticity_sigma, truth)
    known = np.isfinite(made.inelasticity) & np.isfinite(truth.inelasticity)
    assert evaluation["groups"]["all"]["events"] == known.sum()
    error = (made.inelasticity - truth.inelasticity)[known]
    group = evaluation["groups"]["all"]
    assert group["bias"]["value"] == pytest.approx(pl.Series(error).median())
    assert group["spread"]["value"] == pytest.approx(half_central(error))
    expected = np.corrcoef(made.inelasticity[known], truth.inelasticity[known])[0, 1]
    assert group["correlation"]["value"] == pytest.approx(expected)
    assert group["correlation"]["least"] < expected < group["correlation"]["most"]


def test_a_constant_inelasticity_has_no_correlation():
    truth = truth_of(50, inelasticity=np.linspace(0, 1, 50))
    group = inelasticity_evaluation(np.full(50, 0.5), None, truth)["groups"]["all"]
    assert group["correlation"] == NO_VALUE


def test_the_file_says_the_same_in_json_and_as_tables(file):
    result = CliRunner().invoke(main, ["evaluate", str(file), "--json"])
    assert result.exit_code == 0, result.output
    document = json.loads(result.stdout)
    assert document["energy"] == evaluate(file).to_json()["energy"]
    text = CliRunner().invoke(main, ["evaluate", str(file)], env={"COLUMNS": "80"}).output
    assert "…" not in text
    assert max(map(len, text.splitlines()[:40])) <= 80
    (energy,) = [one for one in text.splitlines() if one.split()[:1] == ["all"] and "+0.1" in one]
    assert f"{document['energy']['groups']['all']['spread']['value']:.3f}" in energy
    for said in (
        "Energy: median",
        "Vertex: median",
        "Kind: of each true kind",
        "Inelasticity: median",
        "starting track",
    ):
        assert said in text
    assert "a true energy and no estimate of it: 3 events" in text
    assert "where it enters the simulated volume" in text


def test_a_file_of_directions_alone_says_nothing_of_other_quantities(
    tmp_path, smeared_events, write_reconstruction
):
    events, made = smeared_events
    path = write_reconstruction(
        tmp_path / "directions.parquet", events, replace(made, **dict.fromkeys(made.quantities))
    )
    assert not evaluate(path).targets
    assert not set(TARGETS) & set(evaluate(path).to_json())
    output = CliRunner().invoke(main, ["evaluate", str(path)]).output
    assert output.rstrip().endswith("3 events got no direction; the angles leave them out")


@pytest.mark.parametrize("form", ["csv", "arrow"])
def test_files_without_provenance_have_estimated_energies(tmp_path, file, form):
    path = tmp_path / f"smeared.{form}"
    frame = pl.read_parquet(file)
    frame.write_csv(path) if form == "csv" else frame.write_ipc(path)
    assert evaluate(path).targets.energy == evaluate(file).targets.energy


@pytest.mark.parametrize("missing", TARGETS)
def test_a_quantity_without_truth_is_absent_and_the_others_stay(tmp_path, file, missing):
    table = pq.read_table(file)
    table = table.drop_columns([name for name in table.column_names if name.startswith(f"true_{missing}")])
    pq.write_table(table, tmp_path / "part.parquet")
    found = set(evaluate(tmp_path / "part.parquet").to_json()) & set(TARGETS)
    assert found == set(TARGETS) - {missing}


def test_quantities_that_a_method_gives_for_no_event_are_counted(smeared_events):
    events, made = smeared_events
    empty = replace(made, **{name: np.full_like(column, np.nan) for name, column in made.quantities.items()})
    targets = evaluate_targets(empty, events.truth)
    assert targets.energy == {"groups": {}, "without_estimate": 400}
    assert targets.vertex["groups"] == targets.inelasticity["groups"] == {}
    assert (targets.kind["events"], targets.kind["accuracy"]) == (0, NO_VALUE)
    json.dumps(targets.to_json(), allow_nan=False)


@pytest.mark.parametrize("count", [0, 1, 5])
def test_few_events_have_figures_without_intervals(smeared_events, count):
    events, made = smeared_events
    part = {name: column[3 : 3 + count] for name, column in made.quantities.items()}
    few = replace(made, direction=made.direction[3 : 3 + count], **part)
    targets = evaluate_targets(few, events.truth[3 : 3 + count])
    json.dumps(targets.to_json(), allow_nan=False)
    assert bool(targets.energy["groups"]) == (count > 0)
    for group in targets.energy["groups"].values():
        assert group["bias"]["value"] is not None
        assert group["bias"]["least"] is group["bias"]["most"] is None
    assert targets.kind["events"] == count


def test_events_of_one_kind_have_an_accuracy_and_no_area(smeared_events):
    events, made = smeared_events
    rows = np.flatnonzero(events.truth.kind == "cascade")
    truth = truth_of(len(rows), kind=events.truth.kind[rows])
    evaluation = kind_evaluation(made.kind_probability[rows], truth)
    assert evaluation["accuracy"]["value"] > 0.5
    assert all(one["area"] == NO_VALUE for one in evaluation["kinds"].values())


def test_groups_are_of_the_evaluated_events_only(smeared_events):
    truth = smeared_events[0].truth
    evaluated = truth.kind == "cascade"
    names = dict(target_groups(truth, evaluated))
    assert set(EVENT_KINDS) & set(names) == {"cascade"}
    assert sum(one.sum() for name, one in names.items() if "eV" in name) <= evaluated.sum()


@pytest.mark.parametrize("part", [0.5, 0.68])
def test_the_interval_of_a_quantile_holds_it_in_95_percent_of_samples(part):
    random = np.random.default_rng(7)
    samples = [quantile_measured(random.random(150), part) for _ in range(600)]
    assert np.mean([one["least"] <= part <= one["most"] for one in samples]) == pytest.approx(0.95, abs=0.03)


def test_events_outside_an_uneven_interval_are_counted_on_their_side():
    made = energies(np.full(4, 100.0), np.full(4, 0.5), np.tile([80.0, 300.0], (4, 1)))
    truth = truth_of(4, energy_gev=np.array([70.0, 90.0, 290.0, 400.0]))
    group = energy_evaluation(made, truth)["groups"]["all"]
    assert [group[name]["value"] for name in ("below", "coverage", "above")] == [0.25, 0.5, 0.25]


@pytest.mark.parametrize("scale", [1.0, 0.25])
def test_right_covariances_have_ellipsoids_that_hold_what_they_say(scale):
    random = np.random.default_rng(8)
    root = random.normal(size=(20_000, 3, 3))
    covariance = root @ np.swapaxes(root, 1, 2)
    vertex = (root @ random.normal(size=(20_000, 3, 1)))[..., 0]
    truth = truth_of(20_000, vertex_m=np.zeros((20_000, 3)))
    group = vertex_evaluation(vertex, scale * covariance, truth)["groups"]["all"]
    assert group["pull_width"]["value"] == pytest.approx(scale**-0.5, rel=0.02)
    if scale == 1.0:
        held = {name: one["value"] for name, one in group["inside"].items()}
        assert held == pytest.approx({"50%": 0.5, "68%": 0.68, "90%": 0.9}, abs=0.015)


def test_a_right_sigma_of_the_inelasticity_holds_68_percent():
    random = np.random.default_rng(9)
    true, sigma = random.random(20_000), random.uniform(0.1, 0.2, 20_000)
    made = true + sigma * random.normal(size=20_000)
    group = inelasticity_evaluation(made, sigma, truth_of(20_000, inelasticity=true))["groups"]["all"]
    assert group["coverage"]["value"] == pytest.approx(0.683, abs=0.015)
    assert group["pull_width"]["value"] == pytest.approx(1.0, abs=0.03)

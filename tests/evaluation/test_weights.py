"""Weights of events: equal ones change nothing, whole ones are repetitions, and bad ones are refused."""

import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

import icereco
from icereco.cli import main
from icereco.errors import IcerecoError
from icereco.evaluation.calibration import calibration
from icereco.evaluation.comparison import compare
from icereco.evaluation.curves import curve
from icereco.evaluation.evaluated_events import EvaluatedEvents
from icereco.evaluation.kind import kind_evaluation
from icereco.evaluation.measured import bias_and_spread, fraction, measured, quantile
from icereco.evaluation.resolution import summarize
from icereco.evaluation.roc import area_under_roc, roc
from icereco.evaluation.weighted import effective_events, mean, quantiles
from icereco.events.truth import EVENT_KINDS, Truth
from icereco.events.vmf_mixture import VmfMixture
from icereco.events.weights import require_weights


def run(*arguments):
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


def approx(figures):
    """Nested figures, equal within rounding."""
    if isinstance(figures, dict):
        return {name: approx(value) for name, value in figures.items()}
    if isinstance(figures, list):
        return [approx(value) for value in figures]
    return pytest.approx(figures, rel=1e-9) if isinstance(figures, float) else figures


def without_worth(figures):
    if not isinstance(figures, dict):
        return figures
    return {
        name: without_worth(value)
        for name, value in figures.items()
        if name not in ("effective_events", "shares")
    }


@pytest.fixture(scope="module")
def some():
    """Errors, pulses, kinds and whole weights of 300 events."""
    random = np.random.default_rng(3)
    kind = random.choice(np.array(EVENT_KINDS, object), 300)
    return random.exponential(0.2, 300), random.integers(20, 2000, 300), kind, random.integers(0, 4, 300)


@pytest.mark.parametrize("scale", [1e-40, 1.0, 1e200])
def test_equal_weights_of_any_size_change_no_quantile_and_no_mean(some, scale):
    values = some[0].reshape(2, 150)
    weight, parts = np.full_like(values, scale), [0.0, 0.05, 0.5, 0.68, 1.0]
    assert quantiles(values, parts, weight) == pytest.approx(quantiles(values, parts))
    assert mean(values, weight) == pytest.approx(mean(values))
    assert effective_events(weight[0], 150) == pytest.approx(150)


def test_whole_weights_are_repetitions(some):
    values, *_, weight = some
    repeated = np.repeat(values, weight)
    for part in (0.16, 0.5, 0.68, 0.9):
        low, high = np.quantile(repeated, [part - 0.01, part + 0.01])
        assert low <= quantiles(values, [part], weight.astype(float))[0] <= high
    assert mean(values, weight.astype(float)) == pytest.approx(repeated.mean())


def test_events_of_weight_zero_have_no_part(some):
    values, *_, weight = some
    counted, weight = weight > 0, weight.astype(float)
    assert quantiles(values, [0.3], weight)[0] == quantiles(values[counted], [0.3], weight[counted])[0]
    assert np.isnan(quantiles(values, [0.5], np.zeros(300))).all()
    assert effective_events(np.zeros(3), 3) == 0.0
    assert fraction(values > 1, np.zeros(300))["value"] is None


def test_equal_weights_change_no_summary(some):
    error, pulses, kind, _ = some
    error = np.where(np.arange(300) < 5, np.nan, error)
    plain = summarize(error, pulses, kind)
    weighted = summarize(error, pulses, kind, np.full(300, 0.2))
    assert weighted["effective_events"] == pytest.approx(295)
    assert without_worth(weighted) == approx(plain)


def test_equal_weights_change_no_calibration(some):
    _, pulses, kind, _ = some
    kappa = np.full(300, 30.0)
    posterior = VmfMixture.single(np.tile([0.0, 0.0, 1.0], (300, 1)), kappa)
    truth = Truth(posterior.sample(1, seed=4)[:, 0], kind=kind)
    plain = calibration(posterior, posterior.mode, truth, pulses)
    weighted = calibration(posterior, posterior.mode, truth, pulses, np.full(300, 7.0))
    assert {name: without_worth(group) for name, group in weighted.items()} == approx(plain)
    half = calibration(posterior, posterior.mode, truth, pulses, (kind == "cascade").astype(float))
    assert half["all"]["contours"] == approx(plain["cascade"]["contours"])
    assert "through_track" not in half


def test_equal_weights_change_no_kinds(some):
    _, _, kind, _ = some
    probability = np.random.default_rng(8).dirichlet([1, 1, 1], 300)
    truth = Truth(np.tile([0.0, 0.0, 1.0], (300, 1)), kind=kind)
    plain = kind_evaluation(probability, truth)
    weighted = kind_evaluation(probability, truth, np.full(300, 2.0))
    assert without_worth(weighted) == approx(plain)
    assert weighted["shares"]["cascade"]["cascade"] == pytest.approx(
        plain["confusion"]["cascade"]["cascade"] / sum(plain["confusion"]["cascade"].values())
    )


def test_the_weighted_area_is_that_under_the_weighted_curve(some):
    score, _, kind, weight = some
    positive = kind == "cascade"
    curve_of = roc(score, positive, weight.astype(float))
    under = np.trapezoid(curve_of.of_class, curve_of.others)
    assert area_under_roc(score, positive, weight.astype(float))["value"] == pytest.approx(under)


def test_a_bin_whose_events_are_worth_few_is_not_drawn():
    error, values = np.random.default_rng(5).exponential(0.1, 60), np.zeros(60)
    weight = np.full(60, 1e-3)
    weight[:3] = 1.0
    edges = np.array([-1.0, 1.0])
    assert np.isfinite(curve("any", error, values, edges).quantile_deg).all()
    assert np.isnan(curve("any", error, values, edges, weight).quantile_deg).all()


def test_intervals_are_those_of_as_many_events_as_the_weights_are_worth():
    random = np.random.default_rng(6)
    weight = random.exponential(1.0, 200)  # worth 100 events
    samples = random.normal(size=(400, 200))
    medians = [quantile(one, weight=weight) for one in samples]
    assert np.mean([one["least"] <= 0 <= one["most"] for one in medians]) == pytest.approx(0.95, abs=0.04)
    fractions = [fraction(one > 0, weight) for one in samples]
    assert np.mean([one["least"] <= 0.5 <= one["most"] for one in fractions]) == pytest.approx(0.95, abs=0.04)
    (bias, spread) = measured(bias_and_spread, samples[:1], weight)
    assert bias["least"] < 0 < bias["most"]
    assert spread["least"] < 1 < spread["most"]


def test_methods_are_compared_by_weight(some):
    error, pulses, kind, _ = some
    truth, ids = np.tile([0.0, 0.0, 1.0], (300, 1)), np.arange(300)
    weight = (kind == "cascade").astype(float)
    other = np.where(kind == "cascade", error + 0.5, error)
    first = EvaluatedEvents("A", ids, np.abs(error), truth, pulses, None, weight)
    second = EvaluatedEvents("B", ids, np.abs(other), truth, pulses, None)
    whole = compare(first, second).groups["all"].median
    assert whole.value_deg == pytest.approx(np.degrees(0.5))
    assert whole.significant


@pytest.mark.parametrize(
    ("bad", "said"),
    [(-1.0, "is -1"), (np.nan, "is nan"), (np.inf, "is inf")],
)
def test_a_weight_that_is_none_is_refused_with_its_event(bad, said):
    values = np.ones(4)
    values[2] = bad
    with pytest.raises(IcerecoError, match=f"w of event_id 12 .row 2. {said}.*0 or more .1 of 4"):
        require_weights(values, "w", "file", np.arange(10, 14))


def test_weights_that_are_all_zero_are_refused():
    with pytest.raises(IcerecoError, match="0 for all 4 events"):
        require_weights(np.zeros(4), "w", "file", np.arange(4))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Simulated events, with and without a column of weights, and reconstructions of them."""
    folder = tmp_path_factory.mktemp("weights")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ICERECO_CACHE", str(folder / "cache"))
        patch.chdir(folder)
        assert run("simulate", "--events", 200, "--seed", 9, "-o", "sim").exit_code == 0
        table = pq.read_table("sim/events.parquet")
        steep = np.asarray(table.column("energy")) ** -1.0
        for name, weight in (("flux", steep), ("same", np.ones(200)), ("nothing", np.zeros(200))):
            table = table.append_column(name, pa.array(weight))
        pq.write_table(table, "weighted.parquet")
        for data, out in (("sim", "plain.parquet"), ("weighted.parquet", "line.parquet")):
            result = run("reconstruct", data, "--method", "linefit", "-o", out)
            assert result.exit_code == 0, result.output
    return folder


@pytest.fixture
def here(folder, monkeypatch):
    monkeypatch.chdir(folder)


def figures_of(*arguments):
    result = run("evaluate", *arguments, "--json")
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


@pytest.mark.usefixtures("here")
def test_evaluate_counts_events_by_a_column_of_the_file_or_of_the_truth():
    weighted = figures_of("line.parquet", "--weights", "flux")
    assert weighted["weights"] == "flux"
    assert weighted["resolution"]["effective_events"] < 150
    given = figures_of("plain.parquet", "--truth", "weighted.parquet", "--weights", "flux")
    assert given["resolution"] == approx(weighted["resolution"])
    plain = figures_of("line.parquet")
    assert weighted["resolution"]["median_deg"] != pytest.approx(plain["resolution"]["median_deg"])
    assert without_worth(figures_of("line.parquet", "--weights", "same")["resolution"]) == approx(
        plain["resolution"]
    )


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize(
    ("column", "said"),
    [
        ("flx", "did you mean 'flux'"),
        ("nothing", "0 for all 200 events"),
        ("true_kind", "no column 'true_kind'"),
    ],
)
@pytest.mark.parametrize("command", ["evaluate", "report"])
def test_a_column_that_holds_no_weights_is_refused(command, column, said):
    result = run(command, "line.parquet", "--weights", column)
    assert result.exit_code == 2
    assert said in result.output


@pytest.mark.usefixtures("here")
def test_figures_and_report_say_that_they_are_weighted(tmp_path):
    plots = tmp_path / "plots"
    assert run("evaluate", "line.parquet", "--weights", "flux", "--plot", plots).exit_code == 0
    assert "weighted by flux (worth" in (plots / "figures.md").read_text()
    assert "weight" in pq.read_schema(plots / "error_cumulative.parquet").names
    page = tmp_path / "page.html"
    assert run("report", "line.parquet", "--weights", "flux", "--no-events", "-o", page).exit_code == 0
    assert "All figures are weighted by flux" in page.read_text()
    assert "worth" in run("evaluate", "line.parquet", "--weights", "flux").output
    result = run("compare", "line.parquet", "plain.parquet", "--weights", "flux")
    assert result.exit_code == 0, result.output


def test_weights_of_events_in_memory():
    events = icereco.simulate(100)
    made = icereco.reconstruct(events, "linefit")
    by_energy = 1.0 / events.truth.energy_gev
    assert icereco.evaluate(made, events, weights=by_energy).summary["effective_events"] < 100
    assert icereco.plot_resolution(made, events, by="zenith", weights=by_energy).axes
    with pytest.raises(IcerecoError, match="weights of shape"):
        icereco.evaluate(made, events, weights=by_energy[:5])
    with pytest.raises(IcerecoError, match="no column 'flux'"):
        icereco.plot_resolution(made, events, weights="flux")

import json

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

import icereco
from icereco.cli import main
from icereco.errors import IcerecoError
from icereco.evaluation.calibration import coverage
from icereco.evaluation.evaluate import evaluate
from icereco.evaluation.resolution import resolution, summarize
from icereco.events.batch import EventBatch
from icereco.events.reconstruction import Reconstruction
from icereco.events.truth import Truth
from icereco.events.vmf_mixture import VmfMixture
from icereco.physics.sphere import angles_from_direction, direction_from_angles, opening_angle
from icereco.physics.vmf import angular_sigma, probability_inside
from icereco.tables.reconstruction_columns import reconstruction_rows
from icereco.tables.reconstructions import provenance_of, reconstruction_writer


def random_directions(count, seed):
    vectors = np.random.default_rng(seed).normal(size=(count, 3))
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def batch_of(pulses, truth=None):
    """Events with all their pulses in one DOM."""
    hit = pulses > 0
    total = int(pulses.sum())
    return EventBatch(
        event_id=np.arange(len(pulses)) + 1000,
        dom_offsets=np.concatenate([[0], np.cumsum(hit)]),
        sensor_id=np.zeros(hit.sum(), dtype=np.int32),
        position_m=np.zeros((hit.sum(), 3), dtype=np.float32),
        pulse_offsets=np.concatenate([[0], np.cumsum(pulses[hit])]),
        time_ns=np.zeros(total),
        charge_pe=np.ones(total, dtype=np.float32),
        auxiliary=np.zeros(total, dtype=bool),
        truth=truth,
    )


@pytest.fixture
def reconstructed(tmp_path):
    """A file of 400 events with truth, kappa and line fit, some without direction; and what went into it."""
    random = np.random.default_rng(5)
    truth = Truth(
        random_directions(400, 1), random.uniform(1e2, 1e4, 400), random.choice(["cascade", "track"], 400)
    )
    pulses = random.choice([0, 50, 199, 200, 999, 1000, 3000], 400)
    kappa = random.lognormal(2, 1, 400)
    result = truth.direction + random.normal(size=(400, 3)) / np.sqrt(kappa)[:, None]
    result /= np.linalg.norm(result, axis=1, keepdims=True)
    result[pulses == 0] = np.nan
    linefit = random_directions(400, 2)
    linefit[:7] = np.nan
    path = tmp_path / "out.parquet"
    batch = batch_of(pulses, truth)
    with reconstruction_writer(path, {"method": "some-model"}) as table:
        for start in range(0, 400, 150):
            part = slice(start, start + 150)
            made = Reconstruction(result[part], VmfMixture.single(result[part], kappa[part]))
            others = {"linefit": Reconstruction(linefit[part])}
            table.write(reconstruction_rows(batch[start : start + 150], made, others))
    return path, truth, pulses, kappa, result, linefit


def test_figures_are_the_plain_definitions(reconstructed):
    path, truth, pulses, _, result, linefit = reconstructed
    evaluation = evaluate(path)
    for summary, direction in ((evaluation.resolution, result), (evaluation.comparisons["linefit"], linefit)):
        error = np.degrees(np.arccos(np.clip(np.sum(direction * truth.direction, axis=1), -1, 1)))
        groups = {
            ("all", ""): np.ones(400, dtype=bool),
            ("pulses", "<200"): pulses < 200,
            ("pulses", "200-999"): (pulses >= 200) & (pulses < 1000),
            ("pulses", ">=1000"): pulses >= 1000,
            ("kind", "cascade"): truth.kind == "cascade",
            ("kind", "track"): truth.kind == "track",
        }
        for (group, name), chosen in groups.items():
            figures = summary if group == "all" else summary[group][name]
            good = np.sort(error[chosen & ~np.isnan(error)])
            assert figures["events"] == chosen.sum()
            assert figures["without_direction"] == chosen.sum() - len(good)
            assert figures["mean_deg"] == pytest.approx(good.sum() / len(good), rel=1e-9)
            assert figures["median_deg"] == pytest.approx(pl.Series(good).median(), rel=1e-9)
            assert np.mean(good <= figures["containment68_deg"]) == pytest.approx(0.68, abs=1 / len(good))


def test_slices_add_up_to_all_events(reconstructed):
    summary = evaluate(reconstructed[0]).resolution
    for group in ("pulses", "kind"):
        assert sum(part["events"] for part in summary[group].values()) == summary["events"] == 400


def test_an_empty_group_has_no_figures_and_is_valid_json():
    figures = resolution(np.array([]))
    assert figures["events"] == 0
    assert figures["median_deg"] is None
    json.dumps(summarize(np.array([np.nan]), np.array([3])), allow_nan=False)


def test_coverage_of_a_right_kappa_is_what_the_contour_says():
    random = np.random.default_rng(6)
    kappa = random.lognormal(1, 2, 40_000)
    uniform = random.random(40_000)
    # The inverse of the cumulative in cos θ (Ulrich 1984), written independently of the code under test.
    cosine = 1 + np.log(uniform + (1 - uniform) * np.exp(-2 * kappa)) / kappa
    error = np.arccos(np.clip(cosine, -1, 1))
    truth = np.stack([np.sin(error), np.zeros_like(error), np.cos(error)], -1)
    zenith = np.broadcast_to([0.0, 0.0, 1.0], truth.shape)
    right = coverage(VmfMixture.single(zenith, kappa), truth)
    assert right["50%"] == pytest.approx(0.5, abs=0.01)
    assert right["90%"] == pytest.approx(0.9, abs=0.01)
    assert coverage(VmfMixture.single(zenith, kappa * 4), truth)["50%"] < 0.3
    assert coverage(VmfMixture.single(zenith, kappa / 4), truth)["50%"] > 0.7


def test_one_sigma_holds_39_percent_for_any_kappa():
    kappa = np.array([1e-6, 0.1, 1.0, 30.0, 1e5])
    assert probability_inside(angular_sigma(kappa), kappa) == pytest.approx(1 - np.exp(-0.5), rel=1e-6)


def test_rows_are_the_reconstructions_in_order(reconstructed):
    path, truth, pulses, kappa, result, _ = reconstructed
    table = pq.read_table(path)
    assert table["event_id"].to_pylist() == list(range(1000, 1400))
    assert table["pulses_total"].to_pylist() == pulses.tolist()
    azimuth, zenith = table["azimuth"].to_numpy(), table["zenith"].to_numpy()
    good = pulses > 0
    assert opening_angle(direction_from_angles(azimuth, zenith)[good], result[good]).max() < 1e-12
    assert table["azimuth"].null_count == (~good).sum()
    stacked = np.stack([table[f"direction_{axis}"].to_numpy() for axis in "xyz"], axis=1)
    assert np.array_equal(stacked, result, equal_nan=True)
    assert table["sigma"].to_numpy()[good] == pytest.approx(angular_sigma(kappa)[good])
    assert table["true_azimuth"].to_numpy() == pytest.approx(angles_from_direction(truth.direction)[0])
    assert provenance_of(path)["method"] == "some-model"
    assert all(b"meaning" in field.metadata for field in pq.read_schema(path))


def test_a_method_is_not_compared_with_itself(tmp_path):
    truth = Truth(random_directions(3, 1))
    path = tmp_path / "out.parquet"
    with reconstruction_writer(path, {"method": "linefit"}) as table:
        fit = Reconstruction(random_directions(3, 2))
        table.write(reconstruction_rows(batch_of(np.array([5, 6, 7]), truth), fit, {"linefit": fit}))
    assert evaluate(path).comparisons == {}


def test_a_table_without_events_can_be_written(tmp_path):
    with reconstruction_writer(tmp_path / "none.parquet", {}):
        pass
    assert pq.read_table(tmp_path / "none.parquet").num_rows == 0


def test_a_failure_while_writing_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "out.parquet"
    path.write_bytes(b"old")
    rows = reconstruction_rows(batch_of(np.array([5])), Reconstruction(random_directions(1, 1)))

    def interrupted():
        with reconstruction_writer(path, {}) as table:
            table.write(rows)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def no_file(folder):
    return folder / "gone.parquet"


def no_parquet(folder):
    (folder / "text.parquet").write_text("event_id,azimuth\n")
    return folder / "text.parquet"


def other_table(folder):
    pq.write_table(pa.table({"event_id": [1], "charge": [2.0]}), folder / "other.parquet")
    return folder / "other.parquet"


def no_truth(folder):
    with reconstruction_writer(folder / "data.parquet", {}) as table:
        table.write(reconstruction_rows(batch_of(np.array([5])), Reconstruction(random_directions(1, 1))))
    return folder / "data.parquet"


def unknown_truth(folder):
    truth = Truth(np.full((1, 3), np.nan))
    with reconstruction_writer(folder / "null.parquet", {}) as table:
        table.write(
            reconstruction_rows(batch_of(np.array([5]), truth), Reconstruction(random_directions(1, 1)))
        )
    return folder / "null.parquet"


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (no_file, "no file"),
        (no_parquet, "not a parquet file"),
        (other_table, "lacks azimuth"),
        (no_truth, "no truth"),
        (unknown_truth, "no event with a known true direction"),
    ],
)
def test_what_cannot_be_evaluated_is_explained(tmp_path, make, words):
    path = make(tmp_path)
    with pytest.raises(IcerecoError, match=words) as caught:
        evaluate(path)
    assert str(path) in str(caught.value)


def test_a_file_with_many_official_fits_shows_their_medians_in_rows(tmp_path):
    truth = Truth(random_directions(30, 1))
    names = ("SplineMPEIC", "L7_reconstructed_neutrino", "OnlineL2_BestFit", "SPEFit2_HV")
    fits = {name: Reconstruction(random_directions(30, number)) for number, name in enumerate(names)}
    path = tmp_path / "out.parquet"
    with reconstruction_writer(path, {"method": "mine"}) as table:
        rows = reconstruction_rows(batch_of(np.full(30, 9), truth), Reconstruction(truth.direction), fits)
        table.write(rows)
    result = CliRunner().invoke(main, ["evaluate", str(path)])
    assert result.exit_code == 0
    assert "…" not in result.output
    rows = {line.split()[0]: line.split() for line in result.output.splitlines() if line.split()}
    assert rows["mine"][1] == "0.00"
    for name, summary in evaluate(path).comparisons.items():
        assert rows[name][1] == f"{summary['median_deg']:.2f}"


def test_without_truth_it_is_said_how_far_methods_agree(reconstructed, tmp_path):
    _path, truth, pulses, kappa, result, linefit = reconstructed
    blind = tmp_path / "blind.parquet"
    with reconstruction_writer(blind, {"method": "some-model"}) as table:
        made = Reconstruction(result, VmfMixture.single(result, kappa))
        table.write(reconstruction_rows(batch_of(pulses), made, {"linefit": Reconstruction(linefit)}))
    shown = CliRunner().invoke(main, ["evaluate", str(blind), "--json"])
    assert shown.exit_code == 0, shown.output
    (pair,) = json.loads(shown.stdout)["agreement"]
    assert (pair["first"], pair["second"]) == ("some-model", "linefit")
    apart = np.degrees(opening_angle(result, linefit))
    known = np.isfinite(apart)
    whole = pair["groups"]["all"]
    assert whole["events"] == known.sum()
    assert whole["median_deg"] == pytest.approx(np.median(apart[known]))
    inside = probability_inside(np.radians(apart[known]), kappa[known]) <= 0.9
    assert whole["second_inside"] == pytest.approx(inside.mean())
    assert whole["first_inside"] is None
    assert sum(group["events"] for name, group in pair["groups"].items() if name != "all") == known.sum()
    assert "no truth" in CliRunner().invoke(main, ["evaluate", str(blind)]).output
    refused = CliRunner().invoke(main, ["evaluate", str(blind), "--calibration"])
    assert refused.exit_code == 2
    assert "no truth" in refused.output
    assert len(truth.direction) == 400


def test_a_single_method_without_truth_is_nothing_to_evaluate(reconstructed, tmp_path):
    _, _, pulses, _, result, _ = reconstructed
    alone = tmp_path / "alone.parquet"
    with reconstruction_writer(alone, {"method": "some-model"}) as table:
        table.write(reconstruction_rows(batch_of(pulses), Reconstruction(result)))
    refused = CliRunner().invoke(main, ["evaluate", str(alone)])
    assert refused.exit_code == 2
    assert "--truth" in refused.output


@pytest.mark.parametrize("command", ["evaluate", "report"])
def test_posteriors_that_do_not_normalise_are_refused(command, tmp_path):
    events, path = icereco.simulate(12), tmp_path / "wide.parquet"
    direction = events.truth.direction
    weight, mean = np.full((12, 2), 0.5), np.repeat(direction[:, None], 2, 1)
    weight[7] = 0.75
    made = Reconstruction(direction, VmfMixture(weight, mean, np.tile([10.0, 100.0], (12, 1))))
    with reconstruction_writer(path, {"method": "wide"}) as table:
        rows = reconstruction_rows(events, made)
        at = rows.schema.names.index("posterior_weight")
        table.write(rows.set_column(at, rows.schema.field(at), pa.array(weight.tolist())))
    refused = CliRunner().invoke(main, [command, str(path)])
    assert refused.exit_code == 2
    assert f"event {events.event_id[7]} (posterior_weight)" in refused.output
    assert "sum to 1, not 1.5" in refused.output

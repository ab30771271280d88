"""Comparisons: figures against plain definitions, honest intervals, and the command on real files."""

import json

import numpy as np
import pytest
from click.testing import CliRunner

from icereco.cli import main
from icereco.errors import IcerecoError
from icereco.evaluation.comparison import compare
from icereco.evaluation.evaluated_events import EvaluatedEvents
from icereco.events.batch import EventBatch
from icereco.events.reconstruction import Reconstruction
from icereco.events.truth import Truth
from icereco.tables.reconstruction_columns import reconstruction_rows
from icereco.tables.reconstructions import reconstruction_writer


def directions(count, seed):
    vectors = np.random.default_rng(seed).normal(size=(count, 3))
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def made(error_deg, name="one", ids=None, pulses=50):
    count = len(error_deg)
    ids = np.arange(count) if ids is None else np.asarray(ids)
    truth = directions(10_000, 1)[ids]  # an event has the same truth wherever it is
    kind = np.array(["cascade", "through_track"], object)[ids % 2]
    return EvaluatedEvents(name, ids, np.radians(error_deg), truth, np.full(count, pulses), kind)


def test_differences_are_those_of_the_figures_of_each():
    random = np.random.default_rng(0)
    first, second = random.exponential(10, 300), random.exponential(12, 300)
    comparison = compare(made(first, "A"), made(second, "B")).groups["all"]
    assert comparison.median.value_deg == pytest.approx(np.median(second) - np.median(first))
    assert comparison.mean.value_deg == pytest.approx(np.mean(second) - np.mean(first))
    assert comparison.mean.low_deg < comparison.mean.value_deg < comparison.mean.high_deg


def test_events_are_paired_by_id_whatever_their_order():
    random = np.random.default_rng(0)
    error = random.exponential(10, 400)
    order = random.permutation(400)
    shuffled = made(error[order] + 0.1, "B", ids=order)
    comparison = compare(made(error, "A"), shuffled).groups["all"]
    # Unpaired, the scatter between events (0.5° on the mean) would drown this.
    assert comparison.mean.low_deg == pytest.approx(0.1)
    assert comparison.mean.high_deg == pytest.approx(0.1)


def test_the_interval_of_the_mean_is_that_of_paired_differences():
    random = np.random.default_rng(4)
    first, gap = random.exponential(20, 2_000), random.normal(0.3, 2.0, 2_000)
    comparison = compare(made(first), made(first + gap)).groups["all"].mean
    standard_error = gap.std() / np.sqrt(2_000)
    assert (comparison.high_deg - comparison.low_deg) / 2 == pytest.approx(1.96 * standard_error, rel=0.1)


def test_an_interval_of_no_difference_holds_zero_as_often_as_it_says():
    random = np.random.default_rng(2)
    outside = 0
    for trial in range(60):
        first, second = random.exponential(10, (2, 200))
        comparison = compare(made(first), made(second), seed=trial).groups["all"]
        outside += comparison.mean.significant
    assert outside <= 9  # 3 expected; more than 9 of 60 happen once in 2,000 times


def test_it_says_so_when_there_is_no_significant_difference():
    error = np.random.default_rng(1).exponential(10, 200)
    noisy = error + np.random.default_rng(2).normal(0, 1, 200)
    assert compare(made(error, "A"), made(noisy, "B")).verdict == "no significant difference between A and B"
    better = compare(made(error + 5, "A"), made(error, "B")).verdict
    assert better.startswith("B against A: its median error is 5.00° (5.00° to 5.00°) smaller")


def test_groups_are_by_pulses_and_kind_and_small_ones_are_left_out():
    error = np.random.default_rng(1).exponential(10, 100)
    comparison = compare(made(error), made(error + 1))
    assert list(comparison.groups) == ["all", "<200 pulses", "cascade", "through_track"]
    assert [group.events for group in comparison.groups.values()] == [100, 100, 50, 50]


def test_an_event_without_a_direction_counts_for_neither():
    error = np.random.default_rng(1).exponential(10, 50)
    missing = error.copy()
    missing[:5] = np.nan
    comparison = compare(made(error), made(missing)).groups["all"]
    assert (comparison.events, comparison.left_out) == (45, 5)
    assert comparison.mean.value_deg == pytest.approx(0)


def test_events_of_one_alone_are_left_out_and_counted():
    error = np.random.default_rng(1).exponential(10, 60)
    comparison = compare(made(error[:40]), made(error[20:], ids=range(20, 60)))
    assert comparison.groups["all"].events == 20
    assert comparison.alone == 40
    assert comparison.groups["all"].mean.value_deg == pytest.approx(0)


def test_other_data_with_the_same_ids_are_refused():
    error = np.random.default_rng(1).exponential(10, 60)
    other = made(error, "B")
    turned = EvaluatedEvents("B", other.event_id, other.error_rad, -other.truth, other.pulses, other.kind)
    with pytest.raises(IcerecoError, match=r"event_id 0 has different true directions in A and B.*--data"):
        compare(made(error, "A"), turned)
    with pytest.raises(IcerecoError, match="have 0 events in common"):
        compare(made(error, "A"), made(error, "B", ids=range(100, 160)))


def write(path, direction, truth, ids=None, linefit=None):
    count = len(direction)
    batch = EventBatch(
        event_id=np.arange(count) if ids is None else ids,
        dom_offsets=np.arange(count + 1),
        sensor_id=np.zeros(count, np.int32),
        position_m=np.zeros((count, 3), np.float32),
        pulse_offsets=np.arange(count + 1),
        time_ns=np.zeros(count),
        charge_pe=np.ones(count, np.float32),
        auxiliary=np.zeros(count, bool),
        truth=Truth(truth),
    )
    others = {} if linefit is None else {"linefit": Reconstruction(linefit)}
    with reconstruction_writer(path, {"method": "test"}) as output:
        output.write(reconstruction_rows(batch, Reconstruction(direction), others))


def run(*arguments):
    return CliRunner().invoke(main, ["compare", *map(str, arguments)])


def test_the_command_compares_files_and_the_line_fit(tmp_path):
    truth, fit = directions(50, 1), directions(50, 2)
    write(tmp_path / "right.parquet", truth, truth, linefit=fit)
    write(tmp_path / "wrong.parquet", directions(50, 3), truth)
    result = run(tmp_path / "right.parquet", tmp_path / "wrong.parquet", "linefit", "--json")
    assert result.exit_code == 0, result.output
    wrong, linefit = json.loads(result.output)
    assert (wrong["first"], wrong["second"], linefit["second"]) == (
        "right.parquet",
        "wrong.parquet",
        "linefit",
    )
    assert wrong["groups"]["all"]["first_median_deg"] == pytest.approx(0, abs=1e-4)
    assert wrong["groups"]["all"]["median"]["significant"]
    table = run(tmp_path / "right.parquet", tmp_path / "wrong.parquet")
    assert "wrong.parquet against right.parquet: its median error is" in table.output


def test_the_command_says_what_it_cannot_do(tmp_path):
    truth = directions(50, 1)
    write(tmp_path / "one.parquet", truth, truth)
    write(tmp_path / "twice.parquet", truth, truth, ids=np.arange(50) // 2)
    for arguments, message in (
        (["one.parquet"], "there is nothing to compare"),
        (["one.parquet", "linefit"], "there is no file linefit"),
        (["one.parquet", "twice.parquet"], "event_id 0 occurs more than once"),
        (["one.parquet", "gone.parquet"], "there is no file"),
    ):
        paths = [tmp_path / name if name.endswith("parquet") else name for name in arguments]
        result = run(*paths)
        assert result.exit_code == 2
        assert message in result.output

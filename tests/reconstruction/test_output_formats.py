"""A file holds what its ending says; a result replaces none of another input; a submission is of the test events."""

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyarrow import csv
from reconstruct_driver import SIZES, written

from icereco.errors import IcerecoError
from icereco.tables.reconstructions import METADATA_KEY


@pytest.fixture
def events(tmp_path):
    return written(tmp_path / "events.parquet", SIZES)


def test_csv_and_arrow_hold_what_parquet_holds(tmp_path, events, invoke):
    for ending in ("parquet", "csv", "arrow"):
        for _ in range(2):  # a result of the same input is replaced
            result = invoke("reconstruct", events, "--method", "linefit", "-o", tmp_path / f"out.{ending}")
            assert result.exit_code == 0, result.output
    expected = pq.read_table(tmp_path / "out.parquet")
    arrow = pa.ipc.open_file(pa.memory_map(str(tmp_path / "out.arrow"))).read_all()
    assert arrow.equals(expected)
    assert json.loads(arrow.schema.metadata[METADATA_KEY])["method"] == "linefit"
    text = csv.read_csv(tmp_path / "out.csv")
    assert text.column_names == expected.column_names
    for name in ("event_id", "pulses_total"):
        assert text[name].to_pylist() == expected[name].to_pylist()
    assert text["azimuth"].null_count == expected["azimuth"].null_count > 0
    np.testing.assert_allclose(*(np.asarray(one["zenith"], float) for one in (text, expected)))


@pytest.mark.parametrize(
    "arguments",
    [
        ["-o", "out.fits"],
        ["-o", "out.csv", "--format", "parquet"],
        ["-o", "out.parquet", "--format", "kaggle"],
    ],
)
def test_no_format_is_written_under_the_name_of_another(events, invoke, tmp_path, arguments):
    result = invoke("reconstruct", events, "--method", "linefit", *arguments)
    assert result.exit_code != 0
    assert "is not written" in str(result.exception) + result.output
    assert not (tmp_path / arguments[1]).exists()


def test_a_result_of_another_input_is_not_replaced(tmp_path, invoke):
    for name in ("first", "second"):
        (tmp_path / name).mkdir()
        path = written(tmp_path / name / "events.parquet", SIZES[:5])
        for _ in range(2):
            assert invoke("reconstruct", path, "--method", "linefit").exit_code == 0
    assert {path.name for path in tmp_path.glob("*.reco.parquet")} == {
        "events.reco.parquet",
        "second-events.reco.parquet",
    }


@pytest.fixture
def competition(tmp_path):
    """A folder with train and test events, whose ids begin with 0 and 5000."""
    folder = tmp_path / "competition"
    for part, first, number in (("train", 0, 1), ("test", 5000, 661)):
        (folder / part).mkdir(parents=True)
        event = np.repeat(np.arange(first, first + 6), 10)
        rng = np.random.default_rng(number)
        pulses = {
            "event_id": event,
            "sensor_id": rng.integers(0, 5160, 60),
            "time": rng.integers(5000, 9000, 60),
        }
        pulses |= {"charge": np.ones(60), "auxiliary": np.zeros(60, bool)}
        pq.write_table(pa.table(pulses), folder / part / f"batch_{number}.parquet")
        meta = {"batch_id": np.full(6, number), "event_id": np.arange(first, first + 6)}
        meta |= {"first_pulse_index": np.arange(6) * 10, "last_pulse_index": np.arange(6) * 10 + 9}
        meta |= {"azimuth": rng.uniform(0, 6, 6), "zenith": rng.uniform(0, 3, 6)} if part == "train" else {}
        pq.write_table(pa.table(meta), folder / f"{part}_meta.parquet")
    return folder


@pytest.mark.parametrize(("more", "first"), [([], 5000), (["--reader", "kaggle:part=train"], 0)])
def test_a_submission_of_the_whole_folder_is_of_its_test_events(competition, invoke, tmp_path, more, first):
    arguments = ["--method", "linefit", "--format", "kaggle", "-o", tmp_path / "out.csv", *more]
    result = invoke("reconstruct", competition, *arguments)
    assert result.exit_code == 0, result.output
    assert csv.read_csv(tmp_path / "out.csv")["event_id"].to_pylist() == list(range(first, first + 6))


@pytest.mark.parametrize("truth", ["competition", "competition/train_meta.parquet"])
def test_a_submission_is_scored_against_the_truth_of_another_file(competition, invoke, tmp_path, truth):
    train = ["--reader", "kaggle:part=train", "--method", "linefit"]
    assert invoke("reconstruct", competition, *train, "--format", "kaggle", "-o", "sub.csv").exit_code == 0
    assert invoke("reconstruct", competition, *train, "-o", "whole.parquet").exit_code == 0
    scored = json.loads(invoke("evaluate", "sub.csv", "--truth", truth, "--json").stdout)["resolution"]
    assert scored == json.loads(invoke("evaluate", "whole.parquet", "--json").stdout)["resolution"]
    refused = invoke("evaluate", "sub.csv")
    assert "--truth NAME|FILE" in str(refused.exception) + refused.output


def test_the_reader_of_the_truth_may_be_named(competition, invoke):
    train = ["--reader", "kaggle:part=train", "--method", "linefit"]
    assert invoke("reconstruct", competition, *train, "--format", "kaggle", "-o", "sub.csv").exit_code == 0
    whole = ("--truth", competition, "--reader", "kaggle:part=train")
    assert invoke("evaluate", "sub.csv", *whole).exit_code == 0
    assert "have 6 events in common" in invoke("compare", "sub.csv", "sub.csv", *whole).output
    for command in (("evaluate", "sub.csv"), ("compare", "sub.csv", "sub.csv")):
        other = invoke(*command, "--truth", competition, "--reader", "kaggle:part=test")
        assert "has no true directions" in other.output
        assert "says how" in invoke(*command, "--reader", "kaggle:part=train").output


def test_any_table_of_directions_is_compared(tmp_path, events, invoke):
    rng = np.random.default_rng(1)
    ids = pq.read_table(events)["event_id"]
    for name in ("mine.parquet", "theirs.csv"):
        table = pa.table(
            {"event_id": ids, "azimuth": rng.uniform(0, 6, len(ids)), "zenith": rng.uniform(0, 3, len(ids))}
        )
        pq.write_table(table, name) if name.endswith("parquet") else csv.write_csv(table, name)
    result = invoke("compare", "mine.parquet", "theirs.csv", "--truth", events, "--json")
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)[0]["groups"]["all"]["events"] == len(ids)


@pytest.fixture
def directions(events):
    """The true directions, as a table of any program."""
    table = pq.read_table(events)
    return table.select(["event_id", "azimuth", "zenith"])


@pytest.mark.parametrize(
    ("separator", "decimal"),
    [(";", "."), (";", ","), ("\t", "."), (",", ".")],
    ids=["semicolon", "comma", "tab", "usual"],
)
def test_a_table_of_directions_in_any_dialect_is_scored(directions, events, invoke, separator, decimal):
    rows = [
        separator.join(str(value).replace(".", decimal) for value in row.values())
        for row in directions.to_pylist()
    ]
    Path("in.CSV").write_text("\ufeff" + "\n".join([separator.join(directions.column_names), *rows]))
    done = invoke("evaluate", "in.CSV", "--truth", events, "--json")
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["resolution"]["median_deg"] < 1e-3


def test_directions_in_degrees_are_reported(directions, events, invoke):
    degrees = {name: np.degrees(directions[name].to_numpy()) for name in ("azimuth", "zenith")}
    csv.write_csv(pa.table({"event_id": directions["event_id"], **degrees}), "in.csv")
    assert (
        "the reconstructed azimuth and zenith look like degrees"
        in invoke("evaluate", "in.csv", "--truth", events).output
    )


def test_events_that_a_table_lacks_are_counted(directions, events, invoke):
    csv.write_csv(directions.slice(2), "in.csv")
    said = f"lacks 2 of the {len(directions)} events of --truth"
    assert said in invoke("evaluate", "in.csv", "--truth", events).output


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda table: pa.concat_tables([table, table.slice(1, 1)]), "occurs more than once, in rows 1 and "),
        (
            lambda table: table.set_column(0, "event_id", pa.array(["a"] * len(table))),
            "event_id must be int64",
        ),
        (lambda table: table.set_column(0, "event_id", pa.nulls(len(table), pa.int64())), "no event_id"),
    ],
    ids=["twice", "text", "null"],
)
def test_ids_that_name_no_event_are_refused(directions, events, invoke, change, said):
    pq.write_table(change(directions), "in.parquet")
    refused = invoke("evaluate", "in.parquet", "--truth", events)
    assert isinstance(refused.exception, IcerecoError | SystemExit)
    assert said in str(refused.exception) + refused.output


def test_truth_without_pulses_says_what_to_give(directions, invoke):
    csv.write_csv(directions, "in.csv")
    refused = invoke("evaluate", "in.csv", "--truth", "in.csv")
    assert "has directions, and no pulses" in str(refused.exception) + refused.output


def test_the_endings_that_are_named_can_be_written(events, invoke):
    refused = invoke("reconstruct", events, "--method", "linefit", "--format", "kaggle", "-o", "sub.parquet")
    assert "not written as kaggle; endings are .csv" in str(refused.exception) + refused.output
    assert invoke("reconstruct", events, "--method", "linefit", "-o", "OUT.CSV").exit_code == 0
    assert invoke("evaluate", "OUT.CSV").exit_code == 0


@pytest.mark.parametrize("first_id", [100, 107, 1000])
def test_ids_that_two_inputs_have_are_counted(events, tmp_path, invoke, first_id):
    other = written(tmp_path / "other.parquet", SIZES, first_id=first_id)
    result = invoke("reconstruct", events, other, "--method", "linefit", "-o", "out.parquet")
    assert result.exit_code == 0, result.output
    shared = len(SIZES) - (first_id - 100) // 7
    said = f"{shared} of its {len(SIZES)} events have an event_id of an earlier input"
    assert (said in result.output) == (shared > 0)

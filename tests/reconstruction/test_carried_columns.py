"""What a file says of its events that icereco has no use for is written next to their reconstructions, as it was."""

import logging
from collections.abc import Mapping

import numpy as np
import pyarrow as pa
import pyarrow.feather as feather
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from reconstruct_driver import events_of, icereco, run

from icereco.data.sources.source import open_source
from icereco.events.reconstruction import Reconstruction
from icereco.reconstruction.methods import untrained_method
from icereco.tables.assembly import event_batch
from icereco.tables.reconstruction_columns import reconstruction_rows
from icereco.tables.reconstructions import reconstruction_writer
from icereco.tables.saved_reconstructions import read_reconstructions

SIZES = [30, 0, 4, 60]
CARRIED = {
    "weight": pa.array([0.25, None, float("inf"), 1e-30]),
    "run": pa.array([2**53 + 1, 2**63 - 1, None, -5], pa.int64()),
    "stream": pa.array(["InIceSplit", None, "", "ä"]),
    "flag": pa.array([True, None, False, True]),
    "quality": pa.array([1.5, None, 0.1, 2.0], pa.float32()),
    "dataset": pa.array([7, 7, None, 2**64 - 1], pa.uint64()),
    "generator": pa.array(["nugen", None, "muongun", "nugen"]).dictionary_encode(),
}


def table_with(columns: Mapping[str, pa.Array], sizes=SIZES, first_id=100):
    table = events_of(sizes, first_id)
    for name, column in columns.items():
        table = table.append_column(name, column)
    return table


def saved(path, columns, **kwargs):
    pq.write_table(table_with(columns, **kwargs), path)
    return path


@pytest.fixture
def linefit():
    return untrained_method("linefit", "icecube86")


@pytest.fixture
def reconstructed(tmp_path, linefit):
    """The table of files, reconstructed one after the other."""

    def of(*paths, form="parquet"):
        run(paths, linefit, tmp_path / "out.reco", form)
        return pq.read_table(tmp_path / "out.reco")

    return of


def require_carried(table: pa.Table, name: str, given: pa.Array) -> None:
    plain = given.dictionary_decode() if pa.types.is_dictionary(given.type) else given
    assert table[name].combine_chunks().equals(plain), name


@pytest.mark.parametrize("suffix", ["parquet", "arrow"])
def test_the_command_writes_columns_of_events_with_their_types_and_nulls(tmp_path, suffix):
    events = table_with(CARRIED)
    (pq.write_table if suffix == "parquet" else feather.write_feather)(events, tmp_path / f"in.{suffix}")
    ended = icereco("reconstruct", f"in.{suffix}", "--method", "linefit", "-o", "out.parquet", cwd=tmp_path)
    assert ended.returncode == 0, ended.stderr
    table = pq.read_table(tmp_path / "out.parquet")
    assert table["event_id"].to_pylist() == events["event_id"].to_pylist()
    for name, column in CARRIED.items():
        require_carried(table, name, column)


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    names=st.sets(st.sampled_from(["energy_truth", "status", "kappa", "x_azimuth", "weight", "run"])),
    values=st.lists(st.none() | st.integers(-(2**63), 2**63 - 1), min_size=4, max_size=4),
)
def test_reconstructions_are_the_same_in_the_company_of_other_columns(tmp_path, reconstructed, names, values):
    alone = reconstructed(saved(tmp_path / "alone.parquet", {}))
    column = pa.array(values, pa.int64())
    table = reconstructed(saved(tmp_path / "more.parquet", dict.fromkeys(sorted(names), column)))
    assert table.select(alone.column_names).equals(alone)
    further = set(table.column_names) - set(alone.column_names)
    assert len(further) == len(names)
    assert all(table[name].to_pylist() == values for name in further)


@pytest.mark.parametrize("name", ["pulses_used", "true_energy", "linefit_zenith", "status"])
def test_a_column_whose_name_means_something_else_is_renamed(tmp_path, reconstructed, name):
    table = reconstructed(saved(tmp_path / "in.parquet", {name: CARRIED["stream"]}))
    require_carried(table, f"input_{name}", CARRIED["stream"])
    assert name not in table.column_names or not pa.types.is_string(table.schema.field(name).type)


def test_a_run_that_is_no_number_is_renamed_and_a_narrow_one_is_the_run(tmp_path, reconstructed):
    table = reconstructed(saved(tmp_path / "in.parquet", {"run": CARRIED["stream"]}))
    require_carried(table, "input_run", CARRIED["stream"])
    table = reconstructed(saved(tmp_path / "in.parquet", {"run": pa.array([1, 2, 3, 4], pa.uint32())}))
    require_carried(table, "run", pa.array([1, 2, 3, 4], pa.int64()))


def test_a_name_that_is_not_free_either_is_reported_with_both(tmp_path, invoke):
    saved(tmp_path / "in.parquet", {"status": CARRIED["stream"], "input_status": CARRIED["run"]})
    ended = invoke("reconstruct", "in.parquet", "--method", "linefit")
    assert ended.exit_code == 2
    assert "column status would be called input_status" in " ".join(ended.output.split())
    without = ["--reader", "icereco:without=status", "-o", "out.parquet"]
    assert invoke("reconstruct", "in.parquet", "--method", "linefit", *without).exit_code == 0
    require_carried(pq.read_table(tmp_path / "out.parquet"), "input_status", CARRIED["run"])


@pytest.mark.parametrize("way", ["folder", "files", "skip-bad"])
def test_a_column_that_a_file_lacks_is_null_there(tmp_path, invoke, way):
    (tmp_path / "all").mkdir()
    first, second = {"weight": pa.array([1, 2, 3, 4]), "flag": CARRIED["flag"]}, {"weight": CARRIED["weight"]}
    saved(tmp_path / "all" / "a.parquet", first)
    broken = {"charge": [[-1.0] * size for size in SIZES[:1]]} if way == "skip-bad" else {}
    pq.write_table(events_of(SIZES[:1], 5000, **broken), tmp_path / "all" / "b.parquet")
    saved(tmp_path / "all" / "c.parquet", second | {"stream": CARRIED["stream"]}, first_id=900)
    inputs = [f"all/{name}.parquet" for name in "abc"] if way == "files" else ["all"]
    options = ["--skip-bad"] if way == "skip-bad" else []
    ended = invoke("reconstruct", *inputs, "--method", "linefit", "-o", "out.parquet", *options)
    assert ended.exit_code == 0, ended.output
    table, gap = pq.read_table(tmp_path / "out.parquet"), [] if way == "skip-bad" else [None]
    nothing = [None] * len(SIZES)
    assert table["weight"].to_pylist() == [1.0, 2.0, 3.0, 4.0, *gap, *CARRIED["weight"].to_pylist()]
    assert table["flag"].to_pylist() == [*CARRIED["flag"].to_pylist(), *gap, *nothing]
    assert table["stream"].to_pylist() == [*nothing, *gap, *CARRIED["stream"].to_pylist()]


@pytest.mark.parametrize("form", ["folder", "files"])
def test_columns_without_a_common_type_are_refused_before_anything_is_reconstructed(tmp_path, invoke, form):
    (tmp_path / "all").mkdir()
    saved(tmp_path / "all" / "a.parquet", {"weight": CARRIED["weight"]})
    saved(tmp_path / "all" / "b.parquet", {"weight": CARRIED["stream"]}, first_id=900)
    inputs = ["all"] if form == "folder" else ["all/a.parquet", "all/b.parquet"]
    ended = invoke("reconstruct", *inputs, "--method", "linefit")
    assert ended.exit_code == 2
    said = " ".join(ended.output.split())
    assert "weight is double in all/a.parquet and string in all/b.parquet" in said
    assert not list(tmp_path.glob("*.reco*"))


def test_events_with_whole_numbers_that_would_lose_digits_are_left_out_and_named(tmp_path, invoke):
    saved(tmp_path / "a.parquet", {"weight": CARRIED["weight"]})
    saved(tmp_path / "b.parquet", {"weight": CARRIED["run"]}, first_id=900)
    ended = invoke("reconstruct", "a.parquet", "b.parquet", "--method", "linefit")
    assert ended.exit_code == 2
    said = " ".join(ended.output.split())
    assert f"b.parquet: {len(SIZES)} events, event_id 900 to" in said
    assert "column weight does not fit into double" in said
    assert pq.read_table(tmp_path / "a.reco.parquet")["weight"].to_pylist() == CARRIED["weight"].to_pylist()


def test_columns_that_are_not_single_values_are_left_out(tmp_path, reconstructed):
    dates = pa.array([0, 1, 2, 3], pa.timestamp("s"))
    pairs = pa.array([{"a": 1}] * 4)
    table = reconstructed(saved(tmp_path / "in.parquet", {"when": dates, "pair": pairs, "none": pa.nulls(4)}))
    assert not {"when", "pair", "none"} & set(table.column_names)


def test_official_fits_are_compared_with_and_their_qualities_carried(tmp_path, reconstructed):
    angles = {f"fit_spline_{angle}": pa.array([0.5, 1.0, None, 1.5]) for angle in ("azimuth", "zenith")}
    likelihood = {"fit_spline_rlogl": CARRIED["weight"]}
    table = reconstructed(saved(tmp_path / "in.parquet", angles | likelihood))
    assert {"spline_azimuth", "fit_spline_rlogl"} <= set(table.column_names)
    assert not angles.keys() & set(table.column_names)


def test_what_is_carried_is_neither_evaluated_nor_submitted(tmp_path, linefit, reconstructed):
    angles = {f"true_{angle}": pa.array([0.5, 1.0, 0.7, 1.5]) for angle in ("azimuth", "zenith")}
    path = saved(tmp_path / "in.parquet", angles | {"input_weight": CARRIED["run"]})
    table = reconstructed(path)
    again = read_reconstructions(tmp_path / "out.reco")
    assert set(again.comparisons) == {"linefit"}
    truth = events_of(SIZES)["azimuth"].to_pylist()
    assert table["true_azimuth"].to_pylist() == pytest.approx(truth)
    run([path], linefit, tmp_path / "carried.csv", "kaggle")
    run([saved(tmp_path / "in.parquet", {})], linefit, tmp_path / "plain.csv", "kaggle")
    assert (tmp_path / "carried.csv").read_text() == (tmp_path / "plain.csv").read_text()


def test_training_has_the_same_numbers_as_before(tmp_path, detector):
    (rows,) = open_source(saved(tmp_path / "in.parquet", CARRIED)).checked(detector)
    kinds = {name: rows.schema.field(name).type for name in CARRIED if name in rows.schema.names}
    assert kinds == {
        **dict.fromkeys(("weight", "flag", "quality", "dataset"), pa.float64()),
        "run": pa.int64(),
    }


def test_a_column_that_comes_after_the_columns_are_fixed_is_reported_once(
    tmp_path, linefit, monkeypatch, caplog
):
    monkeypatch.setattr("icereco.tables.reconstructions._ROWS_PER_GROUP", 1)
    batch = event_batch(events_of(SIZES), linefit.detector)
    result = Reconstruction(np.full((len(SIZES), 3), np.nan))
    with (
        caplog.at_level(logging.WARNING, "icereco"),
        reconstruction_writer(tmp_path / "out.reco", {}) as output,
    ):
        for carried in (
            {"flag": CARRIED["flag"]},
            {"weight": CARRIED["weight"]},
            {"weight": CARRIED["weight"]},
        ):
            output.write(reconstruction_rows(batch, result, None, carried))
    table = pq.read_table(tmp_path / "out.reco")
    assert table["flag"].null_count == CARRIED["flag"].null_count + 2 * len(SIZES)
    assert "weight" not in table.column_names
    (message,) = (record.getMessage() for record in caplog.records)
    assert "leaves out weight" in message

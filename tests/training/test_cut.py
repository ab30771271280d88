"""Trainings on the events for which a condition is true."""

from pathlib import Path

import numpy as np
import polars as pl
import pyarrow.parquet as pq
import pytest
import torch
from click.testing import CliRunner
from training_driver import SMALL, silently, train

from icereco.cli import main
from icereco.data.catalog import DataSet
from icereco.data.cut import rows_where
from icereco.data.simulated import simulated_events
from icereco.data.sources.source import open_source
from icereco.data.store.prepare import prepared
from icereco.detector.detector import load_detector
from icereco.errors import IcerecoError
from icereco.model.checkpoint import load_checkpoint, read_tensors
from icereco.profiles import Profile, load_profile
from icereco.runs.folder import RunFolder
from icereco.trained.new_card import new_card
from icereco.training import datasets
from icereco.training import session as sessions
from icereco.training.data_choice import DataChoice
from icereco.training.datasets import gather

SETTINGS = (*SMALL, "train.events_per_batch=8", "train.validation_events=60")
HIGH = "energy > 1e3 and pulses >= 10"


@pytest.fixture(scope="module", autouse=True)
def kept_cache(tmp_path_factory):
    """One cache for the whole file, so that events are simulated and prepared once."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ICERECO_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(autouse=True)
def own_cache(kept_cache, tmp_path_factory, monkeypatch):
    """In place of that of `conftest.py`, which would hide the kept one."""
    monkeypatch.setenv("ICERECO_CONFIG", str(tmp_path_factory.mktemp("config")))


@pytest.fixture(scope="module")
def events(kept_cache) -> Path:
    """300 simulated events."""
    profile = small_profile()
    return simulated_events(profile.simulation, load_detector(profile.detector), 300, seed=3)


@pytest.fixture(scope="module")
def table(events) -> pl.DataFrame:
    """What the file of the events says, a row for each."""
    table = pl.from_arrow(pq.read_table(events))
    return table.with_columns(pulses=table["time"].list.len(), row=pl.Series(np.arange(len(table))))


@pytest.fixture(scope="module")
def store(events):
    return prepared(open_source(events), load_detector("icecube86"))


def small_profile(*overrides: str) -> Profile:
    return load_profile("hierarchical", [*SETTINGS, *overrides])


def choice(path: Path, where: str | None) -> DataChoice:
    return DataChoice(DataSet(path=path), where=where)


def parts_of(path: Path, where: str | None, *overrides: str) -> dict[str, set[int]]:
    """The rows of each part of a training."""
    profile = small_profile(*overrides)
    with gather(profile, load_detector(profile.detector), [choice(path, where)], silently) as material:
        made = {name: getattr(material, name)[0].row_numbers() for name in ("train", "validate", "calibrate")}
    return {name: set(rows.tolist()) for name, rows in made.items()}


def test_a_condition_is_true_for_the_rows_that_the_file_says(store, table):
    zenith_deg = np.degrees(table["zenith"].to_numpy())
    energy, pulses = table["energy"].to_numpy(), table["pulses"].to_numpy()
    expected = {
        HIGH: (energy > 1e3) & (pulses >= 10),
        "zenith between 80 and 100": (zenith_deg >= 80) & (zenith_deg <= 100),
        "kind = 'cascade'": (table["kind"] == "cascade").to_numpy(),
        "doms < 30": np.array([len(set(sensors)) < 30 for sensors in table["sensor_id"].to_list()]),
        "row % 3 = 0": np.arange(len(table)) % 3 == 0,
        "energy > avg(energy)": energy > energy.mean(),
    }
    for condition, chosen in expected.items():
        assert chosen.any()
        np.testing.assert_array_equal(rows_where(store, condition), np.flatnonzero(chosen), condition)


def test_large_data_in_several_files_are_prepared_whole_before_they_are_cut(tmp_path, events, monkeypatch):
    for module in ("data.store.split_by_hash", "data.stream.shuffle", "training.datasets"):
        monkeypatch.setattr(f"icereco.{module}.EXACT_EVENTS", 50)
    whole, folder = pq.read_table(events), tmp_path / "data"
    folder.mkdir()
    for number in range(3):
        pq.write_table(whole.slice(100 * number, 100), folder / f"part_{number}.parquet")
    profile = small_profile()
    detector = load_detector(profile.detector)
    with gather(profile, detector, [choice(folder, None)], silently) as material:
        assert material.train[0].store.wait is not None
    with gather(profile, detector, [choice(folder, "row >= 150")], silently) as material:
        assert material.train[0].store.wait is None
        assert material.train[0].row_numbers().min() >= 150


def test_what_is_not_known_fulfils_no_condition(tmp_path, table):
    path = tmp_path / "unknown.parquet"
    unknown = pl.when(pl.col("row") % 2 == 0).then(float("nan")).otherwise(pl.col("energy"))
    table.with_columns(energy=unknown).drop("row", "pulses").write_parquet(path)
    store = prepared(open_source(path), load_detector("icecube86"))
    above, below = (rows_where(store, f"energy {sign} 1e3") for sign in (">", "<="))
    np.testing.assert_array_equal(np.sort(np.concatenate([above, below])), np.arange(1, len(table), 2))


def test_each_part_is_that_without_a_cut_less_what_is_cut(events, store, monkeypatch):
    monkeypatch.setattr(datasets, "LEAST_EVENTS", 2)
    overrides = ("train.calibration_events=30",)
    whole, cut = parts_of(events, None, *overrides), parts_of(events, "energy > 1e3", *overrides)
    chosen = set(rows_where(store, "energy > 1e3").tolist())
    assert 0 < len(chosen) < len(store)
    for name, rows in whole.items():
        assert cut[name] == rows & chosen, name
    assert cut["calibrate"]


def test_so_many_events_train_after_the_cut(events):
    whole = parts_of(events, HIGH)["train"]
    assert parts_of(events, HIGH, "train.events=20")["train"] == set(sorted(whole)[:20])


def test_too_few_events_to_calibrate_on_are_none(events, monkeypatch):
    monkeypatch.setattr(datasets, "LEAST_EVENTS", 30)
    assert len(parts_of(events, None, "train.calibration_events=30")["calibrate"]) == 30
    assert parts_of(events, HIGH, "train.calibration_events=30")["calibrate"] == set()


def test_data_sets_are_cut_one_by_one_and_a_weight_is_kept(events, store):
    chosen = [choice(events, HIGH), DataChoice(DataSet(path=events), 2.0, where="kind = 'cascade'")]
    profile = small_profile()
    with gather(profile, load_detector(profile.detector), chosen, silently) as material:
        seen = [
            event_id
            for batch in material.training(profile.train).epoch(0)
            for event_id in batch.event_id.tolist()
        ]
        first, second = (set(portion.row_numbers().tolist()) for portion in material.train)
        assert len(seen) == material.facts["train_events"] == len(first) + 2 * len(second)
        ids = store.column("event_id")
        assert sorted(seen) == sorted(ids[[*first, *second, *second]].tolist())


def test_a_training_sees_no_other_events_and_is_resumed_to_the_same_bits(tmp_path, events, table):
    straight, halves = (RunFolder.create(tmp_path, name) for name in ("straight", "halves"))
    data = [choice(events, HIGH)]
    with sessions.begin(small_profile(), data, straight, silently) as session:
        assert train(session)
    with sessions.begin(small_profile(), data, halves, silently) as session:
        assert not train(session, steps=2)
    with sessions.resume(halves, silently) as session:
        assert train(session)
    first, second = (read_tensors(run.training_state)[0] for run in (straight, halves))
    assert all(torch.equal(first[name], second[name]) for name in first)

    facts = straight.provenance()
    assert facts["data_sets"][0]["where"] == HIGH
    assert facts["data"].endswith(f" where {HIGH}")
    selected = table.filter((pl.col("energy") > 1e3) & (pl.col("pulses") >= 10))
    assert facts["train_events"] + facts["validation_events"] <= len(selected)
    assert facts["energy_range_gev"] == [selected["energy"].min(), selected["energy"].max()]
    validated = pl.read_parquet(straight.validation)["event_id"]
    assert validated.is_in(selected["event_id"].implode()).all()
    assert HIGH in new_card("high", load_checkpoint(straight.best), straight).data


@pytest.mark.parametrize(
    ("condition", "message"),
    [
        ("energy > 1e30", "true for none of 300 events: energy from "),
        ("kind = 'muon'", "true for none of 300 events: kind is cascade, "),
        ("energi > 1e4", "no column 'energi'; did you mean 'energy'?"),
        ("energy >", "cannot read 'energy >'"),
        ("energy", "a value, not a condition"),
        ("kind > 3", "cannot compare string"),
        ("charge > 3", "no column 'charge'"),
        (" ", "it is empty"),
    ],
)
def test_a_condition_that_cannot_be_used_is_one_message_and_leaves_no_run(
    tmp_path, events, condition, message
):
    command = ["train", "--data", str(events), "--where", condition, "--runs-dir", str(tmp_path / "runs")]
    result = CliRunner().invoke(main, [*command, *(word for text in SETTINGS for word in ("-o", text))])
    assert result.exit_code == 2
    assert result.stderr.count("error: ") == 1
    assert message in " ".join(result.stderr.split())
    assert f"--where {condition!r}" in " ".join(result.stderr.split())
    assert not list((tmp_path / "runs").glob("*"))


def test_a_cut_that_leaves_nothing_to_validate_on_is_refused(events):
    row = min(parts_of(events, None)["train"])
    with pytest.raises(
        IcerecoError, match=r"leaves no event to validate on \(1 to train on, 0 to validate on\)"
    ):
        parts_of(events, f"row = {row}")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--where", "energy > 1"), "--where chooses among the events of --data"),
        (("--resume", "run", "--where", "energy > 1"), "it takes no --from"),
    ],
)
def test_a_condition_needs_data_to_choose_from(arguments, message):
    result = CliRunner().invoke(main, ["train", *arguments])
    assert result.exit_code == 2
    assert message in " ".join(result.stderr.split())


def test_a_training_that_goes_on_keeps_the_condition_or_has_its_own(tmp_path, events, monkeypatch):
    monkeypatch.chdir(tmp_path)
    small = [word for text in (*SETTINGS, "train.events=16") for word in ("-o", text)]
    first = [
        "train",
        "--profile",
        "hierarchical",
        "--data",
        str(events),
        "--where",
        HIGH,
        "--name",
        "first",
        *small,
    ]
    commands = [
        first,
        ["train", "--from", "first", "--name", "same"],
        ["train", "--from", "first", "--name", "other", "--where", "pulses < 100"],
    ]
    for command in commands:
        result = CliRunner().invoke(main, command)
        assert result.exit_code == 0, result.output
    used = [
        RunFolder(tmp_path / "runs" / name).provenance()["data_sets"][0]["where"]
        for name in ("first", "same", "other")
    ]
    assert used == [HIGH, HIGH, "pulses < 100"]

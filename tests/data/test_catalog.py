"""Data sets by name, and the settings file that holds them."""

import json
import subprocess
import sys
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

from icereco.cli import main
from icereco.data.catalog import DataSet, add, data_sets, find, remove
from icereco.data.split.rule import SplitRule
from icereco.errors import IcerecoError
from icereco.settings import add_table, read_settings, remove_table, settings_file


@pytest.fixture
def events(tmp_path, event_table):
    """A folder with three files of 100 events."""
    folder = tmp_path / "events"
    folder.mkdir()
    for number in range(3):
        pq.write_table(event_table.slice(100 * number, 100), folder / f"part_{number}.parquet")
    return folder


def run(*arguments):
    return CliRunner(catch_exceptions=False).invoke(main, list(map(str, arguments)))


def said(*arguments):
    result = run(*arguments)
    assert result.exit_code == 0, result.output
    return result.stdout


def refused(*arguments):
    result = run(*arguments)
    assert result.exit_code == 2, result.output
    return result.stderr


def write_settings(text):
    settings_file().parent.mkdir(parents=True, exist_ok=True)
    settings_file().write_text(text)


def test_what_the_user_wrote_in_the_settings_stays(tmp_path):
    write_settings(
        '# mine\ncolour = "blue"  # yes\n\n# the old ones\n[data.old]\npath = "/old"\n\n[other]\nkey = [\n 1,\n]\n'
    )
    add_table("data", "new", {"path": "/new"})
    add_table("data", "a.b", {"path": "/dots"})
    remove_table("data", "old")
    text = settings_file().read_text()
    assert text.startswith('# mine\ncolour = "blue"  # yes\n')
    assert "the old ones" not in text
    assert read_settings() == {
        "colour": "blue",
        "other": {"key": [1]},
        "data": {"new": {"path": "/new"}, "a.b": {"path": "/dots"}},
    }
    remove_table("data", "new")
    remove_table("data", "a.b")
    assert read_settings() == {"colour": "blue", "other": {"key": [1]}}


def test_a_table_takes_the_place_of_one_of_its_name():
    add_table("data", "x", {"path": "/one", "reader": "kaggle"})
    add_table("data", "x", {"path": "/two"})
    assert read_settings() == {"data": {"x": {"path": "/two"}}}


@pytest.mark.parametrize(
    "text", ['data = {x = {path = "/p"}}\n', '[data]\nx.path = "/p"\n', 'data.x.path = "/p"\n']
)
def test_settings_that_cannot_be_changed_safely_are_left_as_they_are(text):
    write_settings(text)
    with pytest.raises(IcerecoError, match="edit it by hand"):
        remove_table("data", "x")
    assert settings_file().read_text() == text


def test_two_commands_at_once_both_keep_what_they_add():
    code = "import sys; from icereco.settings import add_table\nfor i in range(20): add_table('data', f'{sys.argv[1]}{i}', {'path': '/p'})"
    both = [subprocess.Popen([sys.executable, "-c", code, name]) for name in "ab"]
    assert [one.wait(timeout=60) for one in both] == [0, 0]
    assert len(read_settings()["data"]) == 40


def test_settings_live_in_the_users_config_folder(monkeypatch, tmp_path):
    monkeypatch.delenv("ICERECO_CONFIG")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    assert settings_file() == tmp_path / "icereco" / "settings.toml"
    monkeypatch.delenv("XDG_CONFIG_HOME")
    assert settings_file() == Path.home() / ".config" / "icereco" / "settings.toml"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[data.x]\nreader = 'kaggle'", r"settings\.toml: \[data\.x\] path is missing"),
        ("[data.x]\npath = '/p'\nraeder = 'k'", r"raeder is not known; did you mean 'reader'\?"),
        ("[data.x]\npath = 'p'", r"path must be absolute, or begin with ~/"),
        ("[data.x]\npath = '/p'\nsplit = {by = 'evnt'}", r"split\.by: Input should be 'event' or 'file'"),
        ("[data.x]\npath = '/p'\nsplit = {validation = 1.5}", r"at least 0 and below 1"),
        (
            "[data.x]\npath = '/p'\nsplit = {validation = 0.6, test = 0.4}",
            r"must leave something to train on",
        ),
        (
            "[data.x]\npath = '/p'\nsplit = {validation = ['a*']}",
            r"patterns of file names go with a split by file",
        ),
        ("[data.x]\npath = '/p'\nsplit = {by = 'file', validation = ['a*'], test = 0.1}", r"must both be"),
        ("[data.x]\npath = '/p'\nsplit = {validatoin = 0.5}", r"did you mean 'validation'\?"),
        ("data = 3", r"data must be a table of data sets"),
        ("[data.x\n", r"settings\.toml: not valid TOML: .*line 1"),
    ],
)
def test_broken_settings_are_reported_with_file_and_entry(text, message):
    write_settings(text)
    with pytest.raises(IcerecoError, match=message):
        data_sets()


def test_a_data_set_is_added_listed_and_forgotten(events):
    said("data", "add", "ice", events, "--detector", "icecube86", "--validation", "0.1", "--test", "0.2")
    (listed,) = json.loads(said("data", "list", "--json"))
    assert listed["name"] == "ice"
    assert listed["path"] == str(events)
    assert listed["split"] == {"by": "event", "validation": 0.1, "test": 0.2, "seed": 1}
    assert "ice" in said("data")
    assert str(settings_file()) in said("data", "list")
    assert "did you mean 'ice'" in refused("data", "remove", "ise")
    assert "are still in" in said("data", "remove", "ice")
    assert "add one with: icereco data add" in said("data")
    assert events.is_dir()


def test_what_cannot_be_a_data_set_is_refused_before_anything_is_written(events, tmp_path):
    assert "no such file" in refused("data", "add", "x", tmp_path / "nowhere")
    (tmp_path / "notes.txt").write_text("hello")
    assert "neither a parquet nor an Arrow file" in refused("data", "add", "x", tmp_path / "notes.txt")
    assert "is not a valid name for a data set" in refused("data", "add", "x y", events)
    assert "no detector called 'icecub86'" in refused("data", "add", "x", events, "--detector", "icecub86")
    assert "no reader is called 'kagle'" in refused("data", "add", "x", events, "--reader", "kagle")
    assert "matches no file" in refused(
        "data", "add", "x", events, "--split-by", "file", "--validation", "batch_*", "--test", "part_1*"
    )
    assert "would be in both validation and test" in refused(
        "data", "add", "x", events, "--split-by", "file", "--validation", "part_[01]*", "--test", "part_1*"
    )
    assert "--validation, --test: patterns" in refused("data", "add", "x", events, "--validation", "part_1*")
    assert "takes one share" in refused(
        "data", "add", "x", events, "--validation", "0.1", "--validation", "0.2"
    )
    assert not settings_file().exists()


def test_a_name_is_not_reused_by_accident(events):
    said("data", "add", "ice", events)
    assert "there is a data set 'ice' already" in refused("data", "add", "ice", events)
    said("data", "add", "ice", events, "--replace", "--validation", "0.3")
    assert data_sets()["ice"].split == SplitRule(validation=0.3)


def test_a_data_set_whose_files_are_gone_says_how_to_find_them_again(events, tmp_path):
    add(DataSet(name="ice", path=tmp_path / "gone"))
    assert "(missing)" in "".join(said("data", "list").split())  # a long path folds anywhere
    assert f"should be at {tmp_path / 'gone'}" in refused("data", "show", "ice")
    assert "icereco data add ice PATH --replace" in refused("reconstruct", "ice", "--method", "linefit")


def test_a_name_comes_before_a_path_and_the_nearest_is_suggested(events, tmp_path, monkeypatch):
    add(DataSet(name="events", path=events))
    monkeypatch.chdir(tmp_path)
    assert find("events").name == "events"
    assert find("./events").name is None
    with pytest.raises(IcerecoError, match=r"no data set is called 'event'.*did you mean 'events'\?"):
        find("event")
    remove("events")
    assert find("events").name is None


def test_show_prints_size_pulses_truth_and_a_few_events(events, event_table):
    said("data", "add", "ice", events, "--split-by", "file", "--validation", "part_1*", "--test", "part_2*")
    shown = said("data", "show", "ice")
    for text in (
        "300 events in 3 files",
        "pulses per event",
        "pulses per hit DOM",
        "P50",
        "azimuth, rad",
        "inelasticity  ",
        "▇",
    ):
        assert text in shown
    assert "1 train, 1 validation, 1 test" in shown
    document = json.loads(said("data", "show", "ice", "--json"))
    pulses = [len(one) for one in event_table["time"].to_pylist()]
    assert document["events"] == document["looked_at"]["events"] == 300
    assert document["looked_at"]["empty_events"] == pulses.count(0) == 2
    assert document["looked_at"]["pulses_per_event"]["max"] == max(pulses)
    inelasticity = document["looked_at"]["truth"]["inelasticity"]
    assert inelasticity["max"] == max(event_table["inelasticity"].to_pylist())
    assert inelasticity["known"] == 300
    first = document["looked_at"]["sample"][0]
    assert (first["event_id"], first["pulses"]) == (event_table["event_id"][0].as_py(), pulses[0])


def test_show_reads_no_more_events_than_requested_from_all_files(events):
    shown = json.loads(said("data", "show", events, "--events", "30", "--json"))
    assert shown["looked_at"]["events"] == 30
    assert shown["events"] == 300


def test_show_reports_another_detector(events):
    assert "that deepcore does not have" in said("data", "show", events, "--detector", "deepcore")


def test_a_data_set_of_another_detector_is_refused(events):
    said("data", "add", "ice", events, "--detector", "icecube86")
    said("data", "add", "lake", events, "--detector", "gvd")
    assert "is of detector 'gvd', and not of 'icecube86'" in refused(
        "reconstruct", "lake", "--method", "linefit", "--detector", "icecube86"
    )
    said("reconstruct", "ice", "--method", "linefit", "-o", events.parent / "ice.reco.parquet")


def test_add_reports_at_once_that_the_events_do_not_fit(events):
    output = said("data", "add", "ice", events, "--detector", "deepcore")
    assert "its first events cannot be read this way" in output
    assert "outside deepcore" in output
    assert list(data_sets()) == ["ice"]

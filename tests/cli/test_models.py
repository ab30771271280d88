"""`icereco models`, and models by name wherever runs are."""

import json
import os
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner, Result

import icereco
from icereco.cli import main
from icereco.errors import IcerecoError
from icereco.evaluation.evaluate import evaluate
from icereco.system.files import file_hash
from icereco.tables.reconstructions import provenance_of
from icereco.trained.library import Library

BEST = Path("runs/small/checkpoints/best.safetensors")


def run(*arguments: object) -> Result:
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


def output_of(*arguments: object) -> str:
    result = run(*arguments)
    assert result.exit_code == 0, result.output
    return result.stdout


def refused(*arguments: object) -> str:
    result = run(*arguments)
    assert result.exit_code == 2, result.output
    return result.stderr


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of a small model, and other events."""
    folder = tmp_path_factory.mktemp("models")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ICERECO_CACHE", str(folder / "cache"))
        patch.chdir(folder)
        small = [
            word
            for option in ("events=64", "validation_events=40", "epochs=1")
            for word in ("-o", f"train.{option}")
        ]
        output_of("train", "--profile", "quick", "--name", "small", *small)
        output_of("simulate", "--events", 12, "--seed", 8, "-o", "others")
        events = pq.read_table("others/events.parquet")
        pq.write_table(events, "events.parquet")
    return folder


@pytest.fixture
def here(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture
def added(here: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder without runs, of a user with the model `mine`."""
    output_of("models", "add", "small", "--name", "mine")
    for name in ("events.parquet", "others"):
        (tmp_path / name).symlink_to(here / name)
    monkeypatch.chdir(tmp_path)
    return here


def test_a_run_becomes_a_model_with_the_figures_of_its_validation(here):
    said = output_of("models", "add", "small", "--summary", "a try")
    assert "icereco reconstruct FILE --model small" in said
    (document,) = [one for one in json.loads(output_of("models", "--json")) if one["origin"] == "yours"]
    assert document["name"] == "small"
    assert document["summary"] == "a try"
    assert document["events"] == 64
    assert document["sha256"] == file_hash(BEST)
    measured = evaluate(Path("runs/small/validation.parquet"))
    overall = document["figures"][0]
    assert overall["kind"] == "all"
    assert overall["events"] == measured.resolution["events"]
    assert overall["median_deg"] == pytest.approx(measured.resolution["median_deg"], abs=0.01)
    assert overall["inside_90"] == pytest.approx(measured.coverage["90%"], abs=1e-3)
    assert "--replace" in refused("models", "add", "small")
    output_of("models", "add", "small", "--replace")


def test_the_list_is_the_default_and_show_has_the_card(added):
    rows = output_of("models")
    assert rows == output_of("models", "list")
    assert "mine" in rows
    assert "yours" in rows
    shown = output_of("models", "show", "mine")
    for words in ("icecube86", "64 events simulated by ice-telescope", "cascade", file_hash(added / BEST)):
        assert words in shown
    assert json.loads(output_of("models", "show", "mine", "--json"))["profile"] == "quick"
    assert "did you mean 'mine'" in refused("models", "show", "mien")


def test_a_name_that_is_not_valid_or_that_of_a_method_is_refused(here):
    assert "is not a valid name" in refused("models", "add", "small", "--name", "../small")
    assert "is a method without training" in refused("models", "add", "small", "--name", "linefit")
    assert "neither a checkpoint, a run, a trained model nor a method" in refused("models", "add", "smal")
    assert "did you mean 'small'" in refused("models", "add", "smal")


def test_a_model_that_is_removed_is_gone(added):
    output_of("models", "remove", "mine")
    assert "mine" not in Library.of_user().names()
    assert "no model is called 'mine'" in refused("models", "remove", "mine")


def test_a_folder_without_runs_is_enough_to_reconstruct(added):
    done = run("reconstruct", "events.parquet")
    assert done.exit_code == 0, done.output
    assert done.stderr.splitlines()[0] == (
        "reconstructing with model mine, one of yours, as no model has been trained here"
    )
    facts = provenance_of(Path("events.reco.parquet"))
    assert facts["model"] == "mine"
    assert facts["checkpoint_sha256"] == file_hash(added / BEST)
    assert facts["trained"]["icereco"] == facts["icereco"] == icereco.__version__


def test_a_model_by_name_gives_what_its_run_gives(added):
    assert json.loads(output_of("reconstruct", "others", "--model", "mine", "-o", "a.parquet", "--json"))[
        "used"
    ] == "model mine"  # fmt: skip
    output_of("reconstruct", "others", "--run", added / "runs/small", "-o", "b.parquet")
    assert pq.read_table("a.parquet") == pq.read_table("b.parquet")
    assert "did you mean 'mine'" in refused("reconstruct", "others", "--model", "mien", "-o", "c.parquet")
    assert "--model mine" in refused("reconstruct", "others", "--run", "mine", "-o", "c.parquet")


def test_a_model_is_loaded_and_named_in_python(added):
    events = icereco.read_events("events.parquet")
    assert icereco.reconstruct(events, "mine").direction.shape == (12, 3)
    assert icereco.load_model("mine").provenance["model"] == "mine"
    with pytest.raises(IcerecoError, match="did you mean 'mine'"):
        icereco.load_model("mien")


def test_a_model_is_a_seed(added):
    pq.write_table(pq.read_table("events.parquet").slice(0, 1), "one.parquet")
    output_of(
        "reconstruct", "one.parquet", "--method", "likelihood:hops=0", "--seed", "mine", "-o", "s.parquet"
    )
    (seed,) = provenance_of(Path("s.parquet"))["seeds"]
    assert seed["model"] == "mine"
    assert seed["checkpoint_sha256"] == file_hash(added / BEST)


def test_a_model_is_compared(added):
    (comparison,) = json.loads(
        output_of("compare", "mine", added / "runs/small", "--data", "others", "--json")
    )
    assert comparison["first"] == "mine"


def test_a_model_is_calibrated_into_another_file_only(added):
    assert "-o OUT.safetensors" in refused("calibrate", "mine", "--data", "others")
    assert Library.of_user().find("mine").weights().is_file()


def test_a_damaged_model_is_one_message_with_what_to_do(added):
    weights = Library.of_user().find("mine").weights()
    with weights.open("r+b") as file:
        file.seek(-4, os.SEEK_END)
        file.write(b"\0\1\2\3")
    for arguments in (["reconstruct", "events.parquet"], ["models", "show", "mine"]):
        message = refused(*arguments)
        assert "the model 'mine' is damaged" in message
        assert "icereco models add PATH --name mine --replace" in message

"""What reconstructs where nothing is named."""

import time

import pyarrow.parquet as pq
import pytest
from reconstruct_driver import OVERRIDES, SIZES, events_of

from icereco.data.catalog import DataSet
from icereco.detector.detector import load_detector
from icereco.errors import IcerecoError
from icereco.model.checkpoint import load_checkpoint, save_checkpoint
from icereco.model.model import build_model
from icereco.profiles import load_profile
from icereco.reconstruction.choice import Events, choose
from icereco.runs.folder import RunFolder
from icereco.system.files import file_hash
from icereco.trained.card import Figures
from icereco.trained.library import Library
from icereco.trained.new_card import new_card


@pytest.fixture(scope="session")
def small_checkpoint_of_gvd(tmp_path_factory):
    profile = load_profile("quick", [*OVERRIDES, "detector.use=gvd"])
    detector = load_detector("gvd")
    path = tmp_path_factory.mktemp("model") / "gvd.safetensors"
    save_checkpoint(path, build_model(profile, detector), profile, detector, {})
    return path


@pytest.fixture
def data(tmp_path):
    """Events of IceCube that do not say so."""
    pq.write_table(events_of(SIZES), tmp_path / "events.parquet")
    return DataSet(path=tmp_path / "events.parquet")


@pytest.fixture
def runs(tmp_path):
    return tmp_path / "runs"


def add_run(runs, name, checkpoint, phase="finished"):
    folder = RunFolder.create(runs, name)
    folder.best.write_bytes(checkpoint.read_bytes())
    folder.write_status(phase)
    time.sleep(0.02)


def chosen(data, runs, library, detector=None, **options):
    events = Events.of([data], [data.open()], detector)
    return choose(events, runs, library, options)


def test_the_newest_finished_run_goes_before_models(data, runs, built_in, small_checkpoint):
    for name in ("older", "newer"):
        add_run(runs, name, small_checkpoint)
    choice = chosen(data, runs, built_in)
    assert choice.words == "run newer, the newest finished one"
    assert choice.method.provenance["run"] == "newer"


def test_a_newer_run_of_another_detector_is_passed_over(
    data, runs, library, small_checkpoint, small_checkpoint_of_gvd
):
    add_run(runs, "icecube", small_checkpoint)
    add_run(runs, "gvd", small_checkpoint_of_gvd)
    assert chosen(data, runs, library).words == "run icecube, the newest finished one of icecube86"


def test_without_a_run_the_model_of_the_detector_is_used(
    data, runs, built_in, small_checkpoint, small_checkpoint_of_gvd
):
    of_gvd = new_card("newest", load_checkpoint(small_checkpoint_of_gvd), None)
    built_in.add(of_gvd, small_checkpoint_of_gvd)
    choice = chosen(data, runs, built_in)
    assert choice.words == "model small, which comes with icereco, as no model has been trained here"
    assert choice.method.provenance["model"] == "small"
    assert choice.method.provenance["checkpoint_sha256"] == file_hash(small_checkpoint)


def test_why_no_run_is_used_is_said(data, runs, built_in, small_checkpoint, small_checkpoint_of_gvd):
    add_run(runs, "unfinished", small_checkpoint, phase="stopped")
    reason = f"as no run in {runs} has finished (unfinished has weights: --run unfinished)"
    assert chosen(data, runs, built_in).words.endswith(reason)
    add_run(runs, "gvd", small_checkpoint_of_gvd)
    assert chosen(data, runs, built_in).words.endswith(f"as no finished run in {runs} is of icecube86")


def test_a_model_of_the_users_goes_before_one_that_comes_with_icereco(
    data, runs, built_in, card, small_checkpoint
):
    for name, year in (("mine", 2025), ("newer", 2026), ("old", 2020)):
        own = card.model_copy(update={"name": name, "date": card.date.replace(year=year)})
        built_in.add(own, small_checkpoint)
    assert chosen(data, runs, built_in).words.startswith("model newer, one of yours")


def test_of_models_that_come_with_icereco_the_most_accurate_is_used(
    data, runs, built_in, card, small_checkpoint, tmp_path
):
    coming_with_icereco = Library(tmp_path / "none", built_in.built_in)
    for name, median_deg, events in (("quick", 0.2, 900), ("exact", 0.1, 30)):
        figures = Figures(
            data="a few", kind="all", events=9, median_deg=median_deg, containment68_deg=2 * median_deg
        )
        changes = {"name": name, "figures": (figures,), "events": events}
        coming_with_icereco.add(card.model_copy(update=changes), small_checkpoint)
    assert chosen(data, runs, built_in).words.startswith("model exact, which comes with icereco")


def test_the_detector_that_the_data_set_declares_or_the_user_names_decides(
    data, runs, built_in, small_checkpoint, small_checkpoint_of_gvd
):
    built_in.add(new_card("of-gvd", load_checkpoint(small_checkpoint_of_gvd), None), small_checkpoint_of_gvd)
    declared = data.model_copy(update={"detector": "gvd"})
    assert chosen(declared, runs, built_in).words.startswith("model of-gvd")
    assert chosen(data, runs, built_in, "gvd").words.startswith("model of-gvd")
    add_run(runs, "icecube", small_checkpoint)
    assert chosen(data, runs, built_in, "gvd").words.startswith("model of-gvd")


def test_without_any_model_events_are_fitted_and_the_alternatives_are_named(data, runs, library):
    choice = chosen(data, runs, library)
    assert choice.method.name == "likelihood"
    assert choice.words == (
        "method likelihood, as no model has been trained here and there is no model for icecube86 (train one: icereco train "
        "-o detector.use=icecube86; quicker without training: --method linefit)"
    )


def test_without_a_model_and_without_ice_to_fit_with_the_error_says_what_to_do(data, runs, library, tmp_path):
    card = tmp_path / "bare"
    card.mkdir()
    (card / "sensors.csv").write_text("string,om,x_m,y_m,z_m\n1,1,0,0,0\n1,2,0,0,-20\n")
    (card / "detector.toml").write_text(
        'name = "bare"\nsummary = "two modules"\nsensors = "sensors.csv"\norigin = "here"\n[medium]\nkind = "ice"\n'
        'refractive_index_phase = 1.3\nrefractive_index_group = 1.3\n[source]\nsensors = "none"\nmedium = "none"\n'
    )
    with pytest.raises(IcerecoError) as raised:
        chosen(data, runs, library, str(card))
    message = str(raised.value)
    assert message.startswith("there is no model for bare, as no model has been trained here")
    assert "icereco train -o detector.use=bare" in message
    assert "--method linefit" in message


def test_options_of_the_likelihood_fit_choose_it(data, runs, built_in):
    choice = chosen(data, runs, built_in, hops="0")
    assert choice.words == "method likelihood, hops=0"
    assert choice.method.provenance["method_options"]["hops"] == 0


def test_a_damaged_model_is_reported_and_not_passed_over(data, runs, built_in):
    weights = built_in.find("small").folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1])
    with pytest.raises(IcerecoError, match="install icereco again"):
        chosen(data, runs, built_in)


def test_a_damaged_card_is_reported_and_another_model_used(
    data, runs, built_in, card, small_checkpoint, caplog
):
    own = built_in.add(card.model_copy(update={"name": "mine"}), small_checkpoint)
    (own.folder / "card.toml").write_text("events = 1")
    assert chosen(data, runs, built_in).words.startswith("model small")
    assert str(own.folder / "card.toml") in caplog.text

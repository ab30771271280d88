"""What the event screen reads: data sets, reconstructions, filters, and runs in another process."""

import json
import time

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from icereco.data.catalog import DataSet, add
from icereco.errors import IcerecoError
from icereco.events.reconstruction import Reconstruction
from icereco.events.vmf_mixture import VmfMixture
from icereco.reconstruction.methods import untrained_method
from icereco.runs.folder import RunFolder
from icereco.tables.assembly import event_batch
from icereco.tables.reconstruction_columns import reconstruction_rows
from icereco.tables.reconstructions import METADATA_KEY, reconstruction_writer
from icereco.testing.random_events import random_events
from icereco.watch import events as events_module
from icereco.watch.choose import with_reconstructions
from icereco.watch.event_session import EventSession
from icereco.watch.events import EventFeed
from icereco.watch.opening import found_here, opened
from icereco.watch.reconstructions import TRUTH, Reconstructions, companions, inputs_of, read_reconstructions
from icereco.watch.worker import Answer, Workers


def wait_until(condition, seconds=90.0):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.01)


@pytest.fixture
def table():
    return random_events(np.array([40, 0, 700, 3]), seed=5)


@pytest.fixture
def file(tmp_path, table):
    pq.write_table(table, tmp_path / "events.parquet")
    return tmp_path / "events.parquet"


def output_of(path, table, detector, inputs=(), name="linefit", turned=False):
    """What `icereco reconstruct` writes."""
    batch = event_batch(table, detector)
    line_fit = untrained_method("linefit", "icecube86")(batch)
    direction = line_fit.direction[:, ::-1] if turned else line_fit.direction
    result = Reconstruction(direction, VmfMixture.single(direction, np.linspace(1, 100, len(batch))))
    with reconstruction_writer(
        path, {"method": name, "inputs": [{"path": str(source)} for source in inputs]}
    ) as writer:
        writer.write(reconstruction_rows(batch, result, {"linefit": line_fit}))
    return path


@pytest.fixture
def feed(file, detector):
    feed = EventFeed(DataSet(path=file), detector, lambda: None)
    feed.start()
    wait_until(lambda: not feed.reading)
    yield feed
    feed.close()


def test_a_summary_describes_each_event(feed, table):
    summary = feed.summary
    assert summary["pulses"].to_list() == [40, 0, 700, 3]
    assert summary["charge"].to_list() == pytest.approx(
        [sum(charges) for charges in table["charge"].to_pylist()], rel=1e-5
    )
    assert summary["doms"].to_list() == [len(set(sensors)) for sensors in table["sensor_id"].to_pylist()]
    spans = [max(times) - min(times) if times else 0 for times in table["time"].to_pylist()]
    assert summary["span"].to_list() == pytest.approx(spans)
    assert summary["zenith"].to_list() == pytest.approx(np.degrees(table["zenith"].to_pylist()).tolist())


def test_events_can_be_read_in_any_order(feed, table):
    for row in (3, 0, 2, 1):
        assert feed.event(row).event_id == table["event_id"][row].as_py()
        assert len(feed.event(row).pulses) == len(table["time"][row])
    with pytest.raises(IcerecoError, match="there is no event 4; 4 have been read"):
        feed.event(4)


def test_an_event_is_read_from_the_right_one_of_many_batches(tmp_path, detector, monkeypatch):
    monkeypatch.setattr(events_module, "_ROWS", 7)
    table = random_events(np.arange(1, 51), seed=2)
    pq.write_table(table, tmp_path / "many.parquet")
    feed = EventFeed(
        DataSet(path=tmp_path / "many.parquet"),
        detector,
        lambda: None,
        only=set(table["event_id"].to_pylist()[10:40]),
    )
    feed.start()
    wait_until(lambda: not feed.reading)
    assert feed.summary["pulses"].to_list() == list(range(11, 41))
    assert [len(feed.event(row).pulses) for row in (29, 0, 15)] == [40, 11, 26]
    feed.close()


def test_a_replaced_file_is_read_again_and_a_broken_one_leaves_the_events_read_before(
    feed, file, monkeypatch
):
    monkeypatch.setattr(events_module, "_WATCH_SECONDS", 0.02)
    feed._stop.set()  # the running thread waits with the old interval
    feed._thread.join()
    feed._stop.clear()
    feed._thread = type(feed._thread)(target=feed._follow, daemon=True)
    feed.start()
    wait_until(lambda: feed.generation >= 2)
    generation = feed.generation
    pq.write_table(random_events(np.array([5, 6]), seed=9), file.with_suffix(".new"))
    file.with_suffix(".new").replace(file)
    wait_until(lambda: feed.generation > generation and not feed.reading)
    assert feed.summary["pulses"].to_list() == [5, 6]
    file.write_bytes(b"PAR1 this is no parquet file")
    wait_until(lambda: feed.problem is not None)
    assert "events.parquet" in feed.problem
    assert len(feed.event(1).pulses) == 6
    file.unlink()
    wait_until(lambda: "no such file" in (feed.problem or ""))
    assert len(feed.summary) == 2


def test_a_file_that_holds_no_events_is_reported_by_name(tmp_path, detector):
    (tmp_path / "words.parquet").write_text("hello")
    feed = EventFeed(DataSet(path=tmp_path / "words.parquet"), detector, lambda: None)
    feed.start()
    wait_until(lambda: not feed.reading)
    assert "words.parquet" in feed.problem
    assert len(feed.summary) == 0
    feed.close()


def test_sensors_of_another_detector_are_refused_for_that_event_alone(tmp_path, detector):
    table = random_events(np.array([5, 5]), seed=1, sensors=9000)
    wrong = table.set_column(
        1, "sensor_id", [pa.array([[1, 2, 3, 4, 5], [8000, 8001, 2, 3, 4]], pa.list_(pa.int32()))]
    )
    pq.write_table(wrong, tmp_path / "other.parquet")
    feed = EventFeed(DataSet(path=tmp_path / "other.parquet"), detector, lambda: None)
    feed.start()
    wait_until(lambda: not feed.reading)
    assert len(feed.event(0).pulses) == 5
    with pytest.raises(IcerecoError, match="sensor_id 8000 is outside icecube86"):
        feed.event(1)
    feed.close()


def test_an_output_yields_its_own_reconstruction_the_line_fit_and_the_truth(tmp_path, table, detector, file):
    path = output_of(tmp_path / "out.reco.parquet", table, detector, [file], name="hierarchical")
    names = [method.name for method in read_reconstructions(path)]
    assert names == ["hierarchical", "linefit", TRUTH]
    own = read_reconstructions(path)[0]
    first = int(table["event_id"][0].as_py())
    assert own.of(first).kappa == pytest.approx(1.0)
    assert own.of(first).pulses_used == 40
    assert own.of(first + 1).direction is None  # an event without pulses
    assert own.of(-5) is None
    assert [source.path for source in inputs_of(path)] == [file]


def test_an_output_yields_every_quantity_of_its_own_method(tmp_path, smeared_events, write_reconstruction):
    events, made = smeared_events
    (smeared, _) = read_reconstructions(write_reconstruction(tmp_path / "smeared.parquet", events, made))
    estimate = smeared.of(int(events.event_id[7]))
    assert set(made.quantities) == {name for name in made.quantities if getattr(estimate, name) is not None}
    for name, column in made.quantities.items():
        assert getattr(estimate, name) == pytest.approx(column[7])
    failed = smeared.of(int(events.event_id[0]))
    assert all(getattr(failed, name) is None for name in made.quantities)


def test_the_energy_in_tables_of_the_first_version_is_the_truth_and_no_estimate(tmp_path, table, detector):
    path = output_of(tmp_path / "old.parquet", table, detector)
    columns = pq.read_table(path).append_column("energy", pa.array([5.0] * len(table)))
    facts = json.loads(columns.schema.metadata[METADATA_KEY])
    for fact in ("table", "columns", "crc32"):
        facts.pop(fact, None)
    pq.write_table(columns.replace_schema_metadata({METADATA_KEY: json.dumps(facts)}), path)
    assert read_reconstructions(path)[0].of(int(table["event_id"][0].as_py())).energy_gev is None


def test_tables_of_official_fits_are_read_and_failed_fits_are_not(tmp_path):
    pl.DataFrame(
        {"event_id": [1, 1, 2], "name": ["MPE", "SPE", "MPE"], "azimuth": [0.1, 0.2, 0.3], "zenith": [1.0, 1.1, 1.2],
         "status": [0, 0, 40]}
    ).write_parquet(tmp_path / "fits.parquet")  # fmt: skip
    fits = {fit.name: fit for fit in read_reconstructions(tmp_path / "fits.parquet")}
    assert set(fits) == {"MPE", "SPE"}
    assert fits["MPE"].of(2) is None
    assert fits["SPE"].of(1).direction[2] == pytest.approx(np.cos(1.1))


def test_a_submission_is_read_as_a_reconstruction(tmp_path):
    (tmp_path / "submission.csv").write_text("event_id,azimuth,zenith\n7,1.0,2.0\n3,0.5,0.5\n")
    (submission,) = read_reconstructions(tmp_path / "submission.csv")
    assert submission.name == "submission"
    assert submission.event_id.tolist() == [3, 7]


@pytest.mark.parametrize("content", [{"a": [1]}, {"event_id": [1], "energy": [2.0]}])
def test_a_file_without_reconstructions_is_refused(tmp_path, content):
    pl.DataFrame(content).write_parquet(tmp_path / "none.parquet")
    with pytest.raises(IcerecoError, match="holds no reconstructions"):
        read_reconstructions(tmp_path / "none.parquet")


def test_files_that_belong_to_the_data_are_found_and_others_are_not(tmp_path, table, detector, file):
    output = output_of(tmp_path / "mine.reco.parquet", table, detector, [file])
    output_of(tmp_path / "other.reco.parquet", table, detector, [tmp_path / "elsewhere.parquet"])
    fits = tmp_path / "fits.parquet"
    pl.DataFrame({"event_id": [1], "name": ["MPE"], "azimuth": [0.1], "zenith": [1.0]}).write_parquet(fits)
    assert companions(file, [tmp_path, tmp_path]) == [fits, output]
    assert set(opened(file).reconstructions) == {fits, output}


def test_an_output_opens_its_data_if_they_still_exist(tmp_path, table, detector, file):
    path = output_of(tmp_path / "out.reco.parquet", table, detector, [file])
    output = opened(path)
    assert (output.data.path, output.reconstructions[0]) == (file, path)
    file.unlink()
    with pytest.raises(IcerecoError, match=r"was made from .*events.parquet, which does not exist any more"):
        opened(path)


@pytest.fixture
def named(tmp_path, monkeypatch, file):
    """A data set of another detector than the default."""
    monkeypatch.setenv("ICERECO_CONFIG", str(tmp_path / "config"))
    data = DataSet(name="mine", path=file, reader="icereco", detector="orca")
    add(data)
    return data


def test_a_data_set_opens_by_its_name_as_it_was_declared(named, detector, tmp_path):
    assert opened("mine").data == named
    assert opened(tmp_path / "mine").data == DataSet(path=tmp_path / "mine")
    with pytest.raises(IcerecoError, match="did you mean 'mine'"):
        opened("mnie")
    by_data, by_user = (EventSession(choice, {}, lambda: None) for choice in (None, detector))
    for session in (by_data, by_user):
        session.open("mine")
        session.close()
    assert (by_data.detector.name, by_user.detector.name) == ("orca", "icecube86")


def test_a_run_opens_its_events_as_its_data_set_was_declared(named, table, detector, tmp_path):
    run = RunFolder.create(tmp_path / "runs", "mine")
    run.write_status("training")
    run.write_provenance({"data_sets": [{"data": named.table(), "weight": 1, "skip_bad": True}]})
    output_of(run.validation, table[2:], detector)
    validation = opened(run.path)
    data = validation.data
    assert (data.path, data.reader, data.detector) == (named.path, "icereco", "orca")
    assert validation.skip_bad


def test_a_run_opens_its_validation_events(tmp_path, table, detector, file, monkeypatch):
    monkeypatch.setenv("ICERECO_CACHE", str(tmp_path / "cache"))  # without simulated events of other tests
    run = RunFolder.create(tmp_path / "runs", "mine")
    run.write_status("training")
    with pytest.raises(IcerecoError, match="run 'mine' has not validated yet"):
        opened(run.path)
    run.write_provenance({"store": str(file)})
    output_of(run.validation, table[2:], detector)
    validation = opened(run.path)
    assert validation.data.path == file
    assert validation.only == set(table["event_id"].to_pylist()[2:])
    assert found_here(tmp_path, tmp_path / "runs") == [file, run.path]
    run.write_provenance({"data": str(tmp_path / "gone.parquet")})
    with pytest.raises(IcerecoError, match="are not on this machine"):
        opened(run.path)


def test_a_run_on_several_data_sets_does_not_open_events_that_may_be_others(tmp_path, table, detector, file):
    run = RunFolder.create(tmp_path / "runs", "mine")
    run.write_status("finished")
    run.write_provenance({"store": [str(file), str(file)], "data": [str(file), "other.parquet"]})
    output_of(run.validation, table[2:], detector)
    with pytest.raises(IcerecoError, match=f"from 2 data sets, .*icereco reconstruct {file} --run mine"):
        opened(run.path)


def test_listed_errors_are_opening_angles_to_the_truth(tmp_path, table, detector, feed):
    path = output_of(tmp_path / "out.reco.parquet", table, detector, name="mine")
    frame = with_reconstructions(feed.summary, read_reconstructions(path))
    direction = untrained_method("linefit", "icecube86")(event_batch(table, detector)).direction
    truth = event_batch(table, detector).truth.direction
    error = np.degrees(np.arccos(np.clip((direction * truth).sum(-1), -1, 1)))
    assert frame["error"].to_list()[0] == pytest.approx(error[0], abs=1e-3)
    assert frame["error"].to_list()[1] is None
    assert frame["error_linefit"].to_list()[2] == pytest.approx(error[2], abs=1e-3)
    assert frame["pull"][0] == pytest.approx(frame["error"][0] / frame["sigma"][0])


def test_the_content_of_an_event_is_the_probability_within_its_error(tmp_path, table, detector, feed):
    path = output_of(tmp_path / "out.reco.parquet", table, detector, name="mine")
    (mine,) = [one for one in read_reconstructions(path) if one.name == "mine"]
    frame = with_reconstructions(feed.summary, [mine])
    kappa, error = mine.kappa[0], np.radians(frame["error"][0])
    inside = -np.expm1(kappa * (np.cos(error) - 1)) / -np.expm1(-2 * kappa)  # of a von Mises-Fisher density
    assert frame["content"][0] == pytest.approx(inside, rel=1e-4)
    assert frame["content"][1] is None, "it has no direction"


@pytest.mark.parametrize("most", [10, 3])
def test_contents_that_take_long_are_computed_once_and_of_few_events(monkeypatch, most):
    monkeypatch.setattr("icereco.watch.reconstructions.MOST_CONTENTS", most)
    mean = np.array([[[1.0, 0, 0], [0, 1.0, 0]]] * 3 + [[[0, 0, 1.0], [0, 0, 1.0]]] * 2)
    mixture = VmfMixture(np.full((5, 2), 0.5), mean, np.full((5, 2), 30.0))
    ids = np.arange(5) * 10
    method = Reconstructions("mine", ids, mean[:, 0], np.full(5, 30.0), np.full(5, -1), mixture)
    asked = np.array([40, 7, 0, 10, 20, 30])
    truth = np.array([[0, 0, 1.0]] * 6)
    found = method.content(asked, truth)
    assert found[[0, 5]] == pytest.approx(0.0, abs=1e-6)
    assert np.isnan(found[1]), "no such event"
    assert np.isfinite(found[2:5]).all() == (most == 10)
    monkeypatch.setattr(VmfMixture, "_content_by_points", None)
    np.testing.assert_array_equal(method.content(asked, truth), found)


@pytest.fixture
def session(detector, file):
    session = EventSession(detector, {"linefit": untrained_method("linefit", "icecube86")}, lambda: None)
    session.open(file)
    wait_until(lambda: not session.reading)
    session.refresh()
    yield session
    session.close()


def test_own_outputs_come_before_official_fits_and_these_are_ordered_by_their_number_of_events(
    session, tmp_path, table, detector
):
    ids = table["event_id"].to_numpy()
    rare = [0.5, *[float("nan")] * (len(ids) - 1)]
    fits = {"event_id": ids, "a_azimuth": rare, "a_zenith": rare, "b_azimuth": [0.5] * len(ids)}
    pl.DataFrame(fits | {"b_zenith": [0.5] * len(ids)}).write_parquet(tmp_path / "fits.parquet")
    session.add(tmp_path / "fits.parquet")
    session.add(output_of(tmp_path / "out.reco.parquet", table, detector, name="mine"))
    assert [estimate.name for estimate in session.shown(0)[1]] == ["mine", "b", "a", "linefit"]


def test_a_session_shows_an_event_with_the_estimates_of_all_methods(session, tmp_path, table, detector):
    shown, estimates = session.shown(2)
    assert shown.event_id == table["event_id"][2].as_py()
    assert [estimate.name for estimate in estimates] == ["linefit"]
    session.add(output_of(tmp_path / "out.reco.parquet", table, detector, name="mine"))
    assert [estimate.name for estimate in session.shown(2)[1]] == ["mine", "linefit"]
    session.prefer("linefit")
    assert [estimate.name for estimate in session.shown(2)[1]] == ["linefit", "mine"]
    assert session.shown(1)[1][0].direction is None  # without pulses


def test_two_methods_of_the_same_name_are_distinguished_by_their_files(session, tmp_path, table, detector):
    for name in ("first", "second"):
        path = tmp_path / f"{name}.reco.parquet"
        session.add(output_of(path, table, detector, name="mine", turned=name == "second"))
    names = [estimate.name for estimate in session.shown(0)[1]]
    # The line fit is in both files, and the same in both.
    assert names == ["mine (first.reco)", "mine (second.reco)", "linefit"]


def test_reconstructions_are_read_again_when_their_file_changes(session, tmp_path, table, detector):
    path = output_of(tmp_path / "out.reco.parquet", table, detector, name="before")
    session.add(path)
    assert not session.poll()
    output_of(path, table, detector, name="after")
    assert session.poll()
    assert session.shown(0)[1][0].name == "after"
    path.unlink()
    session.poll()
    assert "out.reco.parquet" in session.problems[0]


def test_an_invalid_filter_leaves_the_list_as_it_was(session):
    session.filter("pulses > 10")
    with pytest.raises(IcerecoError):
        session.filter("pulses > ")
    assert (session.expression, len(session.listed), session.total) == ("pulses > 10", 2, 4)


@pytest.mark.parametrize("name", ["vertex_x", "vertex_y", "vertex_z", "inelasticity", "energy"])
def test_events_are_filtered_by_any_target(session, table, name):
    values = table[name].to_numpy()
    limit = float(np.median(values))
    session.filter(f"{name} < {limit!r}")
    assert session.listed["row"].to_list() == np.flatnonzero(values < limit).tolist()


def test_what_is_not_known_passes_no_filter(session, tmp_path, table):
    energies = [1e6, None, float("nan"), 10.0]
    unknown = table.set_column(table.schema.get_field_index("energy"), "energy", pa.array(energies))
    pq.write_table(unknown, tmp_path / "unknown.parquet")
    session.open(tmp_path / "unknown.parquet")
    wait_until(lambda: not session.reading)
    for expression, rows in [("energy > 1e4", [0]), ("energy < 1e4", [3]), ("energy is null", [1, 2])]:
        session.filter(expression)
        assert session.listed["row"].to_list() == rows


def test_the_true_line_goes_through_the_vertex(session, table):
    shown, _ = session.shown(0)
    assert shown.truth.vertex_m.tolist() == [table[f"vertex_{axis}"][0].as_py() for axis in "xyz"]


def test_the_truth_may_be_in_another_file_than_the_pulses(tmp_path, table, detector):
    bare = table.drop_columns(["azimuth", "zenith", "energy", "kind", "vertex_x", "vertex_y", "vertex_z"])
    pq.write_table(bare, tmp_path / "bare.parquet")
    ids = bare["event_id"].to_pylist()
    pl.DataFrame({"event_id": ids, "true_azimuth": [1.0] * 4, "true_zenith": [0.5] * 4}).write_parquet(
        tmp_path / "truth.parquet"
    )
    session = EventSession(detector, {"linefit": untrained_method("linefit", "icecube86")}, lambda: None)
    session.open(tmp_path / "bare.parquet")
    wait_until(lambda: not session.reading)
    shown, estimates = session.shown(0)
    assert shown.truth.direction[2] == pytest.approx(np.cos(0.5))
    assert [estimate.name for estimate in estimates] == ["linefit"]
    session.close()


def test_a_run_reconstructs_in_another_process(tmp_path, detector, table):
    from icereco.model.checkpoint import save_checkpoint
    from icereco.model.model import build_model
    from icereco.profiles import load_profile
    from icereco.reconstruction.methods import model_method

    run = RunFolder.create(tmp_path, "mine")
    answers: list[Answer] = []
    workers = Workers(answers.append)
    workers.toggle(run.name, run.best_weights)
    workers.ask(1, table.to_batches()[0].slice(0, 1))
    wait_until(lambda: answers)
    assert "has no checkpoint yet" in answers.pop().problem
    profile = load_profile("quick", ["losses.energy.use=log-energy"])
    save_checkpoint(run.best, build_model(profile, detector), profile, detector, {})
    workers.ask(2, table.to_batches()[0].slice(2, 1))
    wait_until(lambda: answers, 120)
    answer = answers.pop()
    assert answer.problem is None
    expected = model_method(run.best)(event_batch(table, detector))
    assert answer.estimate.direction == pytest.approx(expected.direction[2], abs=1e-4)
    assert answer.estimate.kappa == pytest.approx(expected.kappa[2], rel=1e-3)
    assert (answer.event_id, answer.estimate.pulses_used) == (2, 700)
    assert answer.estimate.energy_gev == pytest.approx(expected.energy_gev[2], rel=1e-3)
    run.best.write_bytes(b"not a checkpoint")
    workers.ask(3, table.to_batches()[0].slice(3, 1))
    wait_until(lambda: answers, 120)
    assert "best.safetensors" in answers.pop().problem
    workers.close()

"""Results of a fit become columns of the events that it was made of, whatever the order of its file."""

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from icereco.data.reading import read_events
from icereco.data.sources.source import open_source
from icereco.data.write import convert as converting
from icereco.data.write.added_fit import FitFile
from icereco.data.write.convert import Conversion, convert
from icereco.errors import IcerecoError
from icereco.events.official_fits import official_fits
from icereco.events.reconstruction import Reconstruction
from icereco.system.work.processes import LocalProcesses


@pytest.fixture
def events(tmp_path, event_table):
    """A folder with two files of 150 events."""
    folder = tmp_path / "events"
    folder.mkdir()
    for number in range(2):
        pq.write_table(event_table.slice(150 * number, 150), folder / f"part_{number}.parquet")
    return folder


@pytest.fixture
def result() -> Reconstruction:
    """A direction and a figure of each event; the fit fails on the first three."""
    random = np.random.default_rng(1)
    direction = random.normal(size=(300, 3))
    direction /= np.linalg.norm(direction, axis=1, keepdims=True)
    direction[:3] = np.nan
    return Reconstruction(direction, extras={"score": np.where(np.isnan(direction[:, 0]), np.nan, random.normal(size=300))})  # fmt: skip


@pytest.fixture
def fit(tmp_path, events, result, write_reconstruction):
    """The file of the results, its rows in another order."""
    path = write_reconstruction(tmp_path / "fit.reco.parquet", read_events(events), result)
    rows = pq.read_table(path)
    pq.write_table(rows.take(pa.array(np.random.default_rng(0).permutation(len(rows)))), path)
    return FitFile.parse(f"mine={path}")


@pytest.fixture
def conversion(events, detector, tmp_path, fit):
    def make(name="out", **changes):
        made = Conversion(open_source(events), detector, tmp_path / name, events_per_file=80, fits=(fit,))
        return replace(made, **changes)

    return make


def test_each_event_gets_its_own_result(conversion, tmp_path, result, events):
    convert(conversion())
    batch = read_events(tmp_path / "out")
    (name, found), *others = official_fits(batch).items()
    assert (name, others) == ("mine", [])
    np.testing.assert_allclose(found.direction, result.direction, atol=1e-12)
    np.testing.assert_array_equal(batch.event_extras["fit_mine_score"], result.extras["score"])
    # The direction's other forms and what the events have themselves are no results.
    assert set(batch.event_extras) == {"fit_mine_azimuth", "fit_mine_zenith", "fit_mine_score"}
    plain = read_events(events)
    np.testing.assert_array_equal(batch.time_ns, plain.time_ns)
    np.testing.assert_array_equal(batch.truth.direction, plain.truth.direction)


def test_several_processes_write_the_same_files(conversion, tmp_path, monkeypatch):
    monkeypatch.setattr(converting, "provenance", lambda **facts: facts)  # without the time

    def contents(folder):
        return {path.name: path.read_bytes() for path in folder.iterdir()}

    assert convert(conversion("two"), executor=LocalProcesses(2)) == convert(conversion("one"))
    assert contents(tmp_path / "two") == contents(tmp_path / "one")


def test_a_conversion_with_other_results_is_another(conversion, tmp_path, fit):
    convert(conversion())
    with pytest.raises(IcerecoError, match=r"holds another conversion \(of another fits\)"):
        convert(conversion(fits=(replace(fit, name="other"),)))
    with pytest.raises(IcerecoError, match=r"holds another conversion \(of another fits\)"):
        convert(conversion(fits=()))


def test_an_event_without_a_row_is_named(conversion, fit):
    rows = pq.read_table(fit.path)
    lost = rows["event_id"][17]
    pq.write_table(rows.filter(pc.not_equal(rows["event_id"], lost)), fit.path)
    with pytest.raises(IcerecoError, match=f"has no row for event_id {lost};"):
        convert(conversion())


def test_results_are_added_once(conversion, tmp_path, detector, fit):
    convert(conversion())
    again = conversion("again", source=open_source(tmp_path / "out"))
    with pytest.raises(IcerecoError, match="have a column fit_mine_azimuth already; give another name"):
        convert(again)
    convert(replace(again, fits=(replace(fit, name="second"),)))
    assert set(official_fits(read_events(tmp_path / "again"))) == {"mine", "second"}


def test_the_truth_is_no_result(conversion, events, fit):
    """Files of events have angles by the same names."""
    with pytest.raises(IcerecoError, match="is not a file of reconstructions: it lacks pulses_total"):
        convert(conversion(fits=(replace(fit, path=events / "part_0.parquet"),)))


def test_what_is_carried_from_the_input_is_no_result(conversion, fit, tmp_path):
    rows = pq.read_table(fit.path)
    field = pa.field("run", pa.float64(), metadata={"meaning": "as in the input"})
    pq.write_table(rows.append_column(field, pa.array(np.zeros(300))), fit.path)
    convert(conversion())
    assert "fit_mine_run" not in read_events(tmp_path / "out").event_extras


def test_kaggles_layout_refuses_results(conversion):
    with pytest.raises(IcerecoError, match="no place for the results of a fit"):
        convert(conversion(layout="kaggle"))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("fit.parquet", "give NAME=FILE"),
        ("=fit.parquet", "give NAME=FILE"),
        ("my-fit=fit.parquet", "a name has letters, digits and _"),
        ("mine=nowhere.parquet", "there is no file nowhere.parquet"),
    ],
)
def test_a_wrong_option_is_explained(text, message):
    with pytest.raises(IcerecoError, match=message):
        FitFile.parse(text)

"""The doctor and the readers tell units of time that are off by ten, and times whose digits are lost."""

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

from icereco.cli import main
from icereco.data.simulated import Simulation
from icereco.data.sources.source import open_source
from icereco.detector.detector import load_detector
from icereco.doctor.finding import Finding
from icereco.doctor.sample import take_sample
from icereco.doctor.units import check_time
from icereco.plugins.discovery import registry
from icereco.profiles import load_profile
from icereco.training.data_choice import DataChoice, require_readable
from icereco.training.datasets import gather

UTC_NS = 1_700_000_000_000_000_000


@pytest.fixture(scope="module")
def simulated() -> pa.Table:
    simulator = registry().find("simulator", "ice-telescope")
    simulation = Simulation(simulator, simulator.component.load_options()(), load_detector("icecube86"), 5)
    return pa.Table.from_batches(list(simulation.events(150, workers=1))).combine_chunks()


def with_times(table: pa.Table, change) -> pa.Table:
    """The events with `change` of their times, NumPy to NumPy."""
    lists = table["time"].combine_chunks()
    values = pa.array(change(lists.values.to_numpy()))
    place = table.schema.get_field_index("time")
    return table.set_column(place, "time", pa.ListArray.from_arrays(lists.offsets, values))


def finding(table: pa.Table, folder) -> Finding:
    pq.write_table(table, folder / "events.parquet")
    return check_time(take_sample(open_source(folder / "events.parquet"), load_detector("icecube86"), 1000))


@pytest.mark.parametrize(("factor", "unit"), [(10.0, "0.1 ns"), (0.1, "10 ns"), (1e-3, "µs"), (1e3, "ps")])
def test_a_wrong_unit_is_named_with_the_factor_that_corrects_it(simulated, tmp_path, factor, unit):
    found = finding(with_times(simulated, lambda times: times * factor), tmp_path)
    assert (found.severity, found.what) == ("error", f"times are not in ns; they look like {unit}")
    assert found.fix == f"multiply the column time by {1 / factor:g}"


@pytest.mark.parametrize("factor", [3.0, 0.25])
def test_a_factor_of_three_is_doubted(simulated, tmp_path, factor):
    assert finding(with_times(simulated, lambda times: times * factor), tmp_path).severity == "warning"


@pytest.mark.parametrize("change", [lambda times: times, lambda times: times + 1e6, np.rint])
def test_nanoseconds_are_good(simulated, tmp_path, change):
    assert finding(with_times(simulated, change), tmp_path).severity == "ok"


@pytest.mark.parametrize(
    ("change", "grid"),
    [
        (lambda times: times + float(UTC_NS), 256),
        (lambda times: (times + 1e9).astype(np.float32), 64),
    ],
)
def test_lost_digits_are_reported_with_their_grid(simulated, tmp_path, change, grid):
    found = finding(with_times(simulated, change), tmp_path)
    assert found.severity == "error"
    assert f"multiples of {grid} ns" in found.what


def test_utc_as_integers_is_read_without_loss(simulated, tmp_path, detector):
    whole = with_times(simulated, lambda times: np.rint(times).astype(np.int64) + UTC_NS)
    assert finding(whole, tmp_path).severity == "ok"
    batches = list(open_source(tmp_path / "events.parquet").checked(detector))
    for rows, before in zip(pa.Table.from_batches(batches)["time"], whole["time"], strict=True):
        first = min(before.as_py(), default=0)
        assert rows.as_py() == [time - first for time in before.as_py()]


def test_reading_reports_times_without_digits_once(simulated, tmp_path, detector, caplog):
    pq.write_table(with_times(simulated, lambda times: times + float(UTC_NS)), tmp_path / "events.parquet")
    list(open_source(tmp_path / "events.parquet").checked(detector, 20))
    assert caplog.text.count("where float64 resolves 256 ns: store them relative to the first pulse") == 1


@pytest.mark.parametrize(("factor", "unit"), [(10.0, "0.1 ns"), (1e-3, "µs"), (1e-9, "s")])
def test_reading_reports_a_wrong_unit_once(simulated, tmp_path, detector, caplog, factor, unit):
    pq.write_table(with_times(simulated, lambda times: times * factor), tmp_path / "events.parquet")
    list(open_source(tmp_path / "events.parquet").checked(detector, 50))
    assert caplog.text.count(f"times look like {unit}, not ns") == 1
    assert f": multiply them by {1 / factor:g} (" in caplog.text
    assert ("unless most pulses are noise" in caplog.text) == (factor > 1)


@pytest.mark.parametrize("change", [lambda times: times, lambda times: times * 3, np.rint])
def test_reading_reports_no_unit_that_may_be_right(simulated, tmp_path, detector, caplog, change):
    pq.write_table(with_times(simulated, change), tmp_path / "events.parquet")
    list(open_source(tmp_path / "events.parquet").checked(detector))
    assert not caplog.text


def test_commands_report_it_once(simulated, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    pq.write_table(with_times(simulated, lambda times: times * 1e-3), "events.parquet")
    for command in (
        ["data", "show", "events.parquet"],
        ["reconstruct", "events.parquet", "--method", "linefit"],
    ):
        result = CliRunner().invoke(main, command)
        assert (result.exit_code, result.output.count("times look like µs")) == (0, 1)


@pytest.mark.parametrize("trainings", [1, 2], ids=["anew", "prepared before"])
@pytest.mark.parametrize("skip_bad", [False, True], ids=["all", "skip bad"])
def test_a_training_reports_it_once(simulated, tmp_path, detector, caplog, monkeypatch, trainings, skip_bad):
    monkeypatch.setenv("ICERECO_CACHE", str(tmp_path / "cache"))
    pq.write_table(with_times(simulated, lambda times: times * 1e-3), tmp_path / "events.parquet")
    for _ in range(trainings):
        caplog.clear()
        choice = replace(DataChoice.parse(str(tmp_path / "events.parquet")), skip_bad=skip_bad)
        require_readable([choice], detector.name)
        with gather(load_profile("quick"), detector, [choice], lambda _: lambda done, total: None):
            assert caplog.text.count("times look like µs") == 1

"""The doctor says that positions do not fit the ids only where it is sure: few pairs of a small detector are not enough."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from icereco.data.sources.source import open_source
from icereco.detector.detector import load_detector
from icereco.doctor.geometry import check_order
from icereco.doctor.sample import take_sample
from icereco.plugins.discovery import registry

HITS = 13


def finding(folder, detector, *, events, within_m, seed=1):
    """What is said of events that hit modules in any order, all within some distance of the middle of the detector."""
    random = np.random.default_rng(seed)
    near = np.flatnonzero(np.linalg.norm(detector.position_m[:, :2], axis=1) < within_m)
    sensor = np.concatenate([random.choice(near, HITS, replace=False) for _ in range(events)])
    offsets = pa.array(np.arange(events + 1) * HITS, pa.int32())
    columns = {
        "sensor_id": sensor.astype(np.int32),
        "time": random.uniform(0, 1000, len(sensor)),
        "charge": np.ones(len(sensor), np.float32),
        "auxiliary": np.zeros(len(sensor), bool),
    }
    lists = {name: pa.ListArray.from_arrays(offsets, pa.array(values)) for name, values in columns.items()}
    pq.write_table(pa.table({"event_id": pa.array(range(events)), **lists}), folder / "events.parquet")
    return check_order(take_sample(open_source(folder / "events.parquet"), detector, events))


def test_modules_in_any_order_are_an_error_also_of_few_events(tmp_path, detector):
    found = finding(tmp_path, detector, events=30, within_m=1000)
    assert (found.severity, "between strings" in found.what) == ("error", True)


def test_modules_that_lie_a_little_closer_are_an_error_only_of_many_events(tmp_path, detector):
    few = finding(tmp_path, detector, events=30, within_m=520)
    assert few.severity == "unknown"
    assert "too few to say" in few.evidence + few.what
    assert finding(tmp_path, detector, events=1000, within_m=520).severity == "error"


def test_a_right_file_of_a_small_detector_is_not_called_wrong():
    registry()  # before the files' package imports importlib_metadata, whose entry points are of another class
    testdata = pytest.importorskip(
        "km3net_testdata", reason="needs icereco[dev], which brings km3net-testdata"
    )
    name = (
        "offline/KM3NeT_00000049_00011291.mc.gsg_neutrinos.km3sim_sirene_merged.jterbr.jppmuon_jppshower_static.offline.v9.2."
        "sample.root"
    )
    source = open_source(Path(testdata.data_path(name)))
    found = check_order(take_sample(source, load_detector("km3net-orca6"), 1000))
    assert found.severity in ("ok", "unknown")

"""Tables in HDF5, as IceTray's hdfwriter, pandas and people write them."""

import pickle
import sys

import numpy as np
import pytest

from icereco.data.sources.source import open_source
from icereco.errors import IcerecoError

MAGIC = b"\x89HDF\r\n\x1a\n"
EVENT, STRING, OM = [4, 4, 9], [1, 30, 86], [1, 7, 60]
TIME, CHARGE, ZENITH = [10.0, 20.5, 30.0], [1.0, 0.5, 2.0], {4: 0.25, 9: 1.5}
PULSES = "event=Event,string=string,om=om,time=time,charge=charge"


@pytest.fixture
def h5py():
    return pytest.importorskip("h5py", reason="the extra hdf5 is not installed")


def read(path, options, detector):
    (batch,) = open_source(path, f"table:{options}").checked(detector)
    return batch.to_pydict()


def the_events(found, detector):
    assert found["event_id"] == [4, 9]
    assert found["time"] == [TIME[:2], TIME[2:]]
    assert found["charge"] == [CHARGE[:2], CHARGE[2:]]
    sensors = [(int(detector.string[s]), int(detector.om[s])) for row in found["sensor_id"] for s in row]
    assert sensors == list(zip(STRING, OM, strict=True))


def test_hdfwriters_tables_of_records_are_read(tmp_path, detector, h5py):
    kinds = [
        ("Event", "u4"),
        ("exists", "u1"),
        ("string", "i4"),
        ("om", "u4"),
        ("time", "f8"),
        ("charge", "f4"),
    ]
    pulses = np.array(list(zip(EVENT, [1] * 3, STRING, OM, TIME, CHARGE, strict=True)), kinds)
    truth = np.array(
        [(4, 1, 0.25, 2.0), (9, 1, 1.5, 3.0), (10, 0, 0, 0)],
        [("Event", "u4"), ("exists", "u1"), ("zenith", "f8"), ("azimuth", "f8")],
    )
    path = tmp_path / "level2.hdf5"
    with h5py.File(path, "w") as file:
        file["InIcePulses"], file["MCPrimary"] = pulses, truth
        file["__I3Index__/InIcePulses"] = np.zeros(2, [("start", "i8"), ("stop", "i8")])
    with pytest.raises(
        IcerecoError, match="holds 2 tables: InIcePulses, MCPrimary; name the one of pulses with table=NAME"
    ):
        read(path, PULSES, detector)
    found = read(
        path, f"table=InIcePulses,{PULSES},truth_table=MCPrimary,zenith=zenith,azimuth=azimuth", detector
    )
    the_events(found, detector)
    assert found["zenith"] == [0.25, 1.5]


def test_the_fixed_format_of_pandas_is_read(tmp_path, detector, h5py):
    path = tmp_path / "fixed.h5"
    with h5py.File(path, "w") as file:
        file["pulses/block0_items"] = np.array([b"Event", b"string", b"om"])
        file["pulses/block0_values"] = np.stack([EVENT, STRING, OM], axis=1)
        file["pulses/block1_items"] = np.array([b"time", b"charge"])
        file["pulses/block1_values"] = np.stack([TIME, CHARGE], axis=1)
    the_events(read(path, PULSES, detector), detector)


def test_the_table_format_of_pandas_is_read_without_unpickling(tmp_path, detector, h5py):
    path = tmp_path / "table.h5"
    kinds = [("index", "i8"), ("values_block_0", "i8", (3,)), ("values_block_1", "f8", (2,))]
    rows = np.zeros(3, kinds)
    rows["values_block_0"], rows["values_block_1"] = (
        np.stack([EVENT, STRING, OM], 1),
        np.stack([TIME, CHARGE], 1),
    )
    with h5py.File(path, "w") as file:
        data = file.create_dataset("pulses/table", data=rows)
        data.attrs["values_block_0_kind"] = np.bytes_(pickle.dumps(["Event", "string", "om"], 0))
        data.attrs["values_block_1_kind"] = np.bytes_(pickle.dumps(["time", "charge"], 0))
    the_events(read(path, PULSES, detector), detector)


def test_a_group_of_columns_is_a_table(tmp_path, detector, h5py):
    path = tmp_path / "columns.h5"
    with h5py.File(path, "w") as file:
        for name, column in zip(
            ("Event", "string", "om", "time", "charge"), (EVENT, STRING, OM, TIME, CHARGE), strict=True
        ):
            file[f"events/{name}"] = column
    the_events(read(path, PULSES, detector), detector)


@pytest.mark.parametrize(("group", "options"), [("here/pulses", "table=here/pulses,"), ("/", "")])
def test_what_is_no_column_of_a_group_is_left_out(tmp_path, detector, h5py, group, options):
    path = tmp_path / "mine.h5"
    with h5py.File(path, "w") as file:
        place = file.require_group(group)
        columns = {"Event": EVENT, "string": STRING, "om": OM, "time": TIME, "charge": CHARGE}
        for name, values in columns.items():
            place[name] = values
        place["waveform"], place["notes/date"] = np.zeros((3, 5)), [2020, 2021]
    the_events(read(path, f"{options}{PULSES}", detector), detector)


def test_a_group_of_columns_of_different_length_is_named_with_them(tmp_path, detector, h5py):
    path = tmp_path / "mine.h5"
    with h5py.File(path, "w") as file:
        file["pulses/Event"], file["pulses/time"] = EVENT, TIME[:2]
    with pytest.raises(
        IcerecoError, match="pulses is no table, as its columns differ in length: Event 3, time 2"
    ):
        read(path, f"table=pulses,{PULSES}", detector)


def test_without_events_truth_needs_no_types(tmp_path, detector, h5py):
    path = tmp_path / "level2.h5"
    kinds = [(name, "f8") for name in ("Event", "string", "om", "time", "charge", "zenith", "azimuth")]
    with h5py.File(path, "w") as file:
        file["a"] = file["b"] = np.zeros(0, kinds)
    with pytest.raises(IcerecoError, match="holds no events"):
        read(path, f"table=a,{PULSES},truth_table=b,zenith=zenith,azimuth=azimuth", detector)


def test_without_h5py_the_message_says_what_to_install(tmp_path, detector, monkeypatch):
    monkeypatch.setitem(sys.modules, "h5py", None)
    path = tmp_path / "events.h5"
    path.write_bytes(MAGIC + bytes(100))
    with pytest.raises(IcerecoError, match=r"pip install 'icereco\[hdf5\]'"):
        read(path, PULSES, detector)

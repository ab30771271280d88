"""Files of every format, cut and overwritten at random: one message or the events, never a traceback or a crash."""

import random
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.feather as feather
import pyarrow.parquet as pq
import pytest

from icereco.data.sources.source import open_source
from icereco.data.write.convert import Conversion, convert
from icereco.data.write.parquet import OwnWriter
from icereco.detector.detector import load_detector
from icereco.errors import IcerecoError
from icereco.testing.random_events import random_events

OSCNEXT = "oscNext_genie_level7_v02"
SHARED = {
    "graphnet-sqlite": (f"graphnet/sqlite/{OSCNEXT}/{OSCNEXT}_first_5_frames.db", "icecube86"),
    "graphnet-parquet, nested": (f"graphnet/parquet/{OSCNEXT}/{OSCNEXT}_first_5_frames.parquet", "icecube86"),
    "graphnet-parquet, flat": (
        f"graphnet/parquet/{OSCNEXT}/merged/SRTInIcePulses/SRTInIcePulses_0.parquet",
        "icecube86",
    ),
    "prometheus": ("prometheus/raw/22980001_photons.parquet", "arca"),
    "kaggle": ("icecube_ppc/train/batch_1.parquet", "icecube86"),
}
ICETRAY = [
    "graphnet/oscNext_genie_level3_v02_first_5_frames.i3.gz",
    "compressed/oscNext_noise_level3_v02_first_5_frames.i3",
    "realtime/138632_31747601.json",
    "realtime/run00136662-evt000035405932-BRONZE.pkl",
]
MUTATIONS = 25


def cut(content: bytearray, chance: random.Random) -> None:
    del content[chance.randrange(len(content)) :]


def flip(content: bytearray, chance: random.Random) -> None:
    content[chance.randrange(len(content))] ^= 1 << chance.randrange(8)


def scribble(content: bytearray, chance: random.Random) -> None:
    for _ in range(20):
        content[chance.randrange(len(content))] = chance.randrange(256)


def blank(content: bytearray, chance: random.Random) -> None:
    start = chance.randrange(len(content))
    content[start : start + 200] = bytes(len(content[start : start + 200]))


def scribble_at_the_end(content: bytearray, chance: random.Random) -> None:
    for _ in range(4):
        content[-1 - chance.randrange(min(4_000, len(content)))] ^= 1 << chance.randrange(8)


WAYS: list[Callable[[bytearray, random.Random], None]] = [cut, flip, scribble, blank, scribble_at_the_end]


def mutants(file: Path, folder: Path, count: int = MUTATIONS) -> list[Path]:
    made = []
    for seed in range(count):
        chance, content = random.Random(seed), bytearray(file.read_bytes())
        WAYS[seed % len(WAYS)](content, chance)
        made.append(folder / f"{seed}{file.suffix}")
        made[-1].write_bytes(bytes(content))
    return made


def refused(path: Path, detector) -> str | None:
    """The message, or None if the events are read, as many as are counted."""
    try:
        source = open_source(path)
        assert sum(batch.num_rows for batch in source.checked(detector)) == source.count()
    except IcerecoError as error:
        return str(error)
    return None


def all_are_read_or_refused(file: Path, folder: Path, detector_name: str) -> None:
    detector = load_detector(detector_name)
    messages = [refused(path, detector) for path in mutants(file, folder)]
    said = [message for message in messages if message is not None]
    assert said, "some of this damage cannot go unnoticed"
    assert all(str(folder) in message for message in said), "each names the file"


@pytest.mark.parametrize("kind", SHARED)
def test_damage_to_files_of_other_formats_is_reported(tmp_path, shared_data, kind):
    place, detector = SHARED[kind]
    all_are_read_or_refused(shared_data / place, tmp_path, detector)


@pytest.mark.parametrize("name", ICETRAY)
def test_damage_to_files_of_icetray_is_reported(tmp_path, shared_data, name):
    all_are_read_or_refused(shared_data / "i3" / name, tmp_path, "icecube86")


@pytest.mark.parametrize("suffix", ["parquet", "arrow"])
def test_damage_to_own_files_is_reported(tmp_path, suffix):
    file = tmp_path / f"events.{suffix}"
    table = random_events(np.full(50, 6), seed=1)
    (pq.write_table if suffix == "parquet" else feather.write_feather)(table, file)
    (tmp_path / "damaged").mkdir()
    all_are_read_or_refused(file, tmp_path / "damaged", "icecube86")


def test_damage_to_files_of_km3net_is_reported(tmp_path):
    testdata = pytest.importorskip(
        "km3net_testdata", reason="needs icereco[dev], which brings km3net-testdata"
    )
    all_are_read_or_refused(Path(testdata.data_path("offline/usr-sample.root")), tmp_path, "km3net-orca6")


@pytest.mark.parametrize(
    "damaged", ["own.parquet", "kaggle/train/batch_1.parquet", "kaggle/train_meta.parquet"]
)
def test_contradictory_statistics_of_sizes_are_one_message(tmp_path, detector, damaged):
    """Metadata of such a column end the process that asks pyarrow for them, so another process asks."""
    pq.write_table(random_events(np.full(50, 6), seed=1), tmp_path / "own.parquet")
    convert(Conversion(open_source(tmp_path / "own.parquet"), detector, tmp_path / "kaggle", "kaggle"))
    file = tmp_path / damaged
    file.write_bytes(with_contradictory_sizes(file.read_bytes()))
    done = subprocess.run(
        [sys.executable, "-m", "icereco", "data", "show", str(tmp_path / Path(damaged).parts[0])],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 2, done
    assert str(file) in done.stderr
    assert "histogram size mismatch" in done.stderr


def with_contradictory_sizes(content: bytes) -> bytes:
    """Give columns a histogram of repetition levels that is longer than their type allows.

    In thrift's compact protocol, `SizeStatistics` of columns without lists are 29 06 (field 2, an empty list of i64)
    19 26 (field 3, a list of two) …, those of lists 29 26 (field 2, two) … 19 46 (field 3, four) …; field 2 gets all.
    """
    pages, directory = content[: len(content) // 2], content[len(content) // 2 :]
    changed = directory.replace(b"\x29\x26", b"\x29\x86").replace(b"\x29\x06\x19\x26", b"\x29\x46\x19\x26")
    assert changed != directory
    return pages + changed


def test_damage_to_what_icereco_wrote_never_goes_unnoticed(tmp_path, detector):
    table = random_events(np.full(50, 6), seed=1)
    with OwnWriter(tmp_path / "events.parquet", {}, table.schema) as writer:
        writer.write(table.combine_chunks().to_batches()[0])
    (whole,) = open_source(tmp_path / "events.parquet").checked(detector)
    (tmp_path / "damaged").mkdir()
    for path in mutants(tmp_path / "events.parquet", tmp_path / "damaged", 60):
        if refused(path, detector) is None:
            batches = list(open_source(path).checked(detector))
            readable = pa.Table.from_batches([batch.replace_schema_metadata(None) for batch in batches])
            assert readable.select(whole.schema.names).equals(
                pa.Table.from_batches([whole.replace_schema_metadata(None)])
            )


def rewritten(place: Path, folder: Path, change: Callable[[pa.Table], pa.Table]) -> Path:
    path = folder / place.name
    folder.mkdir(exist_ok=True)
    pq.write_table(change(pq.read_table(place)), path)
    return path


def columns_changed(table: pa.Table, name: str, how: str) -> pa.Table:
    """A top-level column, or `struct.field`, dropped or as text."""
    struct, _, field = name.rpartition(".")
    if struct:
        rows = table.to_pylist()
        for row in rows:
            value = row[struct].pop(field)
            if how == "text":
                row[struct][field] = [str(one) for one in value] if isinstance(value, list) else str(value)
        return pa.Table.from_pylist(rows).replace_schema_metadata(table.schema.metadata)
    if how == "dropped":
        return table.drop_columns([name])
    texts = pa.array(
        [
            str(value) if not isinstance(value, list) else list(map(str, value))
            for value in table[name].to_pylist()
        ]
    )
    return table.set_column(table.schema.get_field_index(name), name, texts)


@pytest.mark.parametrize("how", ["dropped", "text"])
@pytest.mark.parametrize(
    ("kind", "name"),
    [
        *(("graphnet-parquet, flat", name) for name in ("event_no", "dom_x", "dom_time", "charge", "hlc")),
        *(
            ("graphnet-parquet, nested", f"SRTInIcePulses.{name}")
            for name in ("event_no", "dom_z", "dom_time", "charge")
        ),
        ("graphnet-parquet, nested", "truth.zenith"),
        *(("prometheus", f"photons.{name}") for name in ("sensor_pos_x", "t", "sensor_id")),
        ("prometheus", "mc_truth.initial_state_azimuth"),
        *(("kaggle", name) for name in ("event_id", "sensor_id", "time", "charge", "auxiliary")),
    ],
)
def test_columns_that_are_missing_or_of_another_type_are_reported_or_not_needed(
    tmp_path, shared_data, kind, name, how
):
    place, detector = SHARED[kind]
    path = rewritten(
        shared_data / place, tmp_path, lambda table: columns_changed(table.slice(0, 2_000), name, how)
    )
    if refused(path, load_detector(detector)) is None:  # not needed, or numbers that are written as text
        whole = rewritten(shared_data / place, tmp_path / "whole", lambda table: table.slice(0, 2_000))
        assert pulses(path, detector) == pulses(whole, detector)
        assert how == "text" or name.rpartition(".")[2] in OPTIONAL


OPTIONAL = {"charge", "hlc", "sensor_id", "zenith", "initial_state_azimuth"}


def pulses(path: Path, detector: str) -> list[dict]:
    """Where and when."""
    batches = open_source(path).checked(load_detector(detector))
    return [row for batch in batches for row in batch.select(["event_id", "sensor_id", "time"]).to_pylist()]


@pytest.mark.parametrize("kind", [kind for kind in SHARED if kind != "graphnet-sqlite"])
def test_files_without_events_are_reported(tmp_path, shared_data, kind):
    place, detector = SHARED[kind]
    path = rewritten(shared_data / place, tmp_path, lambda table: table.slice(0, 0))
    assert open_source(path).count() == 0
    assert "holds no events" in (refused(path, load_detector(detector)) or "")

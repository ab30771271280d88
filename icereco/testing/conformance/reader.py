"""What a reader promises: its own files in input order with our units, and no claim on any other file."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from icereco.detector.detector import Detector, load_detector
from icereco.errors import IcerecoError
from icereco.protocols import Divisible, Tabular
from icereco.tables.carried import carried_schema
from icereco.tables.columns import conform
from icereco.tables.schema import PULSE_COLUMNS, SCHEMA
from icereco.tables.validation import EventChecker, check_truth
from icereco.testing.conformance.subject import Subject, require

_EARLIEST_NS, _LATEST_NS = -1e8, 1e10
_LARGEST_CHARGE_PE = 1e6


def refuses_strange_files(subject: Subject) -> None:
    """It rejects files and folders of no known format without raising."""
    reader = subject.build()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for path in _strange(folder):
            try:
                claimed = reader.sniff(path)
            except Exception as error:
                require(False, f"sniff raises for {path.name}: {type(error).__name__}: {error}")
            require(not claimed, f"it accepts {path.name}, which is not of its format")


def _strange(folder: Path) -> list[Path]:
    (folder / "empty").write_bytes(b"")
    (folder / "text.parquet").write_text("no parquet\n" * 100, encoding="utf-8")
    (folder / "noise.h5").write_bytes(bytes(range(256)) * 20)
    (folder / "notes.db").write_text("no database\n", encoding="utf-8")
    (folder / "folder").mkdir()
    pq.write_table(pa.table({"x": [1]}), folder / "other.parquet")
    names = ("empty", "text.parquet", "noise.h5", "notes.db", "folder", "other.parquet", "missing")
    return [folder / name for name in names]


@contextmanager
def _opened(subject: Subject) -> Iterator[tuple[Any, Path, Detector]]:
    """Yield the reader, its example, and the detector of the example."""
    assert subject.example is not None
    with tempfile.TemporaryDirectory() as folder:
        path = subject.example.make(Path(folder))
        yield subject.build(), path, load_detector(subject.example.detector)


def _table(reader: Any, path: Path, detector: Detector, rows_per_batch: int = 4096) -> pa.Table:
    batches = [
        conform(batch, path).replace_schema_metadata(None)
        for batch in reader.read(path, detector, rows_per_batch)
    ]
    require(batches, f"{path.name}: it reads no events")
    return pa.Table.from_batches(batches)


def knows_its_own_format(subject: Subject) -> None:
    """It detects a file of its format."""
    with _opened(subject) as (reader, path, _detector):
        require(reader.sniff(path), f"it does not detect its format in {path.name}")


def names_its_files(subject: Subject) -> None:
    """Every file that it reads is named and exists, so that a change of any is detected."""
    with _opened(subject) as (reader, path, _detector):
        files = reader.files(path)
        missing = [str(file) for file in files if not Path(file).is_file()]
        require(files and not missing, f"files() names {missing or 'nothing'}")


def counts_what_it_reads(subject: Subject) -> None:
    """`count` is the number of events that `read` gives."""
    with _opened(subject) as (reader, path, detector):
        counted, read = reader.count(path), _table(reader, path, detector).num_rows
        require(counted == read, f"it counts {counted} events and reads {read}")


def any_batch_size(subject: Subject) -> None:
    """Batches have no more events than requested, and the events do not depend on the batch size."""
    with _opened(subject) as (reader, path, detector):
        whole = _table(reader, path, detector)
        sizes = [batch.num_rows for batch in reader.read(path, detector, 3)]
        require(max(sizes) <= 3, f"asked for 3 events at once it gives {max(sizes)}")
        require(
            _table(reader, path, detector, 3).equals(whole),
            "read 3 at a time, the events or their order differ",
        )


def own_layout(subject: Subject) -> None:
    """Its events have the columns and types of the own layout, and are valid: ids once, no NaN, lists of one length."""
    with _opened(subject) as (reader, path, detector):
        for batch in reader.read(path, detector):
            _require_types(batch.schema)
        _require_valid(reader, path, detector)


def _require_types(schema: pa.Schema) -> None:
    for field in SCHEMA:
        if field.name in schema.names:
            actual = schema.field(field.name).type
            require(actual == field.type, f"column {field.name} is {actual}, not {field.type}")


def _require_valid(reader: Any, path: Path, detector: Detector) -> None:
    checker = EventChecker(detector, path)
    try:
        for batch in reader.read(path, detector):
            checker.check(batch)
            if {"azimuth", "zenith"} & set(batch.schema.names):
                check_truth(batch, path, checker.next_row - batch.num_rows)
    except IcerecoError as error:
        require(False, str(error))


def announces_columns(subject: Subject) -> None:
    """If it is `Tabular`: the columns of events that are carried are known before the file is read, with their types."""
    with _opened(subject) as (reader, path, detector):
        if isinstance(reader, Tabular):
            for part in reader.parts(path) if isinstance(reader, Divisible) else [path]:
                _require_announced(reader, part, detector)


def _require_announced(reader: Any, part: Path, detector: Detector) -> None:
    announced = carried_schema(reader.schema(part))
    for batch in reader.read(part, detector):
        read = carried_schema(conform(batch, part, as_given=True).schema)
        require(
            read == announced, f"{part.name}: schema() has {_listed(announced)}; read are {_listed(read)}"
        )


def _listed(schema: pa.Schema) -> str:
    return ", ".join(f"{field.name} ({field.type})" for field in schema) or "no columns that are carried"


def units(subject: Subject) -> None:
    """Times in ns, charges in photo-electrons, angles in rad: equal to the example's, or at least plausible."""
    with _opened(subject) as (reader, path, detector):
        table = _table(reader, path, detector)
    expected = subject.example.events if subject.example else None
    if expected is not None:
        _require_equal(table, expected)
    time, charge = (
        np.concatenate([[], *map(np.asarray, table[name].to_pylist())]) for name in ("time", "charge")
    )
    if not len(time):
        return
    require(
        time.min() > _EARLIEST_NS and time.max() < _LATEST_NS,
        f"times from {time.min():g} to {time.max():g} cannot be nanoseconds",
    )
    require(
        np.median(charge) < _LARGEST_CHARGE_PE, f"a median charge of {np.median(charge):g} is not in p.e."
    )


def order(subject: Subject) -> None:
    """Events come in the order of the file."""
    with _opened(subject) as (reader, path, detector):
        event_ids = _table(reader, path, detector)["event_id"].to_pylist()
    expected = subject.example.events if subject.example else None
    if expected is not None:
        wanted = expected["event_id"].to_pylist()
        place = next(
            (i for i, pair in enumerate(zip(event_ids, wanted, strict=False)) if pair[0] != pair[1]),
            len(event_ids),
        )
        require(event_ids == wanted, f"event {place} of {len(wanted)} has another event_id than in the file")


def _require_equal(table: pa.Table, expected: pa.Table) -> None:
    """The pulses of each event, whatever their order inside the event, and the truth."""
    by_id = {row["event_id"]: row for row in expected.to_pylist()}
    names = [name for name in table.column_names if name in expected.column_names]
    for row in table.to_pylist():
        wanted = by_id.get(row["event_id"])
        require(wanted is not None, f"event_id {row['event_id']} is not in the file")
        assert wanted is not None
        for name in names:
            read, expected_values = (_values(one, name) for one in (row, wanted))
            same = read.shape == expected_values.shape and (
                bool(np.allclose(read, expected_values, rtol=1e-3, atol=0.6 if name == "time" else 1e-3))
                if read.dtype.kind == "f"
                else bool((read == expected_values).all())
            )
            require(
                same,
                f"event_id {row['event_id']}: {name} is {_short(read)}, in the file it is {_short(expected_values)}",
            )


def _values(row: dict[str, Any], name: str) -> np.ndarray:
    """One value of an event, a list in order of (sensor, time)."""
    if name not in PULSE_COLUMNS:
        value = np.asarray(row[name])
        return value.astype(float) if value.dtype.kind == "f" else value
    order = np.lexsort((np.asarray(row["charge"]), np.round(row["time"]), np.asarray(row["sensor_id"])))
    values: np.ndarray = np.asarray(row[name])[order] if row[name] else np.asarray([])
    return values


def _short(values: np.ndarray) -> str:
    return np.array2string(np.atleast_1d(values), threshold=4, edgeitems=2, precision=6)


PROMISES = (refuses_strange_files,)

WITH_EXAMPLE = (
    knows_its_own_format,
    names_its_files,
    counts_what_it_reads,
    any_batch_size,
    own_layout,
    announces_columns,
    order,
    units,
)
"""Promises that can be checked only with a file of the format."""

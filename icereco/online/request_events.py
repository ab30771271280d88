"""Events in the body of a request, as Arrow IPC or JSON: checked as those of a file, and never larger in memory than announced."""

import struct
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from icereco.detector.detector import Detector
from icereco.errors import IcerecoError
from icereco.system.documents import parse_json
from icereco.tables.columns import conform, lengths, one_batch, require_columns
from icereco.tables.schema import PULSE_COLUMNS, SCHEMA
from icereco.tables.validation import EventChecker

__all__ = [
    "ARROW",
    "JSON",
    "MOST_EVENTS",
    "Asked",
    "TooManyEventsError",
    "asked",
    "checked",
    "from_arrow",
    "from_json",
]

ARROW, JSON = "application/vnd.apache.arrow.stream", "application/json"

MOST_EVENTS = 100_000
"""In one request: columns without values take no room in a body, whatever their length."""

_SOURCE = Path("request")
_SENSOR_ADVICE = (
    "this service reconstructs events of that detector alone; send them without the pulses of other sensors"
)
_BYTES_PER_PULSE = 32
"""What a pulse takes with two or three further columns, rounded up."""
_HEAD_BYTES = 16_384
"""Names and types of the columns take less."""
_SCHEMA_MESSAGE, _BATCH_MESSAGE = 1, 3
"""Kinds of messages: https://github.com/apache/arrow/blob/main/format/Message.fbs."""


class TooManyEventsError(IcerecoError):
    """More events than a request may have."""


def from_arrow(body: bytes) -> pa.RecordBatch:
    """Read a stream of Arrow IPC without copying its columns.

    Raises:
        IcerecoError: it is damaged, compressed, or has columns of other types than the own layout.
    """
    try:
        _require_plain_messages(body)
        with pa.ipc.open_stream(pa.py_buffer(body)) as reader:
            _require_types(reader.schema)
            batches, events = [], 0
            for batch in reader:
                events += batch.num_rows
                _require_few(events)
                batch.validate(full=True)  # offsets of a damaged stream may point outside its buffers
                batches.append(batch)
            return one_batch(pa.Table.from_batches(batches, reader.schema)).replace_schema_metadata(None)
    except (pa.ArrowException, OSError, struct.error, ValueError) as error:
        raise IcerecoError(
            f"the body is not a whole Arrow IPC stream: {str(error).splitlines()[0]}"
        ) from error


def from_json(body: bytes) -> pa.RecordBatch:
    """Read `{"events": [{"event_id": …, "sensor_id": […], …}, …]}`, or the list alone.

    Raises:
        IcerecoError: it is no JSON, or a value is missing or of another type; names event and column.
    """
    try:
        document = parse_json(body)
    except ValueError as error:
        raise IcerecoError(f"the body is not JSON: {error}") from error
    events = document.get("events") if isinstance(document, dict) else document
    if not isinstance(events, list) or not all(isinstance(event, dict) for event in events):
        raise IcerecoError('the body must be {"events": [{"event_id": 1, "sensor_id": [0, …], …}, …]}')
    _require_few(len(events))
    names = list(dict.fromkeys(name for event in events for name in event))
    require_columns(names, _SOURCE)
    columns = {name: _column(name, events) for name in names}
    return pa.RecordBatch.from_pydict(columns)


def checked(rows: pa.RecordBatch, detector: Detector) -> pa.RecordBatch:
    """The rows in the types of the own layout, with further columns as they are given.

    Raises:
        IcerecoError: as of a file that is read: see `icereco.tables.validation`; or there are no events.
    """
    if rows.num_rows == 0:
        raise IcerecoError(f"{_SOURCE}: holds no events; at least one is needed")
    conformed = conform(rows, _SOURCE, as_given=True)
    EventChecker(detector, _SOURCE, quiet=True, sensor_advice=_SENSOR_ADVICE).check(conformed)
    return conformed


@dataclass(frozen=True, slots=True, eq=False)
class Asked:
    """Checked events of a request.

    Attributes:
        rows: in the types of the own layout, with further columns as they are given.
        pulses: how many they have.
        weight: how much of a queue they take: one for each event and pulse, or more where other columns are large.
    """

    rows: pa.RecordBatch
    pulses: int
    weight: int


def asked(body: bytes, form: str, detector: Detector) -> Asked:
    """Read and check the events in a body; `form` is `ARROW` or `JSON`.

    Raises:
        IcerecoError: see `from_arrow`, `from_json` and `checked`.
    """
    rows = checked(from_json(body) if form == JSON else from_arrow(body), detector)
    pulses = int(lengths(rows.column("sensor_id")).sum())
    # Columns of Arrow lie in the body, which stays as long as they do.
    kept_bytes = max(rows.nbytes, len(body) - _HEAD_BYTES if form == ARROW else 0)
    return Asked(rows, pulses, max(pulses, kept_bytes // _BYTES_PER_PULSE) + rows.num_rows)


def _require_few(events: int) -> None:
    if events > MOST_EVENTS:
        raise TooManyEventsError(
            f"request: has more than {MOST_EVENTS:,} events; send them in several requests"
        )


def _require_types(schema: pa.Schema) -> None:
    """Refuse what may grow when it is cast: lists of nothing, dictionaries, views."""
    require_columns(schema.names, _SOURCE)
    twice = [name for name in schema.names if schema.names.count(name) > 1]
    if twice:
        raise IcerecoError(f"{_SOURCE}: has two columns {twice[0]}")
    for field in schema:
        if field.name in PULSE_COLUMNS and not _is_list_of_numbers(field.type):
            raise IcerecoError(
                f"{_SOURCE}: column {field.name} is {field.type}; needed: {SCHEMA.field(field.name).type}"
            )


def _is_list_of_numbers(kind: pa.DataType) -> bool:
    is_list = pa.types.is_list(kind) or pa.types.is_large_list(kind)
    return bool(
        is_list and (pa.types.is_primitive(kind.value_type) and not pa.types.is_null(kind.value_type))
    )


def _require_plain_messages(body: bytes) -> None:
    """Refuse compressed buffers and dictionaries before they are read: some kB may become many GB."""
    for message in pa.ipc.MessageReader.open_stream(pa.py_buffer(body)):
        metadata = message.metadata.to_pybytes()
        table = struct.unpack_from("<I", metadata)[0]
        kind = metadata[_field_place(metadata, table, 1)]
        if kind not in (_SCHEMA_MESSAGE, _BATCH_MESSAGE):
            raise ValueError("it has dictionaries; send plain columns")
        if kind == _BATCH_MESSAGE:
            header = _field_place(metadata, table, 2)
            batch = header + struct.unpack_from("<I", metadata, header)[0]
            if _field_place(metadata, batch, 3):
                raise ValueError(
                    "its buffers are compressed; send it without, or with Content-Encoding: gzip"
                )


def _field_place(buffer: bytes, table: int, slot: int) -> int:
    """Where a field of a table of a flatbuffer is; 0 where it is absent."""
    fields = table - struct.unpack_from("<i", buffer, table)[0]
    size = struct.unpack_from("<H", buffer, fields)[0]
    place = 4 + 2 * slot
    offset: int = struct.unpack_from("<H", buffer, fields + place)[0] if place < size else 0
    return table + offset if offset else 0


def _column(name: str, events: Sequence[Mapping[str, Any]]) -> pa.Array:
    """The values of a column; one that an event lacks is null."""
    kind = SCHEMA.field(name).type if name in SCHEMA.names else None
    try:
        return _array([event.get(name) for event in events], kind)
    except (pa.ArrowException, OverflowError) as error:
        for row, problem in _problems(name, kind, events):
            event_id = events[row].get("event_id", "?")
            raise IcerecoError(f"{_SOURCE}: row {row}, event_id {event_id}: {name}: {problem}") from error
        raise IcerecoError(f"{_SOURCE}: column {name}: {str(error).splitlines()[0]}") from error


def _array(values: list[Any], kind: pa.DataType | None) -> pa.Array:
    """The values, cast only where nothing is lost: with a type from the beginning 1.5 would become 1."""
    array = pa.array(values)
    return array if kind is None else pc.cast(array, kind)


def _problems(
    name: str, kind: pa.DataType | None, events: Sequence[Mapping[str, Any]]
) -> Iterator[tuple[int, str]]:
    """The rows whose value has the wrong type, and what is wrong with it."""
    for row, event in enumerate(events):
        try:
            _array([event.get(name)], kind)
        except (pa.ArrowException, OverflowError) as error:
            yield row, f"{str(error).splitlines()[0]}; needed: {kind or 'numbers, or a list of them'}"

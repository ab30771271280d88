"""Columns of an event table: cast to the own layout, and seen as NumPy arrays without a copy."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from jaxtyping import Int
from numpy import ndarray

from icereco.errors import IcerecoError
from icereco.tables.schema import IDENTITY_FIELDS, PULSE_COLUMNS, SCHEMA, STORE_COLUMNS

__all__ = [
    "FILE_KEY",
    "LARGEST_EXACT",
    "SORTED_KEY",
    "UNKNOWN_KEY",
    "Ragged",
    "conform",
    "event_columns",
    "given_type",
    "file_of",
    "from_first_pulse",
    "is_own_layout",
    "is_sorted",
    "lengths",
    "marked_sorted",
    "one_batch",
    "own_fields",
    "pulse_columns",
    "ragged",
    "require_columns",
    "unknown_sensors",
    "with_metadata",
]

FILE_KEY = b"icereco.file"
"""Schema metadata: the file that a batch was read from, where a source has several."""

SORTED_KEY = b"icereco.sorted"
"""Schema metadata of tables whose pulses are sorted by (sensor_id, time) within each event."""

UNKNOWN_KEY = b"icereco.unknown_sensors"
"""Schema metadata: JSON of event_id to what the file says of the first sensor in it that the reader did not find."""

LARGEST_EXACT = 2**53
"""Beyond it float64 does not hold every whole number."""

_REQUIRED = ("event_id", *PULSE_COLUMNS)


@dataclass(frozen=True, slots=True, eq=False)
class Ragged:
    """One list column: `values[offsets[i]:offsets[i+1]]` is row `i`; the offsets are int64 and begin with 0."""

    values: ndarray
    offsets: Int[ndarray, "row_plus_1"]


def ragged(column: pa.Array) -> Ragged:
    """A list column without nulls as NumPy arrays; no copy but for booleans, which Arrow packs into bits."""
    offsets = column.offsets.to_numpy().astype(np.int64)
    start = int(offsets[0])
    values = column.values.slice(start, int(offsets[-1]) - start)
    return Ragged(values.to_numpy(zero_copy_only=False), offsets - start)


def lengths(column: pa.Array) -> Int[ndarray, "row"]:
    """How many values each row of a list column without nulls has, int32."""
    counts: ndarray = np.diff(column.offsets.to_numpy())
    return counts


def one_batch(table: pa.RecordBatch | pa.Table) -> pa.RecordBatch:
    """A table as one record batch; a copy only where it is in several pieces."""
    if isinstance(table, pa.RecordBatch):
        return table
    batches = table.combine_chunks().to_batches()
    return batches[0] if batches else pa.RecordBatch.from_pylist([], schema=table.schema)


def is_sorted(schema: pa.Schema) -> bool:
    """Whether the table says that its pulses are in order of (sensor_id, time)."""
    return SORTED_KEY in (schema.metadata or {})


def marked_sorted(schema: pa.Schema) -> pa.Schema:
    """The schema, saying that the pulses are in order of (sensor_id, time)."""
    return schema.with_metadata({**(schema.metadata or {}), SORTED_KEY: b"sensor_id,time"})


def file_of(batch: pa.RecordBatch, source: Path) -> Path:
    """The file that a batch of `source` came from, as its reader says."""
    name = (batch.schema.metadata or {}).get(FILE_KEY)
    return source if name is None else Path(name.decode())


def unknown_sensors(schema: pa.Schema) -> Mapping[int, str]:
    """What the file says of the first unknown sensor in each event that has one, as "at (x, y, z) m"."""
    text = (schema.metadata or {}).get(UNKNOWN_KEY, b"{}")
    return {int(event_id): place for event_id, place in json.loads(text).items()}


def with_metadata(batch: pa.RecordBatch, key: bytes, value: bytes) -> pa.RecordBatch:
    """The batch with one more entry in its schema's metadata."""
    return batch.replace_schema_metadata({**(batch.schema.metadata or {}), key: value})


def is_own_layout(schema: pa.Schema) -> bool:
    """Whether a table has one row per event: an event_id and lists of pulses."""
    if not set(_REQUIRED) <= set(schema.names):
        return False
    return all(_is_list(schema.field(name).type) for name in PULSE_COLUMNS)


def own_fields(schema: pa.Schema, *, as_given: bool = False) -> list[pa.Field]:
    """What the own layout takes of a table: the fields of `SCHEMA`, then further pulse and event columns.

    Further columns of events are numbers as float64, and of text only what identifies an event (`IDENTITY_FIELDS`); if they are
    kept `as_given`, they are numbers, booleans and text in types of their own (`given_type`).
    """
    kept_type = given_type if as_given else _number_type
    further = [field for field in schema if field.name not in (*SCHEMA.names, *STORE_COLUMNS)]
    lists = [field.with_type(pa.list_(pa.float32())) for field in further if _is_list_of_numbers(field.type)]
    scalars = [
        field.with_type(kind)
        for field in further
        if (kind := _identity_type(field) or kept_type(field.type)) is not None
    ]
    return [*(field for field in SCHEMA if field.name in schema.names), *lists, *scalars]


def pulse_columns(schema: pa.Schema) -> tuple[str, ...]:
    """Names of all columns with a value per pulse: those every file has, then further ones."""
    further = [field.name for field in own_fields(schema) if _is_list(field.type)]
    return (*PULSE_COLUMNS, *(name for name in further if name not in PULSE_COLUMNS))


def event_columns(schema: pa.Schema) -> tuple[str, ...]:
    """Names of further columns with a value per event, besides those of `SCHEMA`."""
    names = (field.name for field in own_fields(schema) if _is_number(field.type))
    return tuple(name for name in names if name not in SCHEMA.names)


def require_columns(present: list[str], source: Path | str, needed: tuple[str, ...] = _REQUIRED) -> None:
    """Check that all columns are there.

    Raises:
        IcerecoError: some are not; the message names the needed and the present columns.
    """
    missing = [name for name in needed if name not in present]
    if missing:
        raise IcerecoError(
            f"{source}: column{'s' if len(missing) > 1 else ''} {', '.join(missing)} missing; "
            f"needed: {', '.join(needed)}; found: {', '.join(present) or 'none'}"
        )


def conform(batch: pa.RecordBatch, source: Path | str, *, as_given: bool = False) -> pa.RecordBatch:
    """The columns of the own layout that the batch has, in its types and order; `as_given`: see `own_fields`.

    Raises:
        IcerecoError: a needed column is missing, or cannot be cast.
    """
    require_columns(batch.schema.names, source)
    fields = own_fields(batch.schema, as_given=as_given)
    arrays = [_cast(batch.column(field.name), field, source) for field in fields]
    metadata = batch.schema.metadata or {}
    kept = {key: value for key, value in metadata.items() if key in (SORTED_KEY, FILE_KEY, UNKNOWN_KEY)}
    conformed = pa.RecordBatch.from_arrays(arrays, schema=pa.schema(fields, kept))
    if is_sorted(conformed.schema) and not _in_order(conformed):  # a file may say so and not be
        kept.pop(SORTED_KEY)
        return conformed.replace_schema_metadata(kept)
    return conformed


def _in_order(batch: pa.RecordBatch) -> bool:
    """Whether the pulses of each event are in order of (sensor_id, time)."""
    columns = [batch.column(name) for name in ("sensor_id", "time")]
    if any(column.null_count or column.flatten().null_count for column in columns):
        return False
    sensor, times = map(ragged, columns)
    if not np.array_equal(sensor.offsets, times.offsets):
        return False
    falls = (sensor.values[1:] < sensor.values[:-1]) | (
        (sensor.values[1:] == sensor.values[:-1]) & (times.values[1:] < times.values[:-1])
    )
    starts = sensor.offsets[1:-1]
    falls[starts[(starts > 0) & (starts < len(sensor.values))] - 1] = False
    return not falls.any()


def _cast(column: pa.Array, field: pa.Field, source: Path | str) -> pa.Array:
    if column.type == field.type:
        return column
    try:
        if field.name == "time" and _are_large_integers(column):
            column = _from_first_pulse(column)
        if pa.types.is_dictionary(column.type):
            column = column.dictionary_decode()
        # A charge or time in double precision loses digits, not meaning; a sensor_id of 1.5 does lose meaning.
        further = field.name not in (*SCHEMA.names, *IDENTITY_FIELDS)
        safe = not (further or (_holds_floats(column.type) and _holds_floats(field.type)))
        return pc.cast(column, field.type, safe=safe)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError, pa.ArrowTypeError) as error:
        reason = str(error).splitlines()[0]
        raise IcerecoError(
            f"{source}: column {field.name} is {column.type} and cannot become {field.type}: {reason}"
        ) from error


def _are_large_integers(column: pa.Array) -> bool:
    if not (_is_list(column.type) and pa.types.is_integer(column.type.value_type)) or column.null_count:
        return False
    values = column.flatten()
    if values.null_count or not len(values):
        return False
    smallest, largest = pc.min_max(values).as_py().values()
    return bool(max(-smallest, largest) > LARGEST_EXACT)


def _from_first_pulse(column: pa.Array) -> pa.Array:
    part = ragged(column)
    values = from_first_pulse(part.values, part.offsets)
    return pa.ListArray.from_arrays(pa.array(part.offsets, pa.int32()), pa.array(values))


def from_first_pulse(
    times: Int[ndarray, "pulse"], offsets: Int[ndarray, "row_plus_1"]
) -> Int[ndarray, "pulse"]:
    """Times from the first pulse of each event, without loss: only differences mean something.

    Args:
        times: whole numbers `[P]`.
        offsets: `[E+1]`; pulses of event `i` are `offsets[i]:offsets[i+1]`.
    """
    counts = np.diff(offsets)
    filled = counts > 0
    first = np.zeros(len(counts), times.dtype)
    first[filled] = np.minimum.reduceat(times, offsets[:-1][filled]) if filled.any() else 0
    since: ndarray = times - np.repeat(first, counts)
    return since


def _is_list(kind: pa.DataType) -> bool:
    return bool(pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind))


def _identity_type(field: pa.Field) -> pa.DataType | None:
    """The declared type of what identifies an event, where the field has the same or a narrower one."""
    known = IDENTITY_FIELDS.get(field.name)
    if known is None or field.type == pa.uint64():
        return None
    same = any(
        is_kind(field.type) and is_kind(known.type)
        for is_kind in (pa.types.is_integer, pa.types.is_floating, _is_text)
    )
    return known.type if same else None


def given_type(kind: pa.DataType) -> pa.DataType | None:
    """The type in which a number, boolean or text of an event is kept as it is given; None for anything else."""
    if pa.types.is_dictionary(kind):
        return given_type(kind.value_type)
    return pa.string() if _is_text(kind) else kind if _is_number(kind) else None


def _number_type(kind: pa.DataType) -> pa.DataType | None:
    return pa.float64() if _is_number(kind) else None


def _is_text(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind))


def _is_number(kind: pa.DataType) -> bool:
    return bool(pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_boolean(kind))


def _is_list_of_numbers(kind: pa.DataType) -> bool:
    return _is_list(kind) and _is_number(kind.value_type)


def _holds_floats(kind: pa.DataType) -> bool:
    return bool(pa.types.is_floating(kind.value_type if hasattr(kind, "value_type") else kind))

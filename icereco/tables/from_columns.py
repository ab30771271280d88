"""From NumPy columns, as readers of other formats have them, to the own layout."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from jaxtyping import Float, Int
from numpy import ndarray

from icereco.detector.sensor_finder import UNKNOWN
from icereco.errors import IcerecoError
from icereco.tables.columns import FILE_KEY, LARGEST_EXACT, UNKNOWN_KEY, from_first_pulse
from icereco.tables.schema import EXTRA_PULSE_FIELDS, PULSE_COLUMNS, SCHEMA, TRUTH_COLUMNS

__all__ = ["float_column", "int_column", "own_batch", "time_column", "times_ns"]


def own_batch(
    event_id: Int[ndarray, "event"],
    offsets: Int[ndarray, "event_plus_1"],
    pulses: Mapping[str, ndarray],
    truth: Mapping[str, ndarray],
    file: Path,
    sensor_of_pulse: Callable[[int], str] | None = None,
) -> pa.RecordBatch:
    """Events in the own layout.

    Args:
        event_id: `[E]`.
        offsets: `[E+1]`; pulses of event `i` are `offsets[i]:offsets[i+1]`.
        pulses: `[P]` each: sensor_id and time (ns); charge (p.e.), by default 1; auxiliary, by default False; and further
            columns, of `icereco.tables.schema.EXTRA_PULSE_FIELDS` or of any other name.
        truth: `[E]` each: truth columns of the own layout, and further ones; NaN where unknown, and None for the kind.
        file: that they were read from.
        sensor_of_pulse: what the file says of the sensor of a pulse, as "at (x, y, z) m"; messages say it of a sensor
            that is `icereco.detector.sensor_finder.UNKNOWN`.
    """
    count = len(pulses["time"])
    columns = {"charge": np.ones(count, np.float32), "auxiliary": np.zeros(count, bool), **pulses}
    lists = pa.array(offsets, pa.int32())
    made = {"event_id": pa.array(event_id, pa.int64())}
    for name in (*PULSE_COLUMNS, *(name for name in columns if name not in PULSE_COLUMNS)):
        values = pa.array(columns[name], _pulse_type(name))
        made[name] = pa.ListArray.from_arrays(lists, values)
    for name in sorted(truth, key=lambda name: name not in TRUTH_COLUMNS):
        kind = SCHEMA.field(name).type if name in TRUTH_COLUMNS else None
        made[name] = pa.array(truth[name], kind, from_pandas=True)  # NaN becomes null
    metadata = {FILE_KEY: str(file).encode()}
    if sensor_of_pulse is not None:
        metadata |= _unknown(event_id, offsets, np.asarray(columns["sensor_id"]), sensor_of_pulse)
    return pa.RecordBatch.from_pydict(made).replace_schema_metadata(metadata)


def _unknown(
    event_id: Int[ndarray, "event"],
    offsets: Int[ndarray, "event_plus_1"],
    sensor_id: Int[ndarray, "pulse"],
    sensor_of_pulse: Callable[[int], str],
) -> dict[bytes, bytes]:
    """The first unknown sensor of each event, as metadata; nothing where all are known."""
    unknown = np.flatnonzero(sensor_id == UNKNOWN)
    if not len(unknown):
        return {}
    rows, first = np.unique(np.searchsorted(offsets, unknown, side="right") - 1, return_index=True)
    named = {
        str(event_id[row]): sensor_of_pulse(int(unknown[at])) for row, at in zip(rows, first, strict=True)
    }
    return {UNKNOWN_KEY: json.dumps(named).encode()}


def _pulse_type(name: str) -> pa.DataType:
    if name in PULSE_COLUMNS:
        return SCHEMA.field(name).type.value_type
    known = EXTRA_PULSE_FIELDS.get(name)
    return pa.float32() if known is None else known.type.value_type


def float_column(column: pa.Array | pa.ChunkedArray, name: str, file: Path) -> Float[ndarray, "row"]:
    """A column as float64, NaN for null.

    Raises:
        IcerecoError: it does not hold numbers.
    """
    return np.asarray(_cast(column, pa.float64(), name, file).to_numpy(zero_copy_only=False), np.float64)


def time_column(column: pa.Array | pa.ChunkedArray, name: str, file: Path) -> ndarray:
    """A column of times as int64 where it holds whole numbers and no null, so that `times_ns` loses none of their digits; else as float64.

    Raises:
        IcerecoError: it does not hold numbers.
    """
    whole = pa.types.is_integer(column.type) and not column.null_count
    return int_column(column, name, file) if whole else float_column(column, name, file)


def times_ns(times: ndarray, offsets: Int[ndarray, "event_plus_1"]) -> Float[ndarray, "pulse"]:
    """Times `[P]` as float64; whole numbers that are too large for it are taken from the first pulse of their event."""
    if times.dtype.kind == "i" and np.abs(times).max(initial=0) > LARGEST_EXACT:
        times = from_first_pulse(times, offsets)
    return np.asarray(times, np.float64)


def int_column(column: pa.Array | pa.ChunkedArray, name: str, file: Path) -> Int[ndarray, "row"]:
    """A column as int64.

    Raises:
        IcerecoError: it does not hold whole numbers, or there is a null.
    """
    whole = _cast(column, pa.int64(), name, file)
    if whole.null_count:
        row = whole.is_null().to_pylist().index(True)
        raise IcerecoError(f"{file}: row {row}: {name} is null")
    return np.asarray(whole.to_numpy(), np.int64)


def _cast(column: pa.Array | pa.ChunkedArray, kind: pa.DataType, name: str, file: Path) -> pa.Array:
    whole = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    try:
        if pa.types.is_string(whole.type) or pa.types.is_large_string(whole.type):
            raise pa.ArrowInvalid("text where numbers are needed")
        return pc.cast(whole, kind, safe=pa.types.is_integer(kind))
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        reason = str(error).splitlines()[0]
        raise IcerecoError(
            f"{file}: column {name} is {whole.type} and cannot become {kind}: {reason}"
        ) from error

# ruff: noqa: TID253 -- makes Arrow tables; imported only when a file is read
"""Events as a foreign format has them, and as the own layout wants them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from jaxtyping import Float, Int
from numpy import ndarray

from icereco.data.columns import FILE_KEY
from icereco.data.sensors import SensorFinder
from icereco.data.table import EXTRA_PULSE_FIELDS, PULSE_COLUMNS, SCHEMA, TRUTH_COLUMNS
from icereco.errors import IcerecoError

__all__ = ["ForeignEvents", "float_column", "int_column", "own_batch"]


@dataclass(frozen=True, slots=True, eq=False)
class ForeignEvents:
    """Events with their pulses at places instead of sensors.

    Attributes:
        event_id: int64 `[E]`.
        offsets: int64 `[E+1]`; pulses of event `i` are `offsets[i]:offsets[i+1]`.
        place_m: float64 `[P, 3]`, in the coordinates of the file.
        pulses: `[P]` each: time (ns), and where the format has them charge (p.e.), auxiliary and further columns.
        truth: `[E]` each, in the names of the own layout (azimuth, zenith of the origin; vertex in the coordinates of
            the file), and further columns.
    """

    event_id: Int[ndarray, "event"]
    offsets: Int[ndarray, "event+1"]
    place_m: Float[ndarray, "pulse 3"]
    pulses: Mapping[str, ndarray]
    truth: Mapping[str, ndarray] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.event_id)


def own_batch(events: ForeignEvents, finder: SensorFinder, file: Path) -> pa.RecordBatch:
    """The events in the own layout. Formats without charge count 1 p.e. a pulse; without a flag no pulse is auxiliary."""
    count = len(events.place_m)
    pulses = {
        "charge": np.ones(count, np.float32),
        "auxiliary": np.zeros(count, bool),
        **events.pulses,
        "sensor_id": finder(events.place_m),
    }
    further = [name for name in pulses if name not in PULSE_COLUMNS]
    lists = pa.array(events.offsets, pa.int32())
    columns = {"event_id": pa.array(events.event_id, pa.int64())}
    for name in (*PULSE_COLUMNS, *further):
        kind = (EXTRA_PULSE_FIELDS[name] if name in further else SCHEMA.field(name)).type
        columns[name] = pa.ListArray.from_arrays(lists, pa.array(pulses[name], kind.value_type))
    truth = _in_own_coordinates(events.truth, finder)
    for name in sorted(truth, key=lambda name: name not in TRUTH_COLUMNS):
        columns[name] = pa.array(truth[name], from_pandas=True)  # NaN becomes null
    batch = pa.RecordBatch.from_pydict(columns)
    return batch.replace_schema_metadata({FILE_KEY: str(file).encode()})


def float_column(column: pa.Array | pa.ChunkedArray, name: str, file: Path) -> Float[ndarray, "row"]:
    """A column as float64, NaN for null.

    Raises:
        IcerecoError: it does not hold numbers.
    """
    return np.asarray(_cast(column, pa.float64(), name, file).to_numpy(zero_copy_only=False), np.float64)


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


def _in_own_coordinates(truth: Mapping[str, ndarray], finder: SensorFinder) -> dict[str, ndarray]:
    moved = {f"vertex_{axis}": origin for axis, origin in zip("xyz", finder.origin_m, strict=True)}
    return {name: column - moved[name] if name in moved else column for name, column in truth.items()}

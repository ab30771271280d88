"""A piece of a reconstruction as bytes: its rows and the errors of its events as an Arrow IPC stream, its counts in the metadata."""

import json

import pyarrow as pa
from numpy import ndarray

from icereco.reconstruction.batch_work import Piece

__all__ = ["piece_in", "stored"]

_COUNTS = b"icereco.piece"
_OPTIONS = pa.ipc.IpcWriteOptions(compression="lz4")


def stored(piece: Piece) -> bytes:
    """The bytes of a piece."""
    errors = dict[str | None, ndarray | None](piece.comparison_errors_rad) | {None: piece.error_rad}
    known = {name: pa.array(error) for name, error in errors.items() if error is not None}
    counts = {
        "events": piece.events,
        "without_pulses": piece.without_pulses,
        "without_direction": piece.without_direction,
        "outside": piece.outside,
        "errors": list(known),
    }
    rows = piece.rows
    fields = [*rows.schema, *(pa.field(f"error {name}", column.type) for name, column in known.items())]
    schema = pa.schema(fields, {**(rows.schema.metadata or {}), _COUNTS: json.dumps(counts).encode()})
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, schema, options=_OPTIONS) as stream:
        stream.write_batch(pa.RecordBatch.from_arrays([*rows.columns, *known.values()], schema=schema))
    made: bytes = sink.getvalue().to_pybytes()
    return made


def piece_in(stream: bytes) -> Piece:
    """The piece of these bytes."""
    whole = next(iter(pa.ipc.open_stream(stream)))
    metadata = dict(whole.schema.metadata)
    counts = json.loads(metadata.pop(_COUNTS))
    names = counts.pop("errors")
    own = whole.num_columns - len(names)
    rows = pa.RecordBatch.from_arrays(
        whole.columns[:own], schema=pa.schema([whole.schema.field(i) for i in range(own)], metadata or None)
    )
    columns = (whole.column(own + i).to_numpy(zero_copy_only=False) for i in range(len(names)))
    errors = dict(zip(names, columns, strict=True))
    return Piece(rows, **counts, error_rad=errors.pop(None, None), comparison_errors_rad=errors)

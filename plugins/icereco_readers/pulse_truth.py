"""Truth that is repeated in the rows of pulses, as in a table made by joining pulses and events."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from icereco.errors import IcerecoError
from icereco_readers.bounds import bounded_parquet
from icereco_readers.kaggle_meta import META_TRUTH, EventIndex

__all__ = ["with_truth_of_pulses"]

_ROWS_AT_ONCE = 1 << 18
_NAN = "nan"
_OWN_NAMES = {"energy_gev": "energy"}


def with_truth_of_pulses(index: EventIndex, file: Path) -> EventIndex:
    """The events with the truth in their rows, if there is any.

    Raises:
        IcerecoError: the rows of an event differ in a column of truth; names file, row and event_id.
    """
    names = [name for name in META_TRUTH if name in pq.read_schema(file).names]
    truth = {_OWN_NAMES.get(name, name): _of_events(index, file, name) for name in names}
    return EventIndex(index.event_id, index.first, index.end, truth)


def _of_events(index: EventIndex, file: Path, name: str) -> pa.Array:
    """The value in the first row of each event, which is that in its other rows."""
    codes, row = np.full(len(index.event_id), -1), 0
    known: dict[object, int] = {}
    with bounded_parquet(file) as opened:
        for batch in opened.iter_batches(batch_size=_ROWS_AT_ONCE, columns=[name]):
            encoded = batch.column(0).dictionary_encode(null_encoding="encode")
            new = [known.setdefault(value, len(known)) for value in map(_key, encoded.dictionary.to_pylist())]
            code = np.array(new, np.int64)[np.asarray(encoded.indices)]
            event = np.searchsorted(index.first, row + np.arange(len(code)), side="right") - 1
            begins = index.first[(index.first >= row) & (index.first < row + len(code))] - row
            codes[event[begins]] = code[begins]
            _require_same(code == codes[event], file, name, row, index.event_id[event])
            row += len(code)
    values = [None if value == _NAN else value for value in known]
    kind = pq.read_schema(file).field(name).type
    return pa.array(values, kind if values else None).take(pa.array(codes))


def _key(value: object) -> object:
    """NaN is equal to itself here, and unknown as null is."""
    return _NAN if value is None or value != value else value  # only NaN differs from itself


def _require_same(same: np.ndarray, file: Path, name: str, row: int, event_id: np.ndarray) -> None:
    if not same.all():
        bad = int(np.argmin(same))
        raise IcerecoError(
            f"{file}: row {row + bad}, event_id {event_id[bad]}: {name} differs from that of the event's first row"
        )

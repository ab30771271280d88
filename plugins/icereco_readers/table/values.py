"""Values of columns as NumPy arrays; whatever they should not be is reported with its row."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from jaxtyping import Bool, Float, Int
from numpy import ndarray

from icereco.data.split.hashing import hash_ids
from icereco.errors import IcerecoError

__all__ = ["Values"]

_POSITIVE = np.uint64((1 << 63) - 1)
_TOO_LARGE = 2.0**63
_NUMBERS = (
    pa.types.is_integer,
    pa.types.is_floating,
    pa.types.is_boolean,
    pa.types.is_decimal,
    pa.types.is_string,
    pa.types.is_large_string,
    pa.types.is_null,
)


class Values:
    """Columns of some rows of a table.

    Args:
        columns: each a value per row, or per pulse.
        file: where they are from.
        row: the row of each value in the file.
    """

    def __init__(self, columns: dict[str, pa.Array], file: Path, row: Int[ndarray, "row"]) -> None:
        self._columns = columns
        self._file = file
        self._row = row

    def numbers(self, name: str) -> Float[ndarray, "row"]:
        """A column as float64, NaN for null; numbers may be written as text.

        Raises:
            IcerecoError: a value is not a number.
        """
        column = self._plain(name)
        if not any(is_kind(column.type) for is_kind in _NUMBERS):
            raise IcerecoError(f"{self._file}: column {name} is {column.type}; numbers are needed")
        try:
            values = pc.cast(column, pa.float64(), safe=False)
        except pa.ArrowInvalid:  # of text
            raise self._not_a_number(name, column) from None
        return np.asarray(values.to_numpy(zero_copy_only=False), np.float64)

    def times(self, name: str) -> ndarray:
        """A column as int64 where it holds whole numbers and no null, which float64 may not hold; else as `numbers`."""
        kind = self._plain(name).type
        whole = pa.types.is_integer(kind) and kind != pa.uint64() and not self._plain(name).null_count
        return self.whole(name) if whole else self.numbers(name)

    def whole(self, name: str) -> Int[ndarray, "row"]:
        """A column as int64.

        Raises:
            IcerecoError: a value is null or not a whole number.
        """
        column = self._plain(name)
        if pa.types.is_integer(column.type) and not column.null_count and column.type != pa.uint64():
            return np.asarray(column.to_numpy(), np.int64)
        values = self.numbers(name)
        self.require(name, np.isfinite(values) & (values == np.rint(values)), "whole numbers are needed")
        self.require(name, np.abs(values) < _TOO_LARGE, "whole numbers of 64 bits, below 2^63, are needed")
        try:
            whole = pc.cast(column, pa.int64(), safe=False)
        except pa.ArrowInvalid:  # text such as 1e3
            whole = pa.array(values.astype(np.int64))
        return np.asarray(whole.to_numpy(zero_copy_only=False), np.int64)

    def event_ids(self, names: Sequence[str]) -> Int[ndarray, "row"]:
        """The ids of events: the column itself, or a hash of 63 bits of several."""
        first, *more = (self.whole(name) for name in names)
        for other in more:
            first = (hash_ids(hash_ids(first, 1).view(np.int64) ^ other, 2) & _POSITIVE).view(np.int64)
        return first

    def flags(self, name: str) -> Float[ndarray, "row"]:
        """A column of flags: 0, 1, or -1 for unknown.

        Raises:
            IcerecoError: a value is another.
        """
        values = self.numbers(name)
        self.require(name, np.isin(values, (-1, 0, 1)), "true or false, or 1 or 0, is needed")
        return values

    def texts(self, name: str) -> ndarray:
        """A column of text, None for null."""
        return np.array(self._plain(name).to_pylist(), dtype=object)

    def as_given(self, name: str) -> pa.Array:
        """A column as it is in the file, decoded where it is a dictionary."""
        return self._plain(name)

    def require(self, name: str, good: Bool[ndarray, "row"], wanted: str) -> None:
        """Check the values of a column.

        Raises:
            IcerecoError: one is not good; names it with its row.
        """
        bad = np.flatnonzero(~good)
        if len(bad):
            value = self._plain(name)[int(bad[0])].as_py()
            raise self.error(
                int(bad[0]), f"column {name} is {'null' if value is None else repr(value)}; {wanted}"
            )

    def error(self, place: int, problem: str) -> IcerecoError:
        """The error of a value, with its row in the file."""
        return IcerecoError(f"{self._file}: row {self._row[place]}: {problem}")

    def _plain(self, name: str) -> pa.Array:
        column = self._columns[name]
        return column.dictionary_decode() if pa.types.is_dictionary(column.type) else column

    def _not_a_number(self, name: str, column: pa.Array) -> IcerecoError:
        place = next(place for place, value in enumerate(column) if not _reads_as_number(value.as_py()))
        value = str(column[place].as_py())[:40]
        return self.error(place, f"column {name} is {value!r} ({column.type}); a number is needed")


def _reads_as_number(value: object) -> bool:
    try:
        return value is None or pc.cast(pa.scalar(str(value)), pa.float64()).is_valid
    except pa.ArrowInvalid:
        return False

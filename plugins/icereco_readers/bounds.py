"""Limits on what a file may ask for before it is read: a few kilobytes of parquet can hold 100 million equal pulses."""

from pathlib import Path

import pyarrow.parquet as pq

from icereco.errors import IcerecoError

__all__ = ["MOST_PULSES", "bounded_parquet", "require_few_pulses"]

MOST_PULSES = 10_000_000
"""Of one event; the brightest event of IceCube in the competition's data has 178,250."""

_MEAN_PULSES = 20_000
"""Of the events of a row group, besides `MOST_PULSES` for one of them."""

_MOST_ROW_GROUPS = 50_000
"""The directory of a file with more takes gigabytes of memory."""


def bounded_parquet(file: Path) -> pq.ParquetFile:
    """Open a parquet file whose checksums are verified when it is read, and whose sizes are those of events.

    Raises:
        IcerecoError: it has more row groups, or more values in a row, than events have.
        pyarrow.ArrowException, OSError: it is not a parquet file, or its directory is damaged.
    """
    opened = pq.ParquetFile(file, page_checksum_verification=True)
    try:
        groups = opened.metadata.num_row_groups
        if groups > _MOST_ROW_GROUPS:
            raise IcerecoError(
                f"{file}: is in {groups:,} row groups, and {_MOST_ROW_GROUPS:,} are allowed: write it again with "
                "more rows in each"
            )
        _require_bounded_lists(opened, file)
    except BaseException:
        opened.close()
        raise
    return opened


def require_few_pulses(pulses: int, event_id: int, file: Path) -> None:
    """Refuse an event with more pulses than any detector gives.

    Raises:
        IcerecoError: it has.
    """
    if pulses > MOST_PULSES:
        raise IcerecoError(
            f"{file}: event_id {event_id} has {pulses:,} pulses, and {MOST_PULSES:,} are allowed; is the file damaged?"
        )


def _require_bounded_lists(opened: pq.ParquetFile, file: Path) -> None:
    # A column without lists has one value in a row, however many its directory claims.
    columns = [opened.schema.column(index) for index in range(len(opened.schema))]
    lists = [index for index, column in enumerate(columns) if column.max_repetition_level]
    if not lists:
        return
    # Whole columns, as an extension type cannot be made of a part of what it stores.
    roots = {columns[index].path.partition(".")[0] for index in lists}
    whole = [index for index, column in enumerate(columns) if column.path.partition(".")[0] in roots]
    # Buffered, so that nothing of a column is read when it is opened.
    with pq.ParquetFile(file, metadata=opened.metadata, pre_buffer=False, buffer_size=1) as unread:
        for number in range(opened.metadata.num_row_groups):
            _require_sound(unread, number, whole)
            _require_few_values(opened.metadata.row_group(number), number, lists, file)


def _require_sound(unread: pq.ParquetFile, number: int, columns: list[int]) -> None:
    """Open columns as a reader does, which raises for a damaged directory where pyarrow's metadata end the process.

    `RowGroupMetaData.column` of a column whose statistics of sizes contradict its type calls `std::terminate`.
    """
    for _ in unread.reader.iter_batches(0, row_groups=[number], column_indices=columns, use_threads=False):
        pass


def _require_few_values(group: pq.RowGroupMetaData, number: int, columns: list[int], file: Path) -> None:
    allowed = MOST_PULSES + group.num_rows * _MEAN_PULSES
    for column in map(group.column, columns):
        if column.num_values > allowed:
            raise IcerecoError(
                f"{file}: row group {number} has {column.num_values:,} values of {column.path_in_schema} in "
                f"{group.num_rows:,} rows: more than {MOST_PULSES:,} pulses in an event; is the file damaged?"
            )

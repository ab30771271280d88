"""Which columns of a table are carried: values of events that are written with their reconstructions."""

from collections.abc import Collection

import pyarrow as pa

from icereco.errors import IcerecoError
from icereco.tables.columns import given_type
from icereco.tables.schema import SCHEMA, STORE_COLUMNS
from icereco_readers.table.events import is_list
from icereco_readers.table.files import TableFile
from icereco_readers.table.mapping import Mapping, require_names

__all__ = ["carried_names"]


def carried_names(table: TableFile, mapping: Mapping, truth: Collection[str]) -> dict[str, str]:
    """The carried columns, each with its name in the own layout: that of the file, behind input_ where it means something there.

    Args:
        table: of events or of pulses; of events all columns are carried if the mapping does not say which.
        mapping: its columns.
        truth: columns of it that are the truth.

    Raises:
        IcerecoError: there is no such column, it holds no numbers, booleans or text, or two would have one name.
    """
    if mapping.carried is not None:
        _require_single_values(table, mapping.carried)
        return _named(table, mapping.carried)
    named = {*mapping.event, *mapping.pulses.values(), *truth}
    fields = [
        field for field in table.schema if field.name not in named and given_type(field.type) is not None
    ]
    return _named(table, [field.name for field in fields]) if _of_events(table, mapping) else {}


def _of_events(table: TableFile, mapping: Mapping) -> bool:
    """Whether the table has a row per event, with pulses as lists."""
    names = [name for name in mapping.pulses.values() if name in table.schema.names]
    return any(is_list(table.schema.field(name).type) for name in names)


def _require_single_values(table: TableFile, names: Collection[str]) -> None:
    require_names(names, table.schema, table.path)
    for name in names:
        kind = table.schema.field(name).type
        if given_type(kind) is None and not pa.types.is_null(kind):  # text files may begin with empty values
            raise IcerecoError(
                f"{table.path}: column {name} is {kind} and cannot be carried; numbers, booleans and text can"
            )


def _named(table: TableFile, names: Collection[str]) -> dict[str, str]:
    taken = (*SCHEMA.names, *STORE_COLUMNS)
    renamed = {name: f"input_{name}" if name in taken else name for name in names}
    for name, new in renamed.items():
        if new != name and new in renamed:
            raise IcerecoError(
                f"{table.path}: column {name} would be called {new}, as {name} means something in events, but {new} is a column, too: "
                "say with carry=NAME+NAME which of them are carried"
            )
    return renamed

"""Carried columns: what a file says of its events that icereco has no use for, kept next to their reconstructions."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from icereco.errors import IcerecoError
from icereco.events.official_fits import fit_names
from icereco.tables.columns import own_fields
from icereco.tables.schema import SCHEMA

__all__ = ["carried_columns", "carried_schema", "united"]


def carried_schema(schema: pa.Schema) -> pa.Schema:
    """The columns of a table of the own layout that are carried: single numbers, booleans and texts of events.

    The angles of official fits are not among them: they are compared with, and so have columns of their own.
    """
    angles = {f"fit_{name}_{angle}" for name in fit_names(schema.names) for angle in ("azimuth", "zenith")}
    fields = [
        pa.field(field.name, field.type)
        for field in own_fields(schema, as_given=True)
        if field.name not in SCHEMA.names and field.name not in angles and not pa.types.is_list(field.type)
    ]
    return pa.schema(fields)


def united(schemas: Sequence[tuple[Path, pa.Schema]]) -> pa.Schema:
    """The carried columns of several files, in types that hold the values of all.

    Raises:
        IcerecoError: a column holds text in one file and numbers in another, or what else has no common type.
    """
    whole, first = pa.schema([]), dict[str, Path]()
    for file, schema in schemas:
        for field in schema:
            whole = _with(whole, field, first.setdefault(field.name, file), file)
    return whole


def _with(whole: pa.Schema, field: pa.Field, first: Path, file: Path) -> pa.Schema:
    try:
        return pa.unify_schemas([whole, pa.schema([field])], promote_options="permissive")
    except pa.ArrowTypeError as error:
        raise IcerecoError(
            f"the column {field.name} is {whole.field(field.name).type} in {first} and {field.type} in {file}, which cannot be one "
            "column; reconstruct them separately, or leave the column out (--reader icereco:without=NAME)"
        ) from error


def carried_columns(rows: pa.RecordBatch, declared: pa.Schema, file: Path) -> dict[str, pa.Array]:
    """The carried columns of some events by name.

    Args:
        rows: of the own layout, with further columns as they are given.
        declared: columns that every table has, and their types; one that these rows lack is null.
        file: that they are from, for the message.

    Raises:
        IcerecoError: a value does not fit into the declared type, as a whole number beyond 2^53 among numbers with decimals.
    """
    own = carried_schema(rows.schema)
    fields: Mapping[str, pa.Field] = {field.name: field for field in (*own, *declared)}
    return {name: _as(rows, field, file) for name, field in fields.items()}


def _as(rows: pa.RecordBatch, field: pa.Field, file: Path) -> pa.Array:
    if field.name not in rows.schema.names:
        return pa.nulls(rows.num_rows, field.type)
    try:
        return pc.cast(rows.column(field.name), field.type)
    except pa.ArrowInvalid as error:
        raise IcerecoError(
            f"{file}: column {field.name} does not fit into {field.type}, which it is in the other files: {error}"
        ) from error

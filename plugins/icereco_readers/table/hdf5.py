"""Tables in HDF5, as IceTray's hdfwriter, pandas and people write them.

Three things are tables: a data set of records (hdfwriter; pandas with format="table"), a group with `block0_values` (pandas
with format="fixed"), and a group of data sets of one length. Nothing is unpickled.
"""

import pickletools
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy import ndarray

from icereco.errors import IcerecoError, did_you_mean
from icereco_readers.table.files import TableFile

__all__ = ["open_hdf5"]

_INDEX_OF_HDFWRITER = "__I3Index__"
_EXISTS = "exists"
_ROOT = "/"
_BLOCK = "values_block_"

Column = Callable[[slice], ndarray]


def open_hdf5(path: Path, table: str | None) -> "Hdf5Table":
    """Open a table by its name; by default the only one.

    Raises:
        IcerecoError: h5py is not installed, there is none of that name, or several and no name.
    """
    wanted = table.strip("/") or _ROOT if table else None
    with _opened(path) as file:
        names = [_ROOT] if _is_table(file) else [name for name, _ in _tables(file)]
        unequal = _lengths(file, wanted)
    if wanted is None and len(names) == 1:
        return Hdf5Table(path, names[0])
    if wanted in names:
        return Hdf5Table(path, str(wanted))
    if unequal:
        raise IcerecoError(f"{path}: {table} is no table, as its columns differ in length: {unequal}")
    listed = ", ".join(names) or "none"
    if wanted is None:
        raise IcerecoError(
            f"{path}: holds {len(names)} tables: {listed}; name the one of pulses with table=NAME, and that of truth with "
            "truth_table=NAME"
        )
    raise IcerecoError(f"{path}: holds no table {table!r}{did_you_mean(wanted, names)}; its tables: {listed}")


@dataclass(frozen=True)
class Hdf5Table(TableFile):
    """One table of an HDF5 file."""

    name: str

    @cached_property
    def schema(self) -> pa.Schema:
        with _opened(self.path) as file:
            columns, rows = _columns(file[self.name])
            first = {name: _arrow(column(slice(0, min(rows, 1)))) for name, column in columns.items()}
        return pa.schema({name: array.type for name, array in first.items()})

    def batches(
        self,
        names: Sequence[str],
        whole: Collection[str],  # noqa: ARG002 -- the file has types
        rows: int,
    ) -> Iterator[pa.RecordBatch]:
        with _opened(self.path) as file:
            columns, total = _columns(file[self.name])
            present = columns.get(_EXISTS) if _INDEX_OF_HDFWRITER in file else None
            for start in range(0, total, rows):
                part = slice(start, min(start + rows, total))
                batch = pa.RecordBatch.from_pydict({name: _arrow(columns[name](part)) for name in names})
                # hdfwriter fills the rows of frames that lack the object with zeros
                yield batch if present is None else batch.filter(pa.array(present(part) != 0))


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    try:
        import h5py
    except ImportError:
        raise IcerecoError(
            f"{path}: is an HDF5 file, which h5py reads, and h5py is not installed; install it with: "
            "pip install 'icereco[hdf5]'"
        ) from None
    with h5py.File(path, "r") as file:
        yield file


def _tables(group: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Yield the tables in a group and below it, by their path."""
    for name in sorted(group):
        node = group[name]
        if name.startswith("_"):  # indices of hdfwriter and of PyTables
            continue
        if _is_table(node):
            yield f"{prefix}{name}", node
        elif not _is_data(node):
            yield from _tables(node, f"{prefix}{name}/")


def _is_data(node: Any) -> bool:
    return hasattr(node, "dtype")


def _is_table(node: Any) -> bool:
    if _is_data(node):
        return node.dtype.names is not None
    if "block0_values" in node:
        return True
    return len({column.shape[0] for column in _vectors(node).values()}) == 1


def _vectors(group: Any) -> dict[str, Any]:
    """The columns in a group: what has one value in a row."""
    members = {name: group[name] for name in group}
    return {
        name: one
        for name, one in members.items()
        if _is_data(one) and one.dtype.names is None and len(one.shape) == 1
    }


def _lengths(file: Any, wanted: str | None) -> str:
    """The columns of a group with their lengths, if these differ; else nothing."""
    group = file.get(wanted) if wanted else None
    if group is None or _is_data(group) or _is_table(group):
        return ""
    return ", ".join(f"{name} {column.shape[0]:,}" for name, column in _vectors(group).items())


def _columns(node: Any) -> tuple[dict[str, Column], int]:
    """The columns of a table by name, and the number of rows."""
    if _is_data(node):
        return _of_records(node), node.shape[0]
    if "block0_values" in node:
        return _of_blocks(node), node["block0_values"].shape[0]
    vectors = _vectors(node)
    return {name: one.__getitem__ for name, one in vectors.items()}, next(iter(vectors.values())).shape[0]


def _of_records(data: Any) -> dict[str, Column]:
    columns: dict[str, Column] = {}
    for field in data.dtype.names:
        if field.startswith(_BLOCK):
            for number, name in enumerate(_pickled_names(data.attrs.get(f"{field}_kind", b""))):
                columns[name] = _part_of_field(data, field, number)
        elif not data.dtype[field].shape:
            columns[field] = _field(data, field)
    return columns


def _field(data: Any, field: str) -> Column:
    return lambda rows: data[rows][field]


def _part_of_field(data: Any, field: str, number: int) -> Column:
    return lambda rows: data[rows][field][:, number]


def _of_blocks(group: Mapping[str, Any]) -> dict[str, Column]:
    """The columns of pandas' fixed format: a matrix for each type, and the names of its columns."""
    columns: dict[str, Column] = {}
    number = 0
    while f"block{number}_values" in group:
        names, values = group[f"block{number}_items"][:], group[f"block{number}_values"]
        for column, name in enumerate(names):
            if len(values.shape) == 2:
                columns[_text(name)] = _of_matrix(values, column)
        number += 1
    return columns


def _of_matrix(values: Any, column: int) -> Column:
    return lambda rows: values[rows, column]


def _text(name: Any) -> str:
    return name.decode() if isinstance(name, bytes) else str(name)


def _pickled_names(pickled: Any) -> list[str]:
    """The texts in a pickled list of names, from its opcodes."""
    content = pickled.tobytes() if isinstance(pickled, np.generic | ndarray) else pickled
    content = content.encode() if isinstance(content, str) else bytes(content)
    return [_text(value) for _, value, _ in pickletools.genops(content) if isinstance(value, str | bytes)]


def _arrow(values: ndarray) -> pa.Array:
    """Values as Arrow: numbers, lists of numbers, or text."""
    if values.dtype.kind == "S" or (values.dtype.kind == "O" and any(isinstance(v, bytes) for v in values)):
        return pa.array([_text(value) for value in values], pa.string())
    if values.dtype.kind == "O":
        return pa.array(list(values))
    return pa.array(np.ascontiguousarray(values))

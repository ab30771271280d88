"""Outputs of a reconstruction: our parquet table, or a submission to the Kaggle competition."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any, Literal, Protocol, runtime_checkable

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv

from icereco.errors import IcerecoError
from icereco.system.files import explaining, replacing
from icereco.tables.reconstructions import provenance_of, reconstruction_writer

__all__ = ["FALLBACK_ZENITH_RAD", "Format", "Output", "default_output", "open_output", "require_safe"]

Format = Literal["parquet", "kaggle"]
_SUFFIX: dict[Format, str] = {"parquet": ".reco.parquet", "kaggle": ".reco.csv"}

FALLBACK_ZENITH_RAD = np.pi / 2
"""Kaggle takes no empty values: an event without a direction gets that of another method, as the line fit, else azimuth 0
at the horizon."""

_SUBMISSION = pa.schema([("event_id", pa.int64()), ("azimuth", pa.float64()), ("zenith", pa.float64())])
_HEADER = b"event_id,azimuth,zenith\n"


@runtime_checkable
class Output(Protocol):
    """Takes rows of `icereco.tables.reconstructions.reconstruction_rows`."""

    def write(self, rows: pa.RecordBatch) -> None:
        """Append rows to the output."""
        ...


def default_output(first_input: Path, form: Format) -> Path:
    """Return a path in the working directory, named after the first input."""
    return Path(first_input.resolve().stem + _SUFFIX[form])


def open_output(path: Path, form: Format, provenance: Mapping[str, Any]) -> AbstractContextManager[Output]:
    """Open the output at `path`, which appears complete when the block ends; a submission cannot hold provenance.

    Raises:
        IcerecoError: the file cannot be written.
    """
    return reconstruction_writer(path, provenance) if form == "parquet" else _submission_writer(path)


@contextmanager
def _submission_writer(path: Path) -> Iterator[Output]:
    with replacing(path) as temporary, explaining(path), temporary.open("wb") as file:
        file.write(_HEADER)
        bare = csv.WriteOptions(include_header=False)
        with csv.CSVWriter(file, _SUBMISSION, write_options=bare) as writer:
            yield _Submission(writer)


class _Submission:
    def __init__(self, writer: csv.CSVWriter) -> None:
        self._writer = writer

    def write(self, rows: pa.RecordBatch) -> None:
        """Append event_id, azimuth and zenith, none of them empty."""
        azimuth, zenith = _filled(rows, "azimuth", 0.0), _filled(rows, "zenith", FALLBACK_ZENITH_RAD)
        columns = [rows.column("event_id"), azimuth, zenith]
        self._writer.write_batch(pa.RecordBatch.from_arrays(columns, schema=_SUBMISSION))


def _filled(rows: pa.RecordBatch, name: str, otherwise: float) -> pa.Array:
    others = [other for other in rows.schema.names if other.endswith(f"_{name}")]
    compared = [other for other in others if other.removesuffix(f"_{name}") not in ("true", "posterior")]
    return pc.coalesce(*(rows.column(column) for column in (name, *compared)), pa.scalar(otherwise))


def require_safe(path: Path, inputs: Sequence[Path]) -> None:
    """Refuse to overwrite an input, or any file that is not a reconstruction.

    Raises:
        IcerecoError: `path` is, or is inside, an input, is a folder, or is another file.
    """
    place = path.resolve()
    for one in inputs:
        if place == one.resolve():
            raise IcerecoError(f"{path} is an input and would be overwritten; choose another name with -o")
        if one.is_dir() and one.resolve() in place.parents:
            raise IcerecoError(f"{path} is inside the input folder {one}; choose another place with -o")
    if path.is_dir():
        raise IcerecoError(f"{path} is a folder; give the name of a file with -o")
    if path.name == "-" or (path.exists() and not path.is_file()):
        raise IcerecoError(
            f"{path} is not a file but a pipe or a device; the output is a file that appears whole: give a name with -o"
        )
    if path.exists() and not _is_reconstruction(path):
        raise IcerecoError(
            f"{path} exists and is not a reconstruction, so it is not overwritten; choose another name with -o"
        )


def _is_reconstruction(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            if file.read(len(_HEADER)) == _HEADER:
                return True
        return provenance_of(path) is not None
    except (OSError, IcerecoError):
        return False

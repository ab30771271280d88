"""Outputs of a reconstruction: our parquet table, a submission to the Kaggle competition, or a copy of the input."""

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any, Literal, Protocol, runtime_checkable

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv

from icereco.data.sources.source import Source
from icereco.errors import IcerecoError
from icereco.protocols import Annotating
from icereco.reconstruction.table_files import converted_writer
from icereco.system.files import explaining, replacing
from icereco.tables.reconstruction_columns import is_reserved
from icereco.tables.reconstructions import METADATA_KEY, provenance_of, reconstruction_writer
from icereco.tables.saved_reconstructions import table_of

__all__ = [
    "FALLBACK_ZENITH_RAD",
    "Format",
    "Output",
    "annotated_output",
    "default_output",
    "format_of",
    "open_output",
    "require_safe",
]

Format = Literal["parquet", "csv", "arrow", "kaggle", "i3"]
_SUFFIX: dict[Format, str] = {
    "parquet": ".reco.parquet",
    "csv": ".reco.csv",
    "arrow": ".reco.arrow",
    "kaggle": ".reco.csv",
    "i3": ".reco.i3.zst",
}
_FORMATS: dict[str, tuple[Format, ...]] = {
    "": ("parquet", "kaggle", "csv", "arrow"),
    ".parquet": ("parquet",),
    ".pq": ("parquet",),
    ".csv": ("csv", "kaggle"),
    ".arrow": ("arrow",),
    ".feather": ("arrow",),
}
"""What a file with this ending may hold, by default the first."""

FALLBACK_ZENITH_RAD = np.pi / 2
"""Kaggle takes no empty values: an event without a direction gets that of another method, as the line fit, else azimuth 0
at the horizon."""

_SUBMISSION = pa.schema([("event_id", pa.int64()), ("azimuth", pa.float64()), ("zenith", pa.float64())])
_HEADER = b"event_id,azimuth,zenith\n"
_LONGEST_HEADER = 1 << 16


@runtime_checkable
class Output(Protocol):
    """Takes rows of `icereco.tables.reconstructions.reconstruction_rows`."""

    def write(self, rows: pa.RecordBatch) -> None:
        """Append rows to the output."""
        ...


def format_of(output: Path | None, asked_for: Format | None) -> Format:
    """The format of an output: what is asked for, else what its ending says.

    Raises:
        IcerecoError: the ending is that of another format, or of none that is written.
    """
    if output is None or asked_for == "i3":
        return asked_for or "parquet"
    possible = _FORMATS.get(output.suffix.lower(), ())
    if asked_for is None and possible:
        return possible[0]
    if asked_for in possible:
        return asked_for
    endings = [ending for ending, forms in _FORMATS.items() if ending and asked_for in (None, *forms)]
    form, copies = (f" as {asked_for}", "") if asked_for else ("", ", and .i3.zst with --format i3")
    raise IcerecoError(
        f"{output}: a file that ends with {output.suffix} is not written{form}; endings are {', '.join(endings)}{copies}"
    )


def default_output(first_input: Path, form: Format, name: str | None = None) -> Path:
    """Return a path in the working directory, named after the first input; with its folder if a result of another is there.

    Raises:
        IcerecoError: results of others have both names.
    """
    whole = first_input.resolve()
    plain = (name or re.sub(r"\.i3$", "", whole.stem)) + _SUFFIX[form]
    for path in (Path(plain), Path(f"{whole.parent.name}-{plain}")):
        if form != "parquet" or not path.is_file() or _is_of(path, whole):
            return path
    raise IcerecoError(f"{plain} and {path} are results of other inputs; give a name with -o")


def _is_of(output: Path, first_input: Path) -> bool:
    """Whether an output was made from this input, or does not say from which."""
    try:
        inputs = (provenance_of(output) or {}).get("inputs") or []
        return not inputs or str(inputs[0]["path"]) == str(first_input)
    except (IcerecoError, TypeError, LookupError):
        return True  # whether it may be replaced is decided by `require_safe`


def open_output(path: Path, form: Format, provenance: Mapping[str, Any]) -> AbstractContextManager[Output]:
    """Open the output at `path`, which appears complete when the block ends; a submission cannot hold provenance.

    Raises:
        IcerecoError: the file cannot be written.
    """
    if form in ("csv", "arrow"):
        return converted_writer(path, form, provenance)
    return reconstruction_writer(path, provenance) if form == "parquet" else _submission_writer(path)


def annotated_output(sources: Sequence[Source], path: Path, method: str) -> AbstractContextManager[Output]:
    """Open a copy of what is read, with the reconstructions in it.

    Raises:
        IcerecoError: it is of a format that has no place for them, or bad events are left out.
    """
    first = sources[0]
    if any(source.skips or source.selection for source in sources):
        raise IcerecoError("--format i3 copies whole files: leave out --skip-bad and --part")
    if not isinstance(first.reader, Annotating) or any(
        one.reader_name != first.reader_name for one in sources
    ):
        other = next((one for one in sources if not isinstance(one.reader, Annotating)), sources[-1])
        raise IcerecoError(
            f"{other.path}: --format i3 writes copies of .i3 files, and this is read by {other.reader_name}; "
            "write a table instead, with --format parquet"
        )
    return first.reader.annotated([source.path for source in sources], path, method)


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
    others = [other for other in rows.schema.names if other.endswith(f"_{name}") and is_reserved(other)]
    compared = [other for other in others if other.removesuffix(f"_{name}") not in ("true", "posterior")]
    return pc.coalesce(*(rows.column(column) for column in (name, *compared)), pa.scalar(otherwise))


def require_safe(path: Path, inputs: Sequence[Path], form: Format = "parquet") -> None:
    """Refuse to overwrite an input, or any file that is not a reconstruction; a copy of the input overwrites nothing.

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
    if path.exists() and form == "i3":
        raise IcerecoError(f"{path} exists and is not overwritten; choose another name with -o")
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
            columns = (
                file.readline(_LONGEST_HEADER).decode(errors="replace").replace('"', "").strip().split(",")
            )
        if {"event_id", "azimuth", "zenith"} <= set(columns):
            return True
        if path.suffix.lower() in (".arrow", ".feather"):
            return METADATA_KEY in (table_of(path).schema.metadata or {})
        return provenance_of(path) is not None
    except (OSError, IcerecoError):
        return False

"""Data sets by name: where they are on this machine, how they are read, and how they are split.

They are kept in the user's settings file (`icereco.settings`), one table each:

    [data.tracks]
    path = "/data/kaggle"
    detector = "icecube86"
    split = {by = "file", validation = ["batch_65[2-5].parquet"], test = ["batch_65[6-9].parquet"]}
"""

import dataclasses
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from pydantic import BaseModel, ConfigDict, ValidationError

from icereco.data.split.rule import Part, SplitRule
from icereco.errors import IcerecoError, did_you_mean
from icereco.settings import add_table, read_settings, remove_table, settings_file
from icereco.system.files import is_there

if TYPE_CHECKING:
    from icereco.data.sources.source import Source
    from icereco.detector.detector import Detector

__all__ = ["DEFAULT_DETECTOR", "DataSet", "add", "data_sets", "find", "remove"]

DEFAULT_DETECTOR = "icecube86"
"""The detector of events whose data set does not declare one."""

_SECTION = "data"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")


class DataSet(BaseModel):
    """Events on this machine.

    Attributes:
        name: as the user calls it; None for one given by its path.
        path: the file or folder.
        reader: name of its reader, maybe with options; None to detect the format automatically.
        detector: name (or folder) of its detector's card; None where the data set does not say.
        split: how it is split; None where the data set does not say.
        drop_unknown_sensors: whether pulses of sensors that the detector lacks are left out instead of being an error.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str | None = None
    path: Path
    reader: str | None = None
    detector: str | None = None
    split: SplitRule | None = None
    drop_unknown_sensors: bool = False

    @classmethod
    def parse(cls, name: str, table: Any) -> Self:
        """The data set of a table in the settings file.

        Raises:
            IcerecoError: an entry is missing, of another kind, or not known; names the file and the entry.
        """
        place = f"{settings_file()}: [{_SECTION}.{name}]"
        if not isinstance(table, dict) or "name" in table:
            raise IcerecoError(f"{place} must be a table with a path, and without a name of its own")
        try:
            data_set = cls(name=name, **table)
        except ValidationError as error:
            raise IcerecoError("\n".join(f"{place} {_problem(one)}" for one in error.errors())) from None
        path = data_set.path.expanduser()
        if not path.is_absolute():
            raise IcerecoError(f"{place} path must be absolute, or begin with ~/, not {data_set.path}")
        return data_set.model_copy(update={"path": path})

    @property
    def label(self) -> str:
        """Its name, or the path."""
        return self.name or str(self.path)

    def open(self, part: Part | None = None) -> "Source":
        """The events, or one part of the declared split, with the reader that understands them.

        Raises:
            IcerecoError: the file or folder is not there, no reader understands it, or no split is declared.
        """
        from icereco.data.sources.source import open_source
        from icereco.data.split.selection import Selection

        if self.name is not None and not is_there(self.path):
            raise IcerecoError(
                f"data set {self.name!r} should be at {self.path}, but nothing is there; give its new path:\n"
                f"  icereco data add {self.name} PATH --replace"
            )
        source = open_source(self.path, self.reader)
        if self.drop_unknown_sensors:
            from icereco.data.sources.unknown_sensors import without_unknown_sensors

            source = without_unknown_sensors(source)
        if part is None:
            return source
        if self.split is None:
            raise IcerecoError(
                f"{self.label} has no declared split to take the {part} part of; declare one:\n"
                f"  icereco data add NAME PATH --validation 0.1 --test 0.1{_own_part(source, part)}"
            )
        return dataclasses.replace(source, selection=Selection(self.split, part))

    def read_with(self, reader: str | None, *, drop_unknown_sensors: bool = False) -> Self:
        """Return the same data set, read as the command line says."""
        drop = drop_unknown_sensors or self.drop_unknown_sensors
        return self.model_copy(update={"reader": reader or self.reader, "drop_unknown_sensors": drop})

    def require_detector(self, detector: "Detector") -> None:
        """Check that the events are of this detector, where the data set says of which they are.

        Raises:
            IcerecoError: they are of another.
        """
        if self.detector is None:
            return
        import numpy as np  # listing data sets needs none

        from icereco.detector.detector import load_detector

        own = load_detector(self.detector)
        if not np.array_equal(own.position_m, detector.position_m):
            raise IcerecoError(
                f"data set {self.label!r} is of detector {own.name!r}, and not of {detector.name!r}; train with "
                f"-o detector.use={own.name}, or reconstruct with a model that was trained for it"
            )

    def table(self) -> dict[str, Any]:
        """Its table in the settings file."""
        usual = set() if self.drop_unknown_sensors else {"drop_unknown_sensors"}
        return self.model_dump(mode="json", exclude={"name", *usual}, exclude_none=True)


def data_sets() -> dict[str, DataSet]:
    """All data sets of the settings file by name, in its order.

    Raises:
        IcerecoError: the file is broken; names the entry.
    """
    tables = read_settings().get(_SECTION, {})
    if not isinstance(tables, dict):
        raise IcerecoError(
            f"{settings_file()}: {_SECTION} must be a table of data sets, such as [{_SECTION}.tracks]"
        )
    return {name: DataSet.parse(name, table) for name, table in tables.items()}


def add(data_set: DataSet, *, replace: bool = False) -> None:
    """Write a data set into the settings file.

    Raises:
        IcerecoError: the name is not allowed or taken, or the file cannot be written.
    """
    name = data_set.name or ""
    if not _NAME.fullmatch(name):
        raise IcerecoError(
            f"{name!r} is not a valid name for a data set: letters, digits, '-', '_' and '.', beginning with a letter or a digit"
        )
    if not replace and name in data_sets():
        raise IcerecoError(
            f"there is a data set {name!r} already ({data_sets()[name].path}); give another name, or --replace"
        )
    add_table(_SECTION, name, data_set.table())


def remove(name: str) -> DataSet:
    """Remove a data set from the settings file; its events stay where they are.

    Raises:
        IcerecoError: there is none of that name.
    """
    known = data_sets()
    if name not in known:
        raise IcerecoError(f"no data set is called {name!r}{_hint(name, known)}")
    remove_table(_SECTION, name)
    return known[name]


def find(text: str | Path) -> DataSet:
    """The data set called `text`, or else the file or folder at that path (write ./NAME for a path in any case).

    Raises:
        IcerecoError: there is neither.
    """
    known = data_sets()
    if str(text) in known:
        return known[str(text)]
    path = Path(text)
    if not path.exists() and _NAME.fullmatch(str(text)) and not path.suffix:
        raise IcerecoError(
            f"no data set is called {str(text)!r}, and there is no such file or folder{_hint(str(text), known)}"
        )
    return DataSet(path=path)


def _own_part(source: "Source", part: Part) -> str:
    """How to read the half of that name that the folder itself has, as that of a competition does."""
    options = source.declaration.component.load_options().model_fields
    if "part" not in options or not (source.path / part).is_dir():
        return ""
    return (
        f"\nor, for what is in its folder {part}: --reader {source.reader_name}:part={part}, without --part"
    )


def _hint(name: str, known: dict[str, DataSet]) -> str:
    names = ", ".join(known) or "none yet"
    near = [*known, *(entry.name for entry in Path().iterdir())]
    return f"{did_you_mean(name, near)} (known: {names}; add one with: icereco data add NAME PATH)"


def _problem(error: Any) -> str:
    key = ".".join(str(part) for part in error["loc"] if isinstance(part, str) and part.isidentifier())
    if error["type"] == "extra_forbidden":
        fields = SplitRule.model_fields if key.startswith("split") else DataSet.model_fields
        allowed = [name for name in fields if name != "name"]
        return (
            f"{key} is not known{did_you_mean(key.split('.')[-1], allowed)} (allowed: {', '.join(allowed)})"
        )
    if error["type"] == "missing":
        return f"{key} is missing"
    return f"{key}: {error['msg'].removeprefix('Value error, ')}"

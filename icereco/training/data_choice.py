"""The data sets to train on, and how often an epoch sees their events: `NAME|PATH` or `NAME|PATH=WEIGHT`."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from icereco.data.catalog import DataSet, data_sets, find
from icereco.errors import IcerecoError

if TYPE_CHECKING:
    from icereco.data.sources.source import Source

__all__ = ["DataChoice", "cut", "declared_detector", "described", "require_readable"]

_LARGEST_WEIGHT = 100.0


@dataclass(frozen=True)
class DataChoice:
    """A data set as the command line names it.

    Attributes:
        data: the data set.
        weight: how often an epoch sees each of its events: 0.3 is another 30 % in each epoch, 2 is each twice.
        skip_bad: whether bad events are left out instead of being an error.
        where: the condition of the events to train on, see `icereco.data.cut.rows_where`; None for all.
    """

    data: DataSet
    weight: float = 1.0
    skip_bad: bool = False
    where: str | None = None

    @classmethod
    def all_of(cls, data: "Path | Sequence[Self] | None") -> list[Self]:
        """One path, several choices, or none at all, as a list."""
        if data is None:
            return []
        return [cls(DataSet(path=data))] if isinstance(data, Path) else list(data)

    @classmethod
    def parse(cls, text: str) -> Self:
        """Parse `NAME|PATH` or `NAME|PATH=WEIGHT`; an existing path is a path even if it contains "=".

        Raises:
            IcerecoError: the weight is not a number above 0, or there is no such data set, file or folder.
        """
        head, equals, tail = text.rpartition("=")
        if not equals or not head or text in data_sets() or Path(text).exists():
            return cls(find(text))
        try:
            weight = float(tail)
        except ValueError:
            return cls(find(text))  # "=" is part of the name
        if not 0 < weight <= _LARGEST_WEIGHT:
            raise IcerecoError(
                f"--data {text}: the weight must be above 0 and at most {_LARGEST_WEIGHT:g}; "
                "it says how often an epoch sees each event"
            )
        return cls(find(head), weight)

    @classmethod
    def recorded(cls, records: Sequence[Mapping[str, Any]]) -> list[Self]:
        """Rebuild the choices from a run's provenance, independently of the user's current settings.

        Raises:
            IcerecoError: the records are not those that `record` makes.
        """
        try:
            return [
                cls(
                    DataSet(**one["data"]),
                    float(one["weight"]),
                    bool(one.get("skip_bad", False)),
                    None if one.get("where") is None else str(one["where"]),
                )
                for one in records
            ]
        except (ValueError, LookupError, TypeError, AttributeError) as error:
            raise IcerecoError(
                f"the provenance of the run does not say what it was trained on ({type(error).__name__}); "
                "start a new training"
            ) from error

    def open(self) -> "Source":
        """Return the events with the reader of their format; opened once and reused afterwards.

        Raises:
            IcerecoError: see `icereco.data.catalog.DataSet.open`.
        """
        return self._source

    @cached_property
    def _source(self) -> "Source":
        return self.data.open()

    def record(self) -> dict[str, Any]:
        """Return a JSON-able form for a run's provenance."""
        data = self.data.model_copy(update={"path": self.data.path.resolve()})
        table = data.model_dump(mode="json", exclude_none=True)
        condition = {} if self.where is None else {"where": self.where}
        return {"data": table, "weight": self.weight, "skip_bad": self.skip_bad, **condition}

    def read_with(self, reader: str | None, *, skip_bad: bool, drop_unknown_sensors: bool = False) -> Self:
        """Return the same choice, read as the command line says."""
        data = self.data.read_with(reader, drop_unknown_sensors=drop_unknown_sensors)
        return replace(self, data=data, skip_bad=skip_bad)

    def absolute(self) -> str:
        """Return the absolute path for display, with the weight if it is not 1, and the condition if there is one."""
        path = str(self.data.path.resolve())
        weighted = path if self.weight == 1 else f"{path}={self.weight:g}"
        return weighted if self.where is None else f"{weighted} where {self.where}"


def cut(chosen: Sequence[DataChoice], where: str) -> list[DataChoice]:
    """Choose of each data set only the events for which a condition is true.

    Raises:
        IcerecoError: there is no data set, as events are to be simulated.
    """
    if not chosen:
        raise IcerecoError(
            "--where chooses among the events of --data, or those that the model of --from was trained on; what is simulated "
            "for a training is chosen by the options of [simulation], such as -o simulation.minimum_energy_gev=1e4"
        )
    return [replace(one, where=where) for one in chosen]


def described(chosen: Sequence[DataChoice]) -> str:
    """Return the part of a run's name that describes its data."""
    return "+".join(one.data.name or one.data.path.stem for one in chosen) or "simulated"


def declared_detector(chosen: Sequence[DataChoice], overrides: Sequence[str]) -> list[str]:
    """Return the detector that the data sets declare as an override of the profile, unless the user sets one."""
    declared = {one.data.detector for one in chosen if one.data.detector is not None}
    if len(declared) != 1 or any(text.startswith("detector.use=") for text in overrides):
        return []
    return [f"detector.use={name}" for name in declared]


def require_readable(chosen: Sequence[DataChoice], detector: str) -> None:
    """Read the first events of each data set, before any file is written.

    What is strange about them is reported only if they are prepared already, as preparing them reports it.

    Raises:
        IcerecoError: they cannot be read, or are of another detector, or the condition is not one on them.
    """
    from icereco.data.store.prepare import is_prepared, is_store
    from icereco.detector.detector import load_detector

    card = load_detector(detector)
    for one in chosen:
        one.data.require_detector(card)
        source = one.open()
        if not (one.skip_bad or is_store(source)):
            source.require_first(card, quiet=not is_prepared(source, card))
        if one.where is not None:
            from icereco.data.cut import require_condition

            require_condition(next(source.batches(card, 1)).schema, one.where, str(source.path))

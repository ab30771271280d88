"""The reconstructions of the newest validation, in the run folder: for those who look at events while training goes on."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from icereco.events.batch import EventBatch
from icereco.events.reconstruction import Reconstruction
from icereco.reconstruction.methods import comparison_methods
from icereco.tables.reconstruction_columns import reconstruction_rows
from icereco.tables.reconstructions import ReconstructionTable, reconstruction_writer
from icereco.training.observer import TrainingObserver

__all__ = ["ValidationFile"]


class ValidationFile(TrainingObserver):
    """Writes every validated event, beside what quick methods say; the file is replaced when a validation is complete.

    Attributes:
        path: the parquet file.
        facts: the provenance to write, asked for when a validation begins.
    """

    def __init__(self, path: Path, facts: Callable[[], dict[str, Any]]) -> None:
        self.path = path
        self.facts = facts
        self._methods = comparison_methods()
        self._table: ReconstructionTable | None = None

    @contextmanager
    def during_validation(self) -> Iterator[None]:
        """The file appears, whole, when the validation has ended without an error."""
        with reconstruction_writer(self.path, self.facts()) as self._table:
            yield

    def on_validation_batch(self, batch: EventBatch, reconstruction: Reconstruction) -> None:
        """A row for each event."""
        assert self._table is not None  # since `during_validation`
        others = {name: fit(batch) for name, fit in self._methods.items()}
        self._table.write(reconstruction_rows(batch, reconstruction, others))

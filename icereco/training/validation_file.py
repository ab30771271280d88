"""The reconstructions of the newest validation, in the run folder, for viewing events during training."""

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
    """Writes every validated event with the reconstructions of quick methods; the file is replaced after each validation.

    Attributes:
        path: the parquet file.
        facts: called at the start of a validation for the provenance to write.
    """

    def __init__(self, path: Path, facts: Callable[[], dict[str, Any]]) -> None:
        self.path = path
        self.facts = facts
        self._methods = comparison_methods()
        self._table: ReconstructionTable | None = None

    @contextmanager
    def during_validation(self) -> Iterator[None]:
        """Open the table; the file appears complete when the validation has ended without an error."""
        with reconstruction_writer(self.path, self.facts()) as self._table:
            yield

    def on_validation_batch(self, batch: EventBatch, reconstruction: Reconstruction) -> None:
        """Write a row for each event."""
        assert self._table is not None  # since `during_validation`
        comparisons = {name: fit(batch) for name, fit in self._methods.items()}
        self._table.write(reconstruction_rows(batch, reconstruction, comparisons))

"""Events of several requests through one call of a method, and each request's rows of the result."""

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from icereco.errors import IcerecoError
from icereco.events.official_fits import official_fits
from icereco.reconstruction.methods import Method, comparison_methods
from icereco.system.log import get_logger
from icereco.tables.assembly import event_batch
from icereco.tables.carried import carried_columns
from icereco.tables.columns import one_batch
from icereco.tables.posteriors import COMPONENT_COLUMNS
from icereco.tables.reconstruction_columns import reconstruction_rows

__all__ = ["Computing"]

logger = get_logger(__name__)


class Computing:
    """A method that is called with events of many requests at once, where their columns are the same."""

    def __init__(self, method: Method) -> None:
        self.method = method
        self._compared = comparison_methods()

    def __call__(self, requests: Sequence[pa.RecordBatch]) -> list[pa.RecordBatch | IcerecoError]:
        """Reconstruct.

        Args:
            requests: checked events of the own layout.

        Returns:
            for each request its rows, as `icereco reconstruct` writes them, or what went wrong with it alone.
        """
        groups: dict[str, list[int]] = {}
        for number, rows in enumerate(requests):
            groups.setdefault(rows.schema.to_string(), []).append(number)
        answers: dict[int, pa.RecordBatch | IcerecoError] = {}
        for numbers in groups.values():
            answers |= dict(zip(numbers, self._of_group([requests[one] for one in numbers]), strict=True))
        return [answers[number] for number in range(len(requests))]

    def _of_group(self, requests: Sequence[pa.RecordBatch]) -> list[pa.RecordBatch | IcerecoError]:
        try:
            return list(self._rows(requests))
        except Exception as error:
            if len(requests) > 1:  # one of them, and the others shall not suffer from it
                return [answer for one in requests for answer in self._of_group([one])]
            if isinstance(error, IcerecoError):
                return [error]
            logger.exception("a request failed")
            return [IcerecoError(f"the method failed: {type(error).__name__}: {error}")]

    def _rows(self, requests: Sequence[pa.RecordBatch]) -> list[pa.RecordBatch]:
        whole = one_batch(pa.Table.from_batches(requests))
        batch = event_batch(whole, self.method.detector)
        result = self.method(batch)
        comparisons = {name: fit(batch) for name, fit in self._compared.items()} | official_fits(batch)
        carried = carried_columns(whole, pa.schema([]), Path("request"))
        rows = reconstruction_rows(batch, result, comparisons, carried, self.method.detector.site)
        bounds = np.cumsum([0, *(one.num_rows for one in requests)]).tolist()
        return [_as_if_alone(rows.slice(start, stop - start)) for start, stop in pairwise(bounds)]


def _as_if_alone(rows: pa.RecordBatch) -> pa.RecordBatch:
    """Without the lists of components where no posterior of these events has several, whatever those of others have."""
    if not set(COMPONENT_COLUMNS) <= set(rows.schema.names):
        return rows
    most = pc.max(pc.list_value_length(rows.column(COMPONENT_COLUMNS[0]))).as_py()
    return rows if (most or 0) > 1 else rows.drop_columns(list(COMPONENT_COLUMNS))

"""Events that an output lacks, as they could not be reconstructed while the others were."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from icereco.data.sources.source import Source
from icereco.errors import IcerecoError
from icereco.reconstruction.batch_work import Batch
from icereco.system.files import write_text
from icereco.system.json_lines import plain
from icereco.system.work.failures import together

__all__ = [
    "Missing",
    "lacking",
    "missing_batch",
    "missing_path",
    "missing_rest",
    "not_written",
    "nothing_done",
    "write_missing",
]


@dataclass(frozen=True, slots=True)
class Missing:
    """Events that could not be reconstructed together, or the rest of a file that could not be read.

    Attributes:
        file: where they are.
        events: how many; None where that cannot be said.
        first_event_id: of the first of them; None of those that could not be read.
        last_event_id: of the last.
        error: why.
    """

    file: str
    events: int | None
    first_event_id: int | None
    last_event_id: int | None
    error: IcerecoError | OSError

    @property
    def message(self) -> IcerecoError:
        """What is missing, and why."""
        count = "events" if self.events is None else f"{self.events:,} events"
        if self.first_event_id is None:
            return IcerecoError(f"{self.error} ({count} from there on)")
        where = f"{self.file}: {count}, event_id {self.first_event_id} to {self.last_event_id}"
        return IcerecoError(f"{where}: {str(self.error).removeprefix(f'{self.file}: ')}")


def missing_batch(batch: Batch, error: IcerecoError | OSError) -> Missing:
    """The events of a batch that failed."""
    ids = batch.rows.column("event_id").to_pylist() or [None]
    return Missing(batch.name, batch.rows.num_rows, ids[0], ids[-1], error)


def missing_rest(part: Source, done: int, error: IcerecoError) -> Missing:
    """What follows in a file that cannot be read to its end."""
    try:
        events = part.count() - done if part.selection is None else None
    except IcerecoError:
        events = None
    return Missing(str(part.path), events, None, None, error)


def missing_path(output: Path) -> Path:
    """Where what an output lacks is listed."""
    return output.with_name(f"{output.name}.missing.jsonl")


def write_missing(output: Path, missing: Sequence[Missing]) -> None:
    """List what an output lacks, a JSON object a line; if it lacks nothing there is no such file.

    Raises:
        IcerecoError: the file cannot be written.
    """
    path = missing_path(output)
    if not missing:
        path.unlink(missing_ok=True)
        return
    rows = ({**asdict(one), "error": str(one.error)} for one in missing)
    write_text(path, "".join(f"{json.dumps(plain(row))}\n" for row in rows))


def lacking(output: Path, missing: Sequence[Missing]) -> IcerecoError:
    """What is said at the end of a reconstruction that lacks something."""
    counts = [one.events for one in missing]
    events = "events" if None in counts else f"{sum(filter(None, counts)):,} events"
    return IcerecoError(
        f"{output} lacks {events}, listed in {missing_path(output)}; the others are done, and the same command tries "
        f"these again\n{nothing_done(missing)}"
    )


def not_written(output: Path, missing: Sequence[Missing]) -> IcerecoError:
    """What is said if the output has no place for gaps."""
    return IcerecoError(
        f"{output} is not written, as its format has a row for every event; the same command tries those that are missing "
        f"again\n{nothing_done(missing)}"
    )


def nothing_done(missing: Sequence[Missing]) -> IcerecoError:
    """What is said if nothing at all could be reconstructed."""
    return together([one.message for one in missing], "parts of the events cannot be reconstructed")

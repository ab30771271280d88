"""Follows a folder: what arrives there is reconstructed, each file once, whatever interrupts it."""

import hashlib
import json
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from icereco.data.catalog import DataSet
from icereco.data.sources.skip_bad import skip_bad, write_skipped
from icereco.data.sources.source import Source
from icereco.errors import IcerecoError
from icereco.online.arrivals import Arrival, Arrivals
from icereco.online.attempts import Attempts
from icereco.online.ledger import Entry, Ledger
from icereco.reconstruction.choice import Choice
from icereco.reconstruction.methods import Method
from icereco.reconstruction.outputs import Output, open_output, require_safe
from icereco.reconstruction.pipeline import reconstruct
from icereco.reconstruction.wanted import result_provenance
from icereco.system.files import clear_left_over, explaining
from icereco.system.locks import locked_if_free, process_with
from icereco.system.log import get_logger
from icereco.tables.reconstructions import provenance_of

__all__ = ["LEDGER", "CannotWriteError", "Follower", "Inputs", "follower"]

logger = get_logger(__name__)

LEDGER = "follow.jsonl"
"""In the folder of the results."""

_LOCK = ".follow.lock"
_BEGUN = ".follow.begun"
_MOST_KILLS = 3
_SUFFIX = ".reco.parquet"
_FACTS = "follow"
"""Key of the provenance of a result, for what it is made of and with."""

Choose = Callable[[Sequence[DataSet], Sequence[Source]], Choice]


class CannotWriteError(IcerecoError):
    """The result cannot be written, which is not the fault of the file that it is of."""


@dataclass(frozen=True, slots=True)
class Inputs:
    """How files are read.

    Attributes:
        reader: what reads them; None to detect it for each.
        drop_unknown_sensors: whether pulses of sensors that the detector lacks are left out.
        skip_bad: whether bad events are left out, and listed beside the result.
    """

    reader: str | None = None
    drop_unknown_sensors: bool = False
    skip_bad: bool = False

    def data_set(self, path: Path) -> DataSet:
        """The file, and how it is read."""
        return DataSet(path=path).read_with(self.reader, drop_unknown_sensors=self.drop_unknown_sensors)


@dataclass(slots=True)
class Follower:
    """Reconstructs what arrives; made by `follower`, as no two may have one folder of results.

    Attributes:
        arrivals: the files.
        output: folder of the results.
        ledger: what has been done.
        attempts: how often a file was begun.
        choose: gives the method, once: when the first file is opened.
        inputs: how files are read.
        new_model: whether results of another method may be in the folder already.
        advance: called with the number of events of each finished batch; may raise to abandon the file.
    """

    arrivals: Arrivals
    output: Path
    ledger: Ledger
    attempts: Attempts
    choose: Choose
    inputs: Inputs = Inputs()
    new_model: bool = False
    advance: Callable[[int], object] = lambda _: None
    _choice: Choice | None = None
    _retried: set[str] = field(default_factory=set)

    def use(self, choice: Choice) -> None:
        """Choose the method before the first file.

        Raises:
            IcerecoError: the newest result in the folder is of another.
        """
        done = [entry for entry in self.ledger if entry.state == "done"]
        newest = max(done, key=lambda entry: entry.time, default=None)
        if newest is not None and newest.model_id != _identity(choice.method) and not self.new_model:
            raise _OtherModelError(
                f"{self.output} has results of {newest.model}, and these would be of {choice.words}, which differs: name what was "
                "used, give another folder with -o, or --new-model to go on with another"
            )
        self._choice = choice

    def retry_failed(self) -> None:
        """Try the files that failed once more."""
        self._retried = {entry.file for entry in self.ledger if entry.state == "failed"}

    def look(self) -> Iterator[Entry]:
        """Reconstruct the files that are whole and new, and yield what became of each.

        Raises:
            IcerecoError: results cannot be written, or the folder has those of another method.
            OSError: the folder of the files is gone.
        """
        for arrival in self.arrivals.settled():
            known = self.ledger.entry_of(arrival)
            if known is not None and known.file not in self._retried:
                continue
            entry = self._entry(arrival)
            if entry is not None:
                self.ledger.add(entry)
                self._retried.discard(entry.file)
                yield entry

    def failed(self) -> list[Entry]:
        """The files that are there and of which there is no result."""
        entries = [entry for entry in self.ledger if entry.state == "failed"]
        found = ((entry, Arrival.of(self.arrivals.folder / entry.file)) for entry in entries)
        return [entry for entry, arrival in found if arrival is not None and entry.is_of(arrival)]

    def _entry(self, arrival: Arrival) -> Entry | None:
        """Reconstruct a file; None where it is written to again meanwhile."""
        facts: dict[str, Any] = {
            "file": arrival.path.name,
            "size": arrival.size,
            "modified_ns": arrival.modified_ns,
        }
        begun = time.monotonic()
        kills = self.attempts.begin(facts)
        try:
            if kills >= _MOST_KILLS:
                raise IcerecoError(
                    f"{arrival.path}: {kills} processes were killed while they reconstructed it, as it may take too much memory"
                )
            done = self._reconstructed(arrival, facts)
        except (CannotWriteError, _OtherModelError):
            raise
        except Exception as error:
            if arrival.has_changed():
                logger.info("%s: has changed while it was read; waiting until it is whole", arrival.path)
                return None
            reason = str(error) if isinstance(error, IcerecoError) else f"{type(error).__name__}: {error}"
            done = {"state": "failed", "reason": reason}
        finally:
            self.attempts.end()
        return Entry(**facts, **done, seconds=time.monotonic() - begun, time=time.time())

    def _reconstructed(self, arrival: Arrival, facts: dict[str, Any]) -> dict[str, Any]:
        """Reconstruct a file, and return what its entry says of the result."""
        data = self.inputs.data_set(arrival.path)
        source = data.open()
        choice = self._chosen(data, source)
        data.require_detector(choice.method.detector)
        path = self.output / f"{arrival.path.name}{_SUFFIX}"
        model = {"model": choice.words, "model_id": _identity(choice.method)}
        result = {"state": "done", "output": str(path), **model}
        if _is_of(path, facts | model):  # it was killed between writing the result and saying so
            return result | {"events": pq.read_metadata(path).num_rows}
        require_safe(path, [arrival.path])
        source = self._without_bad(source, choice.method, path)
        provenance = result_provenance([source], choice.method, **{_FACTS: facts | model})
        with _written(path, provenance) as output:
            outcome = reconstruct([source], choice.method, output, self.advance)
            if arrival.has_changed():
                raise IcerecoError(f"{arrival.path}: was changed while it was read")
        return result | {"events": outcome.events}

    def _chosen(self, data: DataSet, source: Source) -> Choice:
        if self._choice is None:
            self.use(self.choose([data], [source]))
        assert self._choice is not None, "it is used now"
        return self._choice

    def _without_bad(self, source: Source, method: Method, path: Path) -> Source:
        if not self.inputs.skip_bad:
            return source
        cleaned, skipped = skip_bad(source, method.detector)
        listing = path.with_name(f"{path.name}.skipped.jsonl")
        listing.unlink(missing_ok=True)
        write_skipped(listing, skipped)
        return cleaned


@contextmanager
def follower(
    folder: Path, output: Path, choose: Choose, inputs: Inputs | None = None, *, pattern: str = "*",
    new_model: bool = False,
) -> Iterator[Follower]:  # fmt: skip
    """Follow a folder, alone, until the block ends.

    Args:
        folder: what files arrive in.
        output: folder of the results, of `LEDGER` and of a lock; made if it is not there.
        choose: gives the method for the first data set and source.
        inputs: how files are read.
        pattern: of the names of the files.
        new_model: whether results of another method may be in `output` already.

    Raises:
        IcerecoError: there is no such folder, both are the same, or another process writes to `output`.
    """
    if not folder.is_dir():
        raise IcerecoError(f"there is no folder {folder}; give the one that files arrive in")
    if output.resolve() == folder.resolve():
        raise IcerecoError(
            f"{output} is the folder that files arrive in; give another for the results, with -o"
        )
    lock = output / _LOCK
    with ExitStack() as stack:
        with explaining(lock):
            output.mkdir(parents=True, exist_ok=True)
            free = stack.enter_context(locked_if_free(lock))
        if not free:
            pid = process_with(lock)
            raise IcerecoError(
                f"{output} is in use by another icereco follow, process {pid or 'unknown'}; stop it with: "
                f"kill -INT {pid or 'PID'}, or give another folder with -o"
            )
        clear_left_over(output)
        arrivals, ledger = Arrivals(folder, pattern), Ledger(output / LEDGER)
        attempts = Attempts(output / _BEGUN)
        yield Follower(arrivals, output, ledger, attempts, choose, inputs or Inputs(), new_model)


class _OtherModelError(IcerecoError):
    """The folder has results of another method."""


class _Written:
    """An output whose errors are its own."""

    def __init__(self, output: Output) -> None:
        self._output = output

    def write(self, rows: pa.RecordBatch) -> None:
        try:
            self._output.write(rows)
        except IcerecoError as error:
            raise CannotWriteError(str(error)) from error


@contextmanager
def _written(path: Path, provenance: dict[str, Any]) -> Iterator[Output]:
    """As `open_output`, with errors that tell those of the output from those of the input."""
    of_input: BaseException | None = None
    try:
        with open_output(path, "parquet", provenance) as output:
            try:
                yield _Written(output)
            except BaseException as error:
                of_input = error
                raise
    except IcerecoError as error:
        if error is of_input:
            raise
        raise CannotWriteError(str(error)) from error


def _is_of(path: Path, facts: dict[str, Any]) -> bool:
    """Whether there is a result, which is whole then, of this very file and method."""
    try:
        known = provenance_of(path) if path.is_file() else None
    except IcerecoError:
        return False
    return known is not None and known.get(_FACTS) == facts


_IDENTIFYING = ("checkpoint_sha256", "method_options", "seeds")


def _identity(method: Method) -> str:
    """What tells a method from any other: its weights or options, and the detector."""
    members = method.provenance.get("ensemble") or [method.provenance]
    told = [{key: member[key] for key in _IDENTIFYING if key in member} for member in members]
    text = json.dumps([method.name, method.detector.fingerprint, told], sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:12]

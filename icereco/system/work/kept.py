"""Results of units of work that is not finished, in files of a folder: after an interruption, what is done is not done again.

A result is found by its key, and only if the plan is the same: whatever decides about the results besides the unit. A file that is
damaged, or of another plan, holds nothing. Work of a few seconds leaves nothing.
"""

import json
import time
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from shutil import rmtree
from typing import Generic, Self, TypeVar

from icereco.errors import IcerecoError
from icereco.system.files import clear_left_over, explaining, replacing
from icereco.system.log import get_logger

__all__ = ["SAVE_SECONDS", "Kept"]

Result = TypeVar("Result")

logger = get_logger(__name__)

SAVE_SECONDS = 5.0
"""What a kill takes at most, besides what is being done."""


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a result is."""

    file: Path
    offset: int
    length: int


class Kept(Generic[Result]):
    """The results that an earlier start kept, and those that are made now.

    Attributes:
        folder: where they are; it is made when there is something to keep.
    """

    def __init__(
        self,
        output: Path,
        plan: str,
        suffix: str,
        store: Callable[[Result], bytes],
        load: Callable[[bytes], Result],
    ) -> None:
        """Find what is kept.

        Args:
            output: the file or folder that is to be written.
            plan: a hash of what decides about the results.
            suffix: of the names of the files.
            store: the bytes of a result.
            load: the result of these bytes.
        """
        self.folder = output.with_name(f".{output.name}.unfinished")
        self._plan, self._suffix, self._store, self._load = plan, suffix, store, load
        self._found = {key: place for file in self._files() for key, place in self._read(file)}
        self._unsaved: dict[str, Result] = {}
        self._begun_s = self._saved_s = time.monotonic()
        self._can_save = True

    @property
    def is_worth_it(self) -> bool:
        """Whether there is, or will be, something in the folder."""
        return self.folder.is_dir() or time.monotonic() - self._begun_s > SAVE_SECONDS

    @property
    def has_any(self) -> bool:
        """Whether another start has something to go on with."""
        return self.is_worth_it and bool(self._unsaved or self.folder.is_dir())

    def __contains__(self, key: str) -> bool:
        return key in self._found

    @contextmanager
    def saving(self) -> Iterator[Self]:
        """Keep what is done in the block, whatever ends it."""
        try:
            yield self
        finally:
            if self.is_worth_it:
                self.save()

    def take(self, key: str) -> Result:
        """A result that was kept.

        Raises:
            IcerecoError: it is gone meanwhile.
        """
        place = self._found[key]
        try:
            with place.file.open("rb") as file:
                file.seek(place.offset)
                return self._load(file.read(place.length))
        except (OSError, ValueError) as error:
            raise IcerecoError(
                f"{place.file}, with what was done before, is gone ({error}); has another command written the same output? "
                "Start again"
            ) from error

    def add(self, key: str, result: Result) -> None:
        """Keep one that was made, from time to time together with those before it."""
        self._unsaved[key] = result
        if time.monotonic() - self._saved_s > SAVE_SECONDS:
            self.save()

    def save(self) -> None:
        """Write what is not written yet. That this fails is no reason to end the work."""
        results, self._unsaved = self._unsaved, {}
        if results and self._can_save:
            try:
                self._write({key: self._store(result) for key, result in results.items()})
            except IcerecoError as error:
                self._can_save = False
                logger.warning("what is done cannot be kept for another start: %s", error)
        self._saved_s = time.monotonic()

    def remove(self) -> None:
        """Forget everything, as the output is whole."""
        self._unsaved.clear()
        rmtree(self.folder, ignore_errors=True)

    def _files(self) -> Iterable[Path]:
        if not self.folder.is_dir():
            return []
        clear_left_over(self.folder)
        return sorted(self.folder.glob(f"*{self._suffix}"))

    def _write(self, streams: dict[str, bytes]) -> None:
        body = b"".join(streams.values())
        head = {
            "plan": self._plan,
            "lengths": {key: len(stream) for key, stream in streams.items()},
            "crc32": zlib.crc32(body),
        }
        path = self.folder / f"{self._plan[:8]}-{next(iter(streams))[:16]}{self._suffix}"
        # Not durable: what a power cut damages is known by its checksum, and made again.
        with replacing(path, durable=False) as temporary, explaining(path):
            temporary.write_bytes(json.dumps(head).encode() + b"\n" + body)

    def _read(self, file: Path) -> Iterator[tuple[str, _Place]]:
        """The results in a file; none if it is damaged, or of another plan."""
        with suppress(OSError, ValueError, LookupError, TypeError):
            line, _, body = file.read_bytes().partition(b"\n")
            head = json.loads(line)
            if head["plan"] != self._plan or head["crc32"] != zlib.crc32(body):
                return
            offset = len(line) + 1
            for key, length in head["lengths"].items():
                yield key, _Place(file, offset, length)
                offset += length

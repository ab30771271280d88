"""Pieces of a reconstruction that is not finished, kept beside its output: after an interruption, what is done is not done again.

A piece is found by the events that it is of, bit for bit, and is taken only if the method, its code and the columns are the same. So
nothing of other events, or of another model, gets into an output, whatever is in the folder. Work of a few seconds leaves nothing.
"""

import hashlib
import json
import time
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from shutil import rmtree
from typing import Any

import pyarrow as pa

from icereco.errors import IcerecoError
from icereco.plugins.code import code_of_all_components
from icereco.reconstruction.batch_work import PackedBatch, Piece
from icereco.reconstruction.methods import Method
from icereco.reconstruction.stored_piece import piece_in, stored
from icereco.runs.provenance import provenance
from icereco.system.files import clear_left_over, explaining, replacing
from icereco.system.log import get_logger

__all__ = ["KeptPieces", "kept_pieces"]

logger = get_logger(__name__)

SAVE_SECONDS = 5.0
"""What a kill takes at most, besides what is being done."""

_SUFFIX = ".pieces"
_OF_THIS_RUN = ("machine", "command", "created")
"""What the provenance says besides what decides about the results."""


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a piece is."""

    file: Path
    offset: int
    length: int


class KeptPieces:
    """The pieces that were kept, and those that are made now. Made by `kept_pieces`."""

    def __init__(self, output: Path, method: Method) -> None:
        self.folder = output.with_name(f".{output.name}.unfinished")
        self._plan = _plan(method)
        self._found = {key: place for file in self._files() for key, place in self._read(file)}
        self._unsaved: dict[str, Piece] = {}
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

    def key(self, batch: PackedBatch, declared: pa.Schema) -> str:
        """What a piece is found by.

        Args:
            batch: its events.
            declared: the carried columns of the table, which it has, too.
        """
        digest = hashlib.sha256(declared.serialize())
        digest.update(b"truth" if batch.with_truth else b"")
        digest.update(batch.stream)
        return digest.hexdigest()

    def __contains__(self, key: str) -> bool:
        return key in self._found

    def take(self, key: str) -> Piece:
        """A piece that was kept.

        Raises:
            IcerecoError: it is gone meanwhile.
        """
        place = self._found[key]
        try:
            with place.file.open("rb") as file:
                file.seek(place.offset)
                return piece_in(file.read(place.length))
        except (OSError, pa.ArrowException) as error:
            raise IcerecoError(
                f"{place.file}, with what was done before, is gone ({error}); has another command written the same output? "
                "Start again"
            ) from error

    def add(self, key: str, piece: Piece) -> None:
        """Keep one that was made, from time to time together with those before it."""
        self._unsaved[key] = piece
        if time.monotonic() - self._saved_s > SAVE_SECONDS:
            self.save()

    def save(self) -> None:
        """Write what is not written yet. That this fails is no reason to end the work."""
        pieces, self._unsaved = self._unsaved, {}
        if pieces and self._can_save:
            try:
                self._write({key: stored(piece) for key, piece in pieces.items()})
            except IcerecoError as error:
                self._can_save = False
                logger.warning("what is done cannot be kept for another start: %s", error)
        self._saved_s = time.monotonic()

    def remove(self) -> None:
        """Forget everything, as the output is whole."""
        self._unsaved.clear()
        rmtree(self.folder, ignore_errors=True)

    def _files(self) -> list[Path]:
        if not self.folder.is_dir():
            return []
        clear_left_over(self.folder)
        return sorted(self.folder.glob(f"*{_SUFFIX}"))

    def _write(self, streams: Mapping[str, bytes]) -> None:
        body = b"".join(streams.values())
        head = {
            "plan": self._plan,
            "lengths": {key: len(stream) for key, stream in streams.items()},
            "crc32": zlib.crc32(body),
        }
        path = self.folder / f"{self._plan[:8]}-{next(iter(streams))[:16]}{_SUFFIX}"
        # Not durable: what a power cut damages is known by its checksum, and made again.
        with replacing(path, durable=False) as temporary, explaining(path):
            temporary.write_bytes(json.dumps(head).encode() + b"\n" + body)

    def _read(self, file: Path) -> Iterator[tuple[str, _Place]]:
        """The pieces in a file; none if it is damaged, or of another reconstruction."""
        with suppress(OSError, ValueError, LookupError, TypeError):
            line, _, body = file.read_bytes().partition(b"\n")
            head = json.loads(line)
            if head["plan"] != self._plan or head["crc32"] != zlib.crc32(body):
                return
            offset = len(line) + 1
            for key, length in head["lengths"].items():
                yield key, _Place(file, offset, length)
                offset += length


@contextmanager
def kept_pieces(output: Path, method: Method) -> Iterator[KeptPieces]:
    """The pieces that are kept beside an output; what is done in the block is kept, too, whatever ends it.

    Args:
        output: the file that is to be written.
        method: what reconstructs the events.
    """
    kept = KeptPieces(output, method)
    try:
        yield kept
    finally:
        if kept.is_worth_it:
            kept.save()


def _plan(method: Method) -> str:
    """Identifies everything but the events that decides about the results."""
    detector = {"name": method.detector.name, "fingerprint": method.detector.fingerprint}
    facts: dict[str, Any] = provenance(method=method.name, **method.provenance, detector=detector)
    said = {name: value for name, value in facts.items() if name not in _OF_THIS_RUN}
    text = json.dumps([said, code_of_all_components()], sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()

"""Bytes of a file, decompressed as they are read. The compression is that of the first bytes, whatever the name says."""

import lzma
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa

__all__ = ["CutError", "compression_of", "open_to_write", "read_chunks"]

_CHUNK = 1 << 20
_MAGIC = {b"\x1f\x8b": "gzip", b"BZh": "bz2", b"\x28\xb5\x2f\xfd": "zstd", b"\xfd7zXZ\x00": "xz"}
_SUFFIXES = {".gz": "gzip", ".bz2": "bz2", ".zst": "zstd", ".xz": "xz"}


class CutError(Exception):
    """Compressed data end early, or cannot be decompressed any further."""


def compression_of(path: Path) -> str | None:
    """Return "gzip", "bz2", "zstd", "xz" or None, from the first bytes.

    Raises:
        OSError: the file cannot be read.
    """
    with path.open("rb") as opened:
        first = opened.read(6)
    return next((name for magic, name in _MAGIC.items() if first.startswith(magic)), None)


def read_chunks(path: Path, size: int = _CHUNK) -> Iterator[bytes]:
    """Yield the decompressed bytes of a file; members and frames that follow one another are read to the last.

    Raises:
        CutError: the data end early or are damaged, after all bytes before that place.
    """
    done = 0
    with _opened(path) as stream:
        while True:
            try:
                chunk = stream.read(size)
            except (OSError, EOFError, lzma.LZMAError) as error:
                reason = str(error) or type(error).__name__
                break
            if not chunk:
                return
            done += len(chunk)
            yield chunk
    yield _until_cut(path, done, size)
    raise CutError(reason)


def _until_cut(path: Path, done: int, size: int) -> bytes:
    """What follows the first `done` bytes, one by one, as a read of many is lost as a whole where the data are cut."""
    last = bytearray()
    with _opened(path) as stream:
        while done:
            done -= len(stream.read(min(size, done)))
        try:
            while byte := stream.read(1):
                last += byte
        except (OSError, EOFError, lzma.LZMAError):
            pass
    return bytes(last)


def _opened(path: Path) -> Any:
    compression = compression_of(path)
    return lzma.open(path) if compression == "xz" else pa.input_stream(str(path), compression=compression)


def open_to_write(path: Path, name: Path) -> Any:
    """Open `path` to write, compressed as the suffix of `name` says."""
    compression = _SUFFIXES.get(name.suffix)
    return (
        lzma.open(path, "wb") if compression == "xz" else pa.output_stream(str(path), compression=compression)
    )

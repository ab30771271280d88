"""Files that appear whole or not at all."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from icereco.errors import IcerecoError

__all__ = ["explaining", "is_there", "replacing", "write_text"]

_PATTERN = frozenset("*?[")


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield a temporary path in the folder of `path`, renamed to it when the block ends; if it fails nothing is left.

    Raises:
        IcerecoError: the folder cannot be written to, or the disk is full.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.partial")
    missing: list[Path] = []
    try:
        with explaining(path):
            missing += [folder for folder in path.parents if not folder.exists()]
            path.parent.mkdir(parents=True, exist_ok=True)
            temporary.touch()
        yield temporary
        with explaining(path):
            temporary.replace(path)
    except BaseException:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
        for folder in missing:
            with suppress(OSError):  # another process has put a file into it
                folder.rmdir()
        raise


def write_text(path: Path, text: str) -> None:
    """Write a whole file or nothing.

    Raises:
        IcerecoError: the disk is full, or the folder is gone or cannot be written to.
    """
    with replacing(path) as temporary, explaining(path):
        temporary.write_text(text, encoding="utf-8")


def is_there(path: Path) -> bool:
    """Return whether there is such a file or folder, or one that a pattern such as `level2/*.i3.zst` names."""
    return path.exists() or bool(_PATTERN & set(path.name) and any(path.parent.glob(path.name)))


@contextmanager
def explaining(path: Path) -> Iterator[None]:
    """Report an OSError of this block as one of `path`, whatever temporary name is being written to.

    Raises:
        IcerecoError: the folder cannot be written to, or the disk is full.
    """
    try:
        yield
    except OSError as error:
        raise IcerecoError(f"cannot write {path}: {error.strerror or error}") from error

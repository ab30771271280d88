"""Files that appear whole or not at all, and that a power cut does not take back."""

import errno
import hashlib
import os
import secrets
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from icereco.errors import IcerecoError
from icereco.system.locks import NoLocksError, take

__all__ = [
    "clear_left_over",
    "explaining",
    "file_hash",
    "is_there",
    "replacing",
    "require_name",
    "sync",
    "write_text",
]

_PATTERN = frozenset("*?[")
_RENAMES_OPEN_FILES = os.name != "nt"
_CANNOT_SYNC = (errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP)
_ABANDONED_SECONDS = 86_400.0
_NO_FOLLOW = getattr(os, "O_NOFOLLOW", 0)  # Windows has none
_NO_WAIT = getattr(os, "O_NONBLOCK", 0)


@contextmanager
def replacing(path: Path, *, durable: bool = True) -> Iterator[Path]:
    """Yield a temporary path in the folder of `path`, renamed to it when the block ends; if it fails nothing is left.

    The temporary name cannot be guessed, and belongs to this writer alone, also where several containers with the same
    process numbers share the folder. What killed writers of `path` left behind is removed.

    Args:
        path: the file.
        durable: whether it must survive a power cut once the block has ended; takes some milliseconds.

    Raises:
        IcerecoError: the folder cannot be written to, or the disk is full.
    """
    missing: list[Path] = []
    temporary: Path | None = None
    try:
        with explaining(path):
            missing += [folder for folder in path.parents if not folder.exists()]
            path.parent.mkdir(parents=True, exist_ok=True)
            if durable:
                clear_left_over(path.parent, path.name)
            temporary, descriptor, mode = _create(path)
        with _held(descriptor):
            yield temporary
            with explaining(path):
                _put_in_place(temporary, path, mode, durable=durable)
    except BaseException:
        with suppress(OSError):
            if temporary is not None:
                temporary.unlink(missing_ok=True)
        for folder in missing:
            with suppress(OSError):  # another process has put a file into it
                folder.rmdir()
        raise


def write_text(path: Path, text: str, *, durable: bool = True) -> None:
    """Write a whole file or nothing; see `replacing`.

    Raises:
        IcerecoError: the disk is full, or the folder is gone or cannot be written to.
    """
    with replacing(path, durable=durable) as temporary, explaining(path):
        temporary.write_text(text, encoding="utf-8")


def file_hash(path: Path) -> str:
    """Compute the sha256 of a file, hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def is_there(path: Path) -> bool:
    """Return whether there is such a file or folder, or one that a pattern such as `level2/*.i3.zst` names."""
    return path.exists() or bool(_PATTERN & set(path.name) and any(path.parent.glob(path.name)))


def require_name(path: Path) -> None:
    """Check that the name of a file is UTF-8, as Arrow and SQLite open no other.

    Raises:
        IcerecoError: it is of another encoding.
    """
    try:
        os.fspath(path).encode()
    except UnicodeEncodeError:
        shown = os.fsencode(path).decode(errors="replace")
        raise IcerecoError(
            f"{shown}: this name is not UTF-8, and files of such names cannot be opened; rename it"
        ) from None


def sync(path: Path) -> None:
    """Wait until a file, or the names in a folder, are on the disk; nothing where the file system cannot say.

    Raises:
        OSError: it cannot be opened, or the disk reports an error.
    """
    if path.is_dir() and os.name == "nt":
        return  # Windows does not open folders
    descriptor = os.open(path, os.O_RDONLY if path.is_dir() else os.O_RDWR)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in _CANNOT_SYNC:
            raise
    finally:
        os.close(descriptor)


def clear_left_over(folder: Path, name: str = "*") -> None:
    """Remove the temporary files in `folder` whose writers were killed, by default of all names."""
    pattern = name if name == "*" else name.translate({ord(sign): f"[{sign}]" for sign in "[*?"})
    for path in folder.glob(f".{pattern}.*.partial"):
        with suppress(OSError):  # gone meanwhile, or a link
            if _is_left_over(path):
                path.unlink()


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


def _create(path: Path) -> tuple[Path, int, int]:
    """A new file beside `path`, its descriptor, locked as long as it is open, and its permissions."""
    while True:
        temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}.partial")
        descriptor = os.open(temporary, os.O_RDWR | os.O_CREAT | os.O_EXCL | _NO_FOLLOW, 0o666)
        try:
            with suppress(NoLocksError):
                take(descriptor, wait=False)
            with suppress(OSError):  # another writer took it for left over before it was locked
                if os.path.samestat(os.fstat(descriptor), temporary.stat()):
                    return temporary, descriptor, stat.S_IMODE(os.fstat(descriptor).st_mode)
        except BaseException:  # interrupted
            os.close(descriptor)
            temporary.unlink(missing_ok=True)
            raise
        os.close(descriptor)


@contextmanager
def _held(descriptor: int) -> Iterator[None]:
    """Keep a file open, and so locked, where a file that is open can be renamed."""
    if not _RENAMES_OPEN_FILES:
        os.close(descriptor)
        yield
        return
    try:
        yield
    finally:
        os.close(descriptor)


def _put_in_place(temporary: Path, path: Path, mode: int, *, durable: bool) -> None:
    if stat.S_IMODE(temporary.stat().st_mode) != mode:
        temporary.chmod(mode)  # safetensors puts a file of its own there, which only its owner may read
    if durable:
        sync(temporary)
    temporary.replace(path)
    if durable:
        sync(path.parent)


def _is_left_over(path: Path) -> bool:
    """Whether nobody holds the lock of a temporary file; where it cannot be held, whether it has not changed for a day."""
    if not _RENAMES_OPEN_FILES:
        return time.time() - path.stat().st_mtime > _ABANDONED_SECONDS
    descriptor = os.open(path, os.O_RDONLY | _NO_FOLLOW | _NO_WAIT)
    try:
        return take(descriptor, wait=False)
    except NoLocksError:
        return time.time() - os.fstat(descriptor).st_mtime > _ABANDONED_SECONDS
    finally:
        os.close(descriptor)

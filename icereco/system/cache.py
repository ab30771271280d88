"""The folder of files that can be made again, and that of the user's settings."""

import os
from pathlib import Path

from icereco.errors import IcerecoError

__all__ = ["cache_dir", "cache_folder", "config_dir"]


def cache_dir() -> Path:
    """Return the folder of prepared data: $ICERECO_CACHE, or icereco in $XDG_CACHE_HOME or in ~/.cache.

    Raises:
        IcerecoError: none is set, and the user has no home folder, as in some containers.
    """
    return _place("ICERECO_CACHE", "XDG_CACHE_HOME", ".cache", "prepared data")


def config_dir() -> Path:
    """Return the folder of the user's settings: $ICERECO_CONFIG, or icereco in $XDG_CONFIG_HOME or in ~/.config.

    Raises:
        IcerecoError: as `cache_dir`.
    """
    return _place("ICERECO_CONFIG", "XDG_CONFIG_HOME", ".config", "settings")


def cache_folder(name: str) -> Path:
    """Return a folder in the cache, made if it is not there.

    Raises:
        IcerecoError: it cannot be made or written to.
    """
    folder = cache_dir() / name
    try:
        folder.mkdir(parents=True, exist_ok=True)
        reason = None if os.access(folder, os.W_OK) else "no permission"
    except OSError as error:
        reason = error.strerror or str(error)
    if reason is not None:
        raise IcerecoError(
            f"cannot write to the cache {folder}: {reason}; set ICERECO_CACHE to a folder that can be written to"
        )
    return folder


def _place(own: str, standard: str, hidden: str, content: str) -> Path:
    if named := os.environ.get(own):
        return Path(named)
    usual = os.environ.get(standard, "")
    try:  # the standard says to ignore a relative path
        return Path(usual if Path(usual).is_absolute() else Path.home() / hidden) / "icereco"
    except RuntimeError:
        raise IcerecoError(f"this user has no home folder for {content}; set {own} to a folder") from None

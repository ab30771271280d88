"""The folder of files that can be made again."""

import os
from pathlib import Path

__all__ = ["cache_dir"]


def cache_dir() -> Path:
    """Return the folder of prepared data: $ICERECO_CACHE, or icereco in $XDG_CACHE_HOME or in ~/.cache."""
    own = os.environ.get("ICERECO_CACHE")
    if own:
        return Path(own)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "icereco"

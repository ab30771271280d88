"""Arrow files, mapped into memory, or read where the file system maps none, as some network and union mounts."""

import errno
import os
from pathlib import Path

import pyarrow as pa

__all__ = ["open_mapped"]


def open_mapped(path: Path) -> pa.NativeFile:
    """Open a file for reading.

    Raises:
        OSError: it cannot be opened.
    """
    try:
        return pa.memory_map(str(path))
    except OSError as error:
        if os.strerror(errno.ENODEV) not in str(error):  # Arrow's errors have no number
            raise
        return pa.OSFile(str(path))

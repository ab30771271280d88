"""The provenance of a result: versions, machine, command line."""

import platform
import shlex
import sys
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from icereco import __version__
from icereco.plugins.discovery import registry
from icereco.system.processors import available_processors

__all__ = ["provenance"]

_LIBRARIES = ("torch", "numpy", "polars", "pyarrow", "safetensors")


def provenance(**facts: Any) -> dict[str, Any]:
    """Collect JSON-able facts of this process, and add `facts` (such as data fingerprint and detector).

    Reads the versions of libraries without importing them.
    """
    return {
        "icereco": __version__,
        "plugins": {plugin.name: plugin.version for plugin in registry().plugins if plugin.error is None},
        "libraries": {name: installed for name in _LIBRARIES if (installed := _version(name))},
        "python": platform.python_version(),
        "machine": machine(),
        "command": shlex.join(sys.argv),
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        **facts,
    }


def machine() -> dict[str, Any]:
    """Describe the machine: host, system, processor."""
    return {
        "host": platform.node(),
        "system": f"{platform.system()} {platform.release()}",
        "processor": platform.processor() or platform.machine(),
        "cpus": available_processors(),
    }


def _version(library: str) -> str | None:
    try:
        return version(library)
    except PackageNotFoundError:
        return None

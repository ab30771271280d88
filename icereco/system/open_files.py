"""How many files this process may have open."""

from contextlib import suppress

__all__ = ["allow_many_open_files"]

_WANTED = (65_536, 10_240)
"""macOS allows no more than the second, though it says that there is no limit."""


def allow_many_open_files() -> None:
    """Raise the limit on open files as far as the system lets us: macOS begins with 256, and data sets have more files."""
    try:
        import resource
    except ImportError:  # Windows has no such limit
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    for wanted in _WANTED:
        if soft == resource.RLIM_INFINITY or soft >= wanted:
            return
        with suppress(OSError, ValueError):
            limit = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
            resource.setrlimit(resource.RLIMIT_NOFILE, (limit, hard))
            return

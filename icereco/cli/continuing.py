"""What is said when work that keeps what it has done is interrupted."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from icereco.cli.echo import echo

if TYPE_CHECKING:
    from icereco.system.work.kept import Kept

__all__ = ["saying_how_to_continue"]


@contextmanager
def saying_how_to_continue(kept: "Kept[Any]") -> Iterator[None]:
    """Say where what is done is kept, if an interruption or a kill ends the block."""
    from icereco.system.work.executor import KilledError

    try:
        yield
    except (KeyboardInterrupt, KilledError):
        if kept.has_any:
            echo(f"what is done is kept in {kept.folder}; the same command continues", err=True)
        raise

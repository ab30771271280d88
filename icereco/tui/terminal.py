"""The terminal that the app is shown in: whether there is one, what it can show, and its end."""

import os
import select
import sys
import threading
import time
from collections.abc import Callable

from icereco.errors import IcerecoError

__all__ = ["marker_for_terminal", "require_terminal", "watch_for_end"]

_LOOK_SECONDS = 1.0
_LEAVE_SECONDS = 5.0
"""An app that has not ended so long after its terminal has is ended without being asked."""


def require_terminal() -> None:
    """Check that the app can be shown and used where it was started.

    Raises:
        IcerecoError: standard input or output is not a terminal, or one that cannot place text.
    """
    if "TEXTUAL_DRIVER" in os.environ:  # something else shows it, such as a browser
        return
    hint = "use icereco tail RUN, icereco tui --serve or icereco tui --picture OUT"
    if not all(stream is not None and stream.isatty() for stream in (sys.stdin, sys.stdout, sys.stderr)):
        raise IcerecoError(f"the terminal app needs a terminal; without one {hint}")
    if os.environ.get("TERM", "") in ("", "dumb"):
        raise IcerecoError(
            f"the terminal app needs a terminal that can place text, and TERM is 'dumb'; {hint}"
        )


def marker_for_terminal() -> str:
    """What dots are drawn with by default: characters that the terminal's encoding has.

    LC_ALL = C asks for ASCII, although Python writes UTF-8 then.
    """
    if os.environ.get("LC_ALL") in ("C", "POSIX"):
        return "ascii"
    try:
        "⣿╭".encode(sys.stderr.encoding or "ascii")
    except (UnicodeEncodeError, LookupError):
        return "ascii"
    return "braille"


def watch_for_end(leave: Callable[[], object]) -> None:
    """Call `leave` in a thread once standard input is at its end: the terminal was closed, or the browser's server has ended.

    A hang-up signal that is ignored, as after nohup, would otherwise leave an app behind that nobody sees.
    """
    if os.name == "posix":
        threading.Thread(target=_wait_for_end, args=(leave,), name="end of the terminal", daemon=True).start()


def _wait_for_end(leave: Callable[[], object]) -> None:
    poll = select.poll()
    poll.register(sys.__stdin__.fileno() if sys.__stdin__ else 0, 0)  # reports only a hang-up
    while not any(
        events & (select.POLLHUP | select.POLLERR | select.POLLNVAL) for _, events in poll.poll(1000)
    ):
        time.sleep(_LOOK_SECONDS)
    leave()
    time.sleep(_LEAVE_SECONDS)
    os._exit(1)

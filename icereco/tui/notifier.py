"""The user's own command for alerts: a message on a phone, a mail, a sound."""

import os
import shlex
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from threading import Thread

from icereco.errors import IcerecoError
from icereco.settings import read_settings, settings_file
from icereco.watch.alerts import Alert

__all__ = ["Notifier", "read_notifier"]

_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Notifier:
    """Runs a command for each new alert.

    Attributes:
        words: the command; a title and the text of the alert follow, and the environment has the parts of the alert.
        complain: called from a thread with what went wrong.
    """

    words: tuple[str, ...]
    complain: Callable[[str], object]

    def tell(self, alert: Alert) -> None:
        """Run the command in a thread of its own, as it may take long; it gets no terminal."""
        Thread(target=self._run, args=(alert,), daemon=True).start()

    def _run(self, alert: Alert) -> None:
        parts = {"SUBJECT": alert.subject, "KIND": alert.kind, "TEXT": alert.text}
        try:
            ended = subprocess.run(
                [*self.words, f"{alert.subject}: {alert.kind}", alert.text],
                env=os.environ | {f"ICERECO_ALERT_{name}": value for name, value in parts.items()},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                timeout=_SECONDS,
                start_new_session=True,
                check=False,
            )
        except (OSError, ValueError, subprocess.TimeoutExpired) as error:
            self.complain(f"{self.words[0]}: {error}")
            return
        if ended.returncode:
            said = ended.stderr.decode(errors="replace").strip().rpartition("\n")[2]
            self.complain(f"{self.words[0]} ended with code {ended.returncode}: {said}")


def read_notifier(complain: Callable[[str], object]) -> Notifier | None:
    """The command under `notify` in the table `[tui]` of the settings; None without one.

    Raises:
        IcerecoError: the settings cannot be read, or it is not a command.
    """
    table = read_settings().get("tui", {})
    command = table.get("notify") if isinstance(table, dict) else None
    if command is None:
        return None
    try:
        words = shlex.split(command) if isinstance(command, str) else []
    except ValueError:
        words = []
    if not words:
        raise IcerecoError(
            f'{settings_file()}: notify in [tui] is {command!r}; it must be a command, such as notify = "notify-send"'
        )
    return Notifier(tuple(words), complain)

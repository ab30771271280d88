"""How often this process was killed at one file: one that takes all memory, say, must not hold up the others for ever."""

import json
from contextlib import suppress
from pathlib import Path
from typing import Any

from icereco.system.files import write_text

__all__ = ["Attempts"]


class Attempts:
    """A note of the file that is at work, which only a process that is killed leaves behind."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def begin(self, facts: dict[str, Any]) -> int:
        """Note the file of which these are the facts; return how many processes were killed at it, one after the other.

        Raises:
            IcerecoError: the note cannot be written.
        """
        left = self._left()
        kills = left["kills"] + 1 if left and left["facts"] == facts else 0
        text = json.dumps({"facts": facts, "kills": kills})
        write_text(self._path, text, durable=False)  # a power cut is not the fault of the file
        return kills

    def end(self) -> None:
        """Forget it, as this process goes on, or ends by itself."""
        self._path.unlink(missing_ok=True)

    def _left(self) -> dict[str, Any] | None:
        with suppress(OSError, ValueError):
            left = json.loads(self._path.read_text(encoding="utf-8"))
            if isinstance(left, dict) and isinstance(left.get("kills"), int) and "facts" in left:
                return left
        return None

"""Rich's console for every command, which shows text from files but does not obey it; see `icereco.cli.echo`."""

from collections.abc import Iterable

import rich.console
from rich.segment import Segment

from icereco.system.terminal_text import printable

__all__ = ["Console"]


class Console(rich.console.Console):
    """Replaces control characters in text; colours and movements of the cursor, which rich itself adds, stay."""

    def _render_buffer(self, buffer: Iterable[Segment]) -> str:
        return super()._render_buffer(
            segment if segment.control else Segment(printable(segment.text), segment.style)
            for segment in buffer
        )

    def on_broken_pipe(self) -> None:
        """Leave it to the command, which ends as after any output that is not read, and not with a status that means something else."""
        raise  # rich calls this where it has caught the error

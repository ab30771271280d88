"""Terminals over SSH: the app sends them fewer bytes."""

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from textual.driver import Driver

__all__ = ["over_ssh", "sparing_driver"]


def over_ssh() -> bool:
    """Whether the terminal is at the other end of an SSH connection."""
    return "SSH_CONNECTION" in os.environ


def sparing_driver() -> "type[Driver] | None":
    """A driver that writes to a terminal over SSH in fewer bytes; None where Textual chooses the driver."""
    if not over_ssh() or "TEXTUAL_DRIVER" in os.environ or os.name != "posix":
        return None
    from textual.drivers.linux_driver import LinuxDriver

    from icereco.draw.canvas.ansi import shortened

    class SparingDriver(LinuxDriver):
        """Does not write a colour again that has not changed."""

        def write(self, data: str) -> None:
            super().write(shortened(data))

    return SparingDriver

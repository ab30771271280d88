"""A click group that knows its commands by name, and turns errors into one message and an exit code."""

import errno
import os
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any, NoReturn

import click
from click.shell_completion import CompletionItem

from icereco.cli.echo import discard_output
from icereco.errors import INTERRUPTED, READER_LEFT, IcerecoError, did_you_mean
from icereco.system.log import get_logger
from icereco.system.terminal_text import printable

__all__ = ["LazyGroup"]

_USER_ERROR, _SYSTEM_ERROR = 2, 1

logger = get_logger(__name__)


class LazyGroup(click.Group):
    """Commands from a table of module names; listing them imports none.

    Exit codes: 2 for what the user can fix, 1 for what the system refuses, 130 after Ctrl-C and for a training that
    was stopped before its end.
    """

    def __init__(self, *args: Any, lazy_commands: Mapping[str, tuple[str, str]], **settings: Any) -> None:
        super().__init__(*args, **settings)
        self.lazy_commands = lazy_commands

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 -- click's signature
        """The names, in the order of the table."""
        return list(self.lazy_commands)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 -- click's signature
        """Import one command."""
        if cmd_name not in self.lazy_commands:
            return None
        module, _ = self.lazy_commands[cmd_name]
        command: click.Command = import_module(module).command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002 -- click's signature
        """The list in the help, from the table alone: click's own would import every command."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, line) for name, (_, line) in self.lazy_commands.items()])

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command, or name the nearest."""
        unknown = args and not args[0].startswith("-") and args[0] not in self.lazy_commands
        if unknown and not ctx.resilient_parsing:  # the shell that completes a line wants no error
            near = did_you_mean(args[0], self.lazy_commands)
            raise click.UsageError(f"no command is called {args[0]!r}{near}", ctx)
        return super().resolve_command(ctx, args)

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Complete names of commands and options, from the table alone, too."""
        names = [
            CompletionItem(name, help=line)
            for name, (_, line) in self.lazy_commands.items()
            if name.startswith(incomplete)
        ]
        return [*names, *click.Command.shell_complete(self, ctx, incomplete)]

    def invoke(self, ctx: click.Context) -> Any:
        """Run, and report what went wrong in one message."""
        try:
            return super().invoke(ctx)
        except IcerecoError as error:
            _fail(str(error), _USER_ERROR, error)
        except KeyboardInterrupt as error:
            _fail("interrupted", INTERRUPTED, error)
        except BrokenPipeError as error:
            discard_output()
            raise click.exceptions.Exit(READER_LEFT) from error
        except click.exceptions.Exit:  # of a nested group, which has printed the message
            raise
        except Exception as error:
            if _comes_of_interruption(error):
                _fail("interrupted", INTERRUPTED, error)
            if isinstance(error, OSError):
                _fail(_describe(error), _SYSTEM_ERROR, error)
            raise


def _fail(message: str, exit_code: int, cause: BaseException) -> NoReturn:
    logger.debug("where the error came from", exc_info=cause)
    colour = False if os.environ.get("NO_COLOR") else None
    click.secho(f"error: {printable(message)}", fg="red", err=True, color=colour)
    raise click.exceptions.Exit(exit_code) from cause


def _comes_of_interruption(error: BaseException | None) -> bool:
    """Python 3.11 turns an interruption of a class that is being made, as in an import, into a RuntimeError."""
    while error is not None and not isinstance(error, KeyboardInterrupt):
        error = error.__cause__
    return error is not None


def _in_a_folder() -> bool:
    try:
        return Path.cwd().is_dir()
    except OSError:
        return False


def _describe(error: OSError) -> str:
    reason = (error.strerror or str(error)).lower()
    if error.errno == errno.ENOENT and error.filename is None and not _in_a_folder():
        return "the working folder is gone; change to another"
    files = [str(name) for name in (error.filename, error.filename2) if name is not None]
    return f"{' -> '.join(files)}: {reason}" if files else reason

"""The errors that people see: one clear message, never a traceback."""

import difflib
from collections.abc import Iterable

__all__ = [
    "INTERRUPTED",
    "READER_LEFT",
    "IcerecoError",
    "nearest",
    "did_you_mean",
    "message_in",
    "only_imported",
    "only_pretrained",
]


INTERRUPTED = 130
"""Exit status of a command that was stopped before its end."""

READER_LEFT = 141
"""Exit status of a command whose output is no longer read, as `icereco … | head`: that of a program which SIGPIPE ends."""


class IcerecoError(Exception):
    """Something the user can fix; the command line prints the message alone and exits with 2.

    The message says what is wrong, where (file, line, row, event_id), what was allowed, and what to do next.
    """


def nearest(word: str, known: Iterable[str]) -> str | None:
    """The known word closest in spelling, or None if nothing is close.

    >>> nearest("widht", ["width", "heads"])
    'width'
    """
    matches = difflib.get_close_matches(word, list(known), n=1, cutoff=0.6)
    return matches[0] if matches else None


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """A clause for an error message, empty when nothing is close.

    >>> did_you_mean("widht", ["width", "heads"])
    "; did you mean 'width'?"
    """
    match = nearest(word, known)
    return f"; did you mean {match!r}?" if match else ""


def message_in(output: str) -> str | None:
    """The first error message in what a command printed, or else its last line; None where it printed nothing.

    >>> message_in("error: no such file")
    'no such file'
    """
    lines = output.splitlines()
    messages = [line for line in lines if line.startswith("error: ")] or lines[-1:]
    return messages[0].removeprefix("error: ") if messages else None


def only_imported(model: object) -> IcerecoError:
    """What to raise where a model that was put together from another program's weights is asked for what a trained one estimates."""
    return IcerecoError(
        f"{model} has imported weights beside new ones, and estimates nothing yet; train it: icereco train --from {model} --data EVENTS"
    )


def only_pretrained(model: object) -> IcerecoError:
    """What to raise where a pre-trained model is asked for what only a trained one estimates."""
    return IcerecoError(
        f"{model} is pre-trained and estimates no direction; go on from it with events that have truth: "
        f"icereco train --profile hierarchical --from {model}"
    )

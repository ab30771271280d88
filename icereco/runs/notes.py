"""Notes of the user about a run: one line, in which words that begin with # are tags; a file of its own in the run's folder."""

from contextlib import suppress

from icereco.runs.folder import RunFolder
from icereco.system.files import write_text

__all__ = ["NOTES", "read_notes", "tags_of", "write_notes"]

NOTES = "notes.txt"
"""The file in the folder of a run."""


def read_notes(run: RunFolder) -> str:
    """What the user has noted; empty where there is nothing, or it cannot be read."""
    with suppress(OSError, UnicodeDecodeError):
        return " ".join((run.path / NOTES).read_text(encoding="utf-8").split())
    return ""


def write_notes(run: RunFolder, notes: str) -> None:
    """Note something about a run instead of what was noted before.

    Raises:
        IcerecoError: the file cannot be written.
    """
    write_text(run.path / NOTES, f"{' '.join(notes.split())}\n")


def tags_of(notes: str) -> list[str]:
    """The tags in notes, without their #.

    >>> tags_of("diverges after an hour #bad #again")
    ['bad', 'again']
    """
    return list(dict.fromkeys(word[1:] for word in notes.split() if word.startswith("#") and word[1:]))

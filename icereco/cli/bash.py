"""Completion in bash, which splits `encoder.use=deep` at the sign and completes the last part alone."""

import os
from typing import Any

from click.shell_completion import BashComplete, CompletionItem, split_arg_string

__all__ = ["BashWithAssignments"]

_SIGNS = ("=", ":")


class BashWithAssignments(BashComplete):
    """Joins what bash has split, and gives back only the part that bash replaces.

    After a name that ends in such a sign there is no space, as its value comes next.
    """

    source_template = BashComplete.source_template.replace(
        "COMPREPLY+=($value)",
        'COMPREPLY+=("$value"); [[ $value == *[=:] ]] && compopt -o nospace 2>/dev/null',
    )

    def get_completion_args(self) -> tuple[list[str], str]:
        """Return the whole words before the cursor, and the one that is being typed."""
        typed = split_arg_string(os.environ["COMP_WORDS"])[1 : int(os.environ["COMP_CWORD"]) + 1]
        missing = int(os.environ["COMP_CWORD"]) - len(typed)  # bash's words may end in an empty one
        words = _joined(typed + [""] * missing)
        self._kept = len(words[-1]) - len(typed[-1] if not missing and typed[-1] not in _SIGNS else "")
        return words[:-1], words[-1]

    def format_completion(self, item: CompletionItem[Any]) -> str:
        """Format as bash's part of the word, where it is one of the typed word."""
        prefix = self._typed[: self._kept]
        return f"{item.type},{item.value.removeprefix(prefix)}"

    def get_completions(self, args: list[str], incomplete: str) -> list[CompletionItem[str]]:
        """Complete, remembering the typed word."""
        self._typed = incomplete
        return super().get_completions(args, incomplete)


def _joined(words: list[str]) -> list[str]:
    """Join `a`, `=`, `b` to `a=b`.

    >>> _joined(["-o", "encoder.use", "=", "deep"])
    ['-o', 'encoder.use=deep']
    """
    joined: list[str] = []
    for index, word in enumerate(words):
        follows = index and (word in _SIGNS or words[index - 1] in _SIGNS)
        if follows and joined:
            joined[-1] += word
        else:
            joined.append(word)
    return joined

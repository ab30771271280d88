"""Text from files, made harmless for terminals: names, messages and tables may be somebody else's.

An escape sequence in a column's name would otherwise set the title, write to the clipboard, or hide what follows.
"""

import re

__all__ = ["printable"]

_CONTROL = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f"  # control characters but tab and newline
    "\u200e\u200f\u202a-\u202e\u2066-\u2069"  # what turns the direction of writing
    "\u2028\u2029\ud800-\udfff]"  # other ends of lines, and what no encoding has
)


def printable(text: str) -> str:
    r"""Replace every character that a terminal may obey rather than show; tabs and ends of lines stay.

    >>> printable("\x1b]0;title\x07name")
    '�]0;title�name'
    """
    return _CONTROL.sub("\ufffd", text)

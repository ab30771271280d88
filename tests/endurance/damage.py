"""What happens to files: single flipped bits, cuts, blanks, scribbles, and pieces that are doubled or swapped."""

import random
from collections.abc import Callable

__all__ = ["WAYS", "flip"]


def flip(content: bytearray, chance: random.Random) -> None:
    """Flip one bit."""
    content[chance.randrange(len(content))] ^= 1 << chance.randrange(8)


def cut(content: bytearray, chance: random.Random) -> None:
    """Cut the file anywhere."""
    del content[chance.randrange(len(content)) :]


def cut_little(content: bytearray, chance: random.Random) -> None:
    """Cut the last bytes, as a copy that was interrupted just before its end."""
    del content[-chance.randint(1, min(200, len(content))) :]


def scribble(content: bytearray, chance: random.Random) -> None:
    """Overwrite a few bytes."""
    for _ in range(chance.choice((1, 4, 20))):
        content[chance.randrange(len(content))] = chance.randrange(256)


def scribble_at_the_end(content: bytearray, chance: random.Random) -> None:
    """Overwrite a few bytes where most formats have their directory."""
    for _ in range(4):
        content[-1 - chance.randrange(min(4_000, len(content)))] ^= 1 << chance.randrange(8)


def blank(content: bytearray, chance: random.Random) -> None:
    """Leave zeros, as a power cut does."""
    start = chance.randrange(len(content))
    length = chance.choice((200, 4096, len(content)))
    content[start : start + length] = bytes(len(content[start : start + length]))


def double(content: bytearray, chance: random.Random) -> None:
    """Have a piece twice."""
    start = chance.randrange(len(content))
    content[start:start] = content[start : start + chance.randint(1, 300)]


def insert(content: bytearray, chance: random.Random) -> None:
    """Insert what parsers and terminals trip over."""
    start = chance.randrange(len(content) + 1)
    content[start:start] = chance.choice(_AWKWARD)


_AWKWARD = (
    *(b"[" * 3000, b"{" * 3000, b'{"a":' * 3000, b"9" * 5000, b"-1", b"NaN", b"1e999", b"\x00", b"\xff\xfe"),
    *(b"\x1b]52;c;aGk=\x07", b"\x1b[2J", b'"\\ud800"', b"[/x]", b"null", b"'", b'"""', b"\n", b"a" * 200_000),
)

WAYS: list[Callable[[bytearray, random.Random], None]] = [
    *(flip, cut, cut_little, scribble, scribble_at_the_end, blank, double, insert),
]

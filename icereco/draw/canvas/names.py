"""Names cut to a width so that they remain distinct."""

from collections.abc import Collection, Iterable, Sequence
from functools import lru_cache

__all__ = ["least_width", "short_names", "telling_names"]

_HEAD = 3  # fewer letters of a word say nothing


def short_names(names: Sequence[str], width: int) -> list[str]:
    """Long names without their middle; of names that begin and end alike more of the end is kept.

    >>> short_names(["linefit", "hierarchical-calm-muon", "hierarchical-slow-electron"], 12)
    ['linefit', 'hierar…-muon', 'hierar…ctron']
    """
    most = max(width - 1, 0)
    for tail in range(most // 2, most + 1):
        short = [_cut(name, width, tail) for name in names]
        if len(set(short)) == len(set(names)):
            return short
    return [_cut(name, width, most // 2) for name in names]


def telling_names(names: Sequence[str], width: int) -> list[str]:
    """Long names without the words, between hyphens, that others of their kind have at the same place.

    Of one kind are names of equally many words that begin with the same word, such as the runs of a sweep.

    >>> telling_names(["a", "sweep-rate-0.001-layers-2", "sweep-rate-0.002-layers-4"], 16)
    ['a', 'sweep…0.001…2', 'sweep…0.002…4']
    """
    return list(_telling(tuple(names), width))


def least_width(names: Sequence[str]) -> int:
    """The least width in which `telling_names` leaves the words whole in which names differ."""
    return max((len(told) for members in _kinds(names) for told in _told(members, 0)), default=0)


def _kinds(names: Sequence[str]) -> Iterable[list[list[str]]]:
    """The names of each kind, divided into words."""
    kinds: dict[tuple[str, int], list[list[str]]] = {}
    for name in names:
        words = name.split("-")
        kinds.setdefault((words[0], len(words)), []).append(words)
    return kinds.values()


@lru_cache(maxsize=32)
def _telling(names: tuple[str, ...], width: int) -> tuple[str, ...]:
    told_of: dict[str, str] = {}
    for members in _kinds(names):
        told_of |= {"-".join(words): told for words, told in zip(members, _told(members, width), strict=True)}
    told = [told_of[name] for name in names]
    short = [_cut(name, width, max(width - 1, 0) * 2 // 3) for name in told]
    return tuple(short) if len(set(short)) == len(set(names)) else tuple(short_names(names, width))


def _told(members: Sequence[Sequence[str]], width: int) -> list[str]:
    """Names of one kind, all without the same words; of the first word its beginning stays where there is room."""
    kept = _kept(members, width)
    told = [_joined(words, kept) for words in members]
    room = width - max(map(len, told))
    return told if 0 in kept or room < _HEAD else [f"{members[0][0][:room]}{name}" for name in told]


def _kept(members: Sequence[Sequence[str]], width: int) -> set[int]:
    """The places of the words to keep: long common words go first, the first word goes last."""
    every = set(range(len(members[0])))
    common = [place for place in every if len({words[place] for words in members}) == 1]
    if len(common) == len(every):  # a single name
        return every
    common.sort(key=lambda place: (place == 0, -len(members[0][place])))
    kept = set(every)
    while common and max(len(_joined(words, kept)) for words in members) > width:
        kept.remove(common.pop(0))
    return kept


def _joined(words: Sequence[str], kept: Collection[int]) -> str:
    """The words at these places, with an ellipsis for those that are left out."""
    joined, before = "", -1
    for place in sorted(kept):
        joined += "" if place == 0 else "-" if place == before + 1 else "…"
        joined += words[place]
        before = place
    return joined if before == len(words) - 1 else f"{joined}…"


def _cut(name: str, width: int, tail: int) -> str:
    if len(name) <= width:
        return name
    return f"{name[: width - 1 - tail]}…{name[len(name) - tail :]}"

"""Names cut to a width so that they remain distinct."""

from collections.abc import Sequence

__all__ = ["short_names"]


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


def _cut(name: str, width: int, tail: int) -> str:
    if len(name) <= width:
        return name
    return f"{name[: width - 1 - tail]}…{name[len(name) - tail :]}"

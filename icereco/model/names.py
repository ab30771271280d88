"""Names of tensors, for people."""

from collections.abc import Collection, Iterable

__all__ = ["listed"]


def listed(names: Collection[str], every: Iterable[str]) -> str:
    """Return names of tensors for people, with the beginning of their names for parts of a model that are there as a whole."""
    return ", ".join(_shortened(set(names), sorted(every))) or "nothing"


def _shortened(names: set[str], every: list[str], depth: int = 1) -> list[str]:
    """Name parts of a model by their prefix where all of their tensors are in `names`."""
    groups: dict[str, list[str]] = {}
    for name in every:
        groups.setdefault(".".join(name.split(".")[:depth]), []).append(name)
    shown: list[str] = []
    for prefix, members in groups.items():
        inside = names & set(members)
        if inside:
            shown += [prefix] if len(inside) == len(members) else _shortened(inside, members, depth + 1)
    return shown

"""Filters of events that are kept under names: in the user's settings, as the same question is asked of many files."""

from icereco.errors import IcerecoError, did_you_mean
from icereco.settings import add_table, read_settings, remove_table, settings_file

__all__ = ["forget_filter", "keep_filter", "kept_filter", "kept_filters"]

_SECTION, _CONDITION = "filters", "where"


def kept_filters() -> dict[str, str]:
    """SQL conditions by their names; entries that are none, as after an edit by hand, are left out.

    Raises:
        IcerecoError: the settings cannot be read.
    """
    section = read_settings().get(_SECTION, {})
    tables = section.items() if isinstance(section, dict) else ()
    found = {name: table.get(_CONDITION) for name, table in tables if isinstance(table, dict)}
    return {name: condition for name, condition in found.items() if isinstance(condition, str)}


def kept_filter(name: str) -> str:
    """The condition of that name.

    Raises:
        IcerecoError: there is none, or the settings cannot be read.
    """
    kept = kept_filters()
    if name not in kept:
        known = ", ".join(kept) or "none yet"
        raise IcerecoError(
            f"{settings_file()}: no filter {name!r}{did_you_mean(name, kept)} (known: {known})"
        )
    return kept[name]


def keep_filter(name: str, condition: str) -> None:
    """Keep a condition under a name, in place of any of that name.

    Raises:
        IcerecoError: the settings cannot be written.
    """
    add_table(_SECTION, name, {_CONDITION: condition})


def forget_filter(name: str) -> None:
    """Forget a filter.

    Raises:
        IcerecoError: the settings cannot be written.
    """
    remove_table(_SECTION, name)

"""The user's own settings file: what belongs to this machine, such as where data are, and never to a profile.

It is TOML, for people to edit too: a table is added at the end or taken out, and everything else stays as it was written.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from icereco.errors import IcerecoError
from icereco.profiles.toml_format import format_key, format_value
from icereco.system.cache import config_dir
from icereco.system.documents import parse_toml
from icereco.system.files import explaining, write_text
from icereco.system.locks import locked

__all__ = ["add_table", "read_settings", "remove_table", "settings_file"]

_HEAD = "# Settings of icereco on this machine. Data sets are added with: icereco data add NAME PATH\n"


def settings_file() -> Path:
    """settings.toml in the folder of `icereco.system.cache.config_dir`.

    Raises:
        IcerecoError: there is no such folder, as the user has no home.
    """
    return config_dir() / "settings.toml"


def read_settings() -> dict[str, Any]:
    """Return everything in the file; an empty dictionary if there is no file, or no place for one.

    Raises:
        IcerecoError: it cannot be read, or is not valid TOML.
    """
    try:
        settings_file()
    except IcerecoError:
        return {}
    return _parsed(_text())


def add_table(section: str, name: str, values: Mapping[str, Any]) -> None:
    """Write the table `[section.name]`, in place of any of that name.

    Raises:
        IcerecoError: the file is not valid TOML, or cannot be written.
    """
    rows = [f"{format_key(key)} = {format_value(value)}" for key, value in values.items()]
    table = "\n".join([f"[{format_key(section)}.{format_key(name)}]", *rows]) + "\n"

    def change(text: str) -> str:
        kept = _without(text, section, name).rstrip("\n")
        return f"{kept}\n\n{table}" if kept else f"{_HEAD}\n{table}"

    def expected(settings: dict[str, Any]) -> dict[str, Any]:
        tables = {**settings.get(section, {}), name: parse_toml(table)[section][name]}
        return {**settings, section: tables}

    _rewrite(change, expected)


def remove_table(section: str, name: str) -> None:
    """Remove the table `[section.name]`.

    Raises:
        IcerecoError: the file is not valid TOML, or cannot be written.
    """

    def expected(settings: dict[str, Any]) -> dict[str, Any]:
        tables = {key: value for key, value in settings.get(section, {}).items() if key != name}
        other_sections = {key: value for key, value in settings.items() if key != section}
        return {**other_sections, section: tables} if tables else other_sections

    _rewrite(lambda text: _without(text, section, name), expected)


def _rewrite(change: Callable[[str], str], expected: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
    path = settings_file()
    with _alone(path):
        before = _text()
        after = change(before)
        if _settings_or_none(after) != expected(_parsed(before)):
            raise IcerecoError(
                f"{path}: is written in a way that this command cannot change safely (such as inline tables); "
                "edit it by hand"
            )
        write_text(path, after)


def _without(text: str, section: str, name: str) -> str:
    """The text without one table, which ends where the next begins, and the comments right above its head."""
    heads = {f"[{form(section)}.{other(name)}]" for form in (str, format_key) for other in (str, format_key)}
    kept: list[str] = []
    inside = False
    for line in text.splitlines(keepends=True):
        if line.lstrip().startswith("["):
            inside = line.split("#")[0].strip() in heads
            while inside and kept and kept[-1].startswith("#") and "".join(kept) != _HEAD:
                kept.pop()
        if not inside:
            kept.append(line)
    return "".join(kept)


def _text() -> str:
    path = settings_file()
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return ""
    except (OSError, UnicodeDecodeError) as error:
        raise IcerecoError(f"{path}: cannot be read: {error}") from error


def _parsed(text: str) -> dict[str, Any]:
    try:
        return parse_toml(text)
    except ValueError as error:
        raise IcerecoError(f"{settings_file()}: not valid TOML: {error}; fix it by hand") from None


def _settings_or_none(text: str) -> dict[str, Any] | None:
    try:
        return parse_toml(text)
    except ValueError:
        return None


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    """Let commands that run at the same time change the file one after the other."""
    with ExitStack() as stack:
        with explaining(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            busy = f"another process is changing {path}; waiting for it"
            stack.enter_context(locked(path.parent / ".settings.lock", busy))
        yield

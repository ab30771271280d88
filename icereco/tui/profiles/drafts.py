"""The profiles that one can choose from: those that ship, files of one's own, and what is written but not saved."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from icereco.errors import IcerecoError
from icereco.profiles import profile_names, read_profile
from icereco.system.files import write_text
from icereco.system.resources import data_dir

__all__ = ["Drafts", "Listed", "copy_problem", "listed_profiles"]


@dataclass(frozen=True, slots=True)
class Listed:
    """One profile: its name as `--profile` takes it, its file, one line about it, and whether it ships."""

    name: str
    path: Path
    summary: str
    shipped: bool

    @property
    def label(self) -> str:
        """As short as it can be told from others."""
        return self.path.stem


class Drafts:
    """Texts of files that differ from what is saved; they are kept while one looks at others."""

    def __init__(self) -> None:
        self._texts: dict[Path, str] = {}

    def __iter__(self) -> Iterator[Path]:
        return iter(self._texts)

    def __contains__(self, path: Path) -> bool:
        return path in self._texts

    def text(self, path: Path) -> str:
        """The draft of a file, or what is in it."""
        return self._texts[path] if path in self._texts else _read(path)

    def keep(self, path: Path, text: str) -> None:
        """Keep a text unless it is that of the file."""
        if text == _read(path):
            self._texts.pop(path, None)
        else:
            self._texts[path] = text

    def save(self, path: Path) -> None:
        """Write the draft of a file.

        Raises:
            IcerecoError: it cannot be written.
        """
        write_text(path, self.text(path))
        self._texts.pop(path, None)


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        return f"# {path}: {error}"


def listed_profiles(folder: Path) -> list[Listed]:
    """Those that ship, by name; then the TOML files of a folder that look like profiles."""
    shipped = [_listed(name, data_dir("profiles") / f"{name}.toml", shipped=True) for name in profile_names()]
    own = [_listed(f"./{path.name}", path, shipped=False) for path in sorted(folder.glob("*.toml"))]
    return [one for one in [*shipped, *own] if one is not None]


def _listed(name: str, path: Path, *, shipped: bool) -> Listed | None:
    if path.name == "pyproject.toml":
        return None
    try:
        settings = read_profile(path)
    except IcerecoError as error:
        return Listed(name, path, str(error).splitlines()[0], shipped)
    if not {"extends", "schema"} & settings.top.keys() and "aggregator" not in settings.tables:
        return None
    summary = settings.top.get("summary")
    return Listed(name, path, str(summary.value) if summary else "", shipped)


def copy_problem(folder: Path, name: str) -> str | None:
    """What is wrong with a file name for a copy."""
    stem = name.removesuffix(".toml")
    if not stem.replace("-", "").replace("_", "").isalnum():
        return "letters, digits, '-' and '_'"
    if stem in profile_names():
        return f"{stem} is the name of one that ships"
    return "there is such a file already" if (folder / f"{stem}.toml").exists() else None

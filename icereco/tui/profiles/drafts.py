"""The profiles to choose from: those that ship, the user's own files, and unsaved changes of these."""

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
    """One profile: its name as after `--profile`, its file, one line about it, and whether icereco ships it."""

    name: str
    path: Path
    summary: str
    shipped: bool

    @property
    def label(self) -> str:
        """The name that the list shows."""
        return self.path.stem


class Drafts:
    """Unsaved texts of files, kept while the user looks at other files."""

    def __init__(self) -> None:
        self._texts: dict[Path, str] = {}

    def __iter__(self) -> Iterator[Path]:
        return iter(self._texts)

    def __contains__(self, path: Path) -> bool:
        return path in self._texts

    def text(self, path: Path) -> str:
        """The draft of a file, or its content if there is none."""
        return self._texts[path] if path in self._texts else _read(path)

    def keep(self, path: Path, text: str) -> None:
        """Keep a text as the draft of a file; drop the draft if the text is the file's content."""
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
    """The profiles that ship, by name; then the TOML files of a folder that look like profiles."""
    shipped = [_listed(name, data_dir("profiles") / f"{name}.toml", shipped=True) for name in profile_names()]
    own = [_listed(f"./{path.name}", path, shipped=False) for path in sorted(folder.glob("*.toml"))]
    return [listed for listed in [*shipped, *own] if listed is not None]


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
    """What is wrong with a file name for a copy; None if nothing is."""
    stem = name.removesuffix(".toml")
    if not stem.replace("-", "").replace("_", "").isalnum():
        return "a name has letters, digits, '-' and '_'"
    if stem in profile_names():
        return f"{stem} is the name of a profile that ships"
    return f"{stem}.toml exists already" if (folder / f"{stem}.toml").exists() else None

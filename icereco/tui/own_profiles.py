"""The profiles that one can choose from: those that ship, and files of one's own in the working directory."""

from dataclasses import dataclass
from pathlib import Path

from icereco.errors import IcerecoError
from icereco.profiles import profile_names, read_profile
from icereco.resources import data_dir

__all__ = ["Listed", "copy_problem", "listed_profiles"]


@dataclass(frozen=True, slots=True)
class Listed:
    """One profile: its name as `--profile` takes it, its file, one line about it, and whether it ships."""

    name: str
    path: Path
    summary: str
    shipped: bool


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

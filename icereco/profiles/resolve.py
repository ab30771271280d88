"""Resolution of a name or a path to merged settings: finds files and follows `extends`."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path

from icereco.errors import IcerecoError, did_you_mean
from icereco.profiles.layers import Setting, Settings, merge, read_overrides, read_settings
from icereco.profiles.problems import Origin, Problem, ProfileError
from icereco.system.resources import data_dir

__all__ = [
    "Resolved",
    "profile_comment",
    "profile_names",
    "read_profile",
    "resolve_draft",
    "resolve_file",
    "resolve_text",
]

_OWN_KEYS = ("name", "summary", "extends")
"""Keys that describe one file, and are not inherited."""


@dataclass(frozen=True, slots=True)
class Resolved:
    """Merged settings.

    Attributes:
        name: of the profile.
        origin: the first line of its own file.
        settings: every layer merged.
        requires: of every layer.
        problems: found while resolving.
        complete: whether every parent was found, so that a missing setting is not merely in a missing parent.
    """

    name: str
    origin: Origin
    settings: Settings
    requires: list[Setting]
    problems: list[Problem]
    complete: bool = True


def profile_names() -> list[str]:
    """List the profiles that ship with icereco."""
    return sorted(path.stem for path in data_dir("profiles").glob("*.toml"))


def resolve_file(name_or_path: str | Path, overrides: Sequence[str] = ()) -> Resolved:
    """Resolve a shipped profile by name, or a file, with its parents and overrides.

    Raises:
        IcerecoError: no such profile, or it is not TOML.
    """
    path = _find(name_or_path)
    return _resolve(path.stem, [(path, read_profile(path))], overrides)


def resolve_text(text: str, name: str, overrides: Sequence[str] = ()) -> Resolved:
    """Resolve the text of a profile, such as the one stored in a checkpoint.

    Raises:
        ProfileError: it is not TOML.
    """
    source = Path(f"{name}.toml")
    return _resolve(name, [(source, read_settings(text, source.name))], overrides)


def resolve_draft(text: str, path: Path) -> Resolved:
    """Resolve unsaved text as if it were the content of the file at `path`.

    Raises:
        ProfileError: it is not TOML.
    """
    return _resolve(path.stem, [(path, read_settings(text, _label(path)))], ())


def _resolve(name: str, chain: list[tuple[Path, Settings]], overrides: Sequence[str]) -> Resolved:
    override_layer, problems = read_overrides(overrides)
    complete = True
    try:
        _follow(chain)
    except ProfileError as error:
        problems += error.problems
        complete = False
    settings = Settings()
    requires: list[Setting] = []
    for _, layer in reversed(chain):
        inherited = {key: value for key, value in settings.top.items() if key not in _OWN_KEYS}
        settings = merge(Settings(inherited, settings.tables), layer)
        requires += [layer.top["requires"]] if "requires" in layer.top else []
    settings = merge(settings, override_layer)
    own_name = settings.top.get("name")
    name = own_name.value if own_name and isinstance(own_name.value, str) else name
    return Resolved(name, Origin(_label(chain[0][0]), 1), settings, requires, problems, complete)


def _follow(chain: list[tuple[Path, Settings]]) -> None:
    """Append the parents to the chain, the nearest first."""
    while (extends := chain[-1][1].top.get("extends")) is not None:
        if not isinstance(extends.value, str):
            return  # reported with the other keys at the top
        parent = _parent(chain[-1][0], extends)
        visited = [path.resolve() for path, _ in chain]
        if parent.resolve() in visited:
            names = [path.stem for path, _ in chain[visited.index(parent.resolve()) :]] + [parent.stem]
            raise ProfileError([Problem(extends.origin, f"{' extends '.join(names)}: a circle")])
        chain.append((parent, read_profile(parent)))


def _parent(child: Path, extends: Setting) -> Path:
    """Find the parent next to the child, else the shipped one; a copy of a shipped profile may extend its original."""
    name = extends.value.removesuffix(".toml")
    candidates = [child.parent / f"{name}.toml", data_dir("profiles") / f"{name}.toml"]
    existing = [path for path in candidates if path.is_file()]
    besides_child = [path for path in existing if path.resolve() != child.resolve()]
    if not existing:
        beside = [path.stem for path in child.parent.glob("*.toml")]
        known = sorted({*profile_names(), *beside} - {child.stem})
        message = f"no profile is called {name!r}{did_you_mean(name, known)}\n  found: {', '.join(known)}"
        raise ProfileError([Problem(extends.origin, message)])
    return (besides_child or existing)[0]


def _find(name_or_path: str | Path) -> Path:
    text = str(name_or_path)
    if isinstance(name_or_path, Path) or text.endswith(".toml") or "/" in text or "\\" in text:
        return Path(name_or_path)
    names = profile_names()
    if text not in names:
        raise IcerecoError(
            f"no profile is called {text!r}{did_you_mean(text, names)}\n  shipped: {', '.join(names)}"
            f"\n  a file of your own is named by its path, such as ./{text}.toml"
        )
    return data_dir("profiles") / f"{text}.toml"


def profile_comment(name_or_path: str | Path) -> str:
    """Return the comment at the top of a profile's file without "#": a description of the profile.

    Raises:
        IcerecoError: no such profile, or it cannot be read.
    """
    path = _find(name_or_path)
    read_profile(path)  # raises with the problem if the file is not valid
    lines = path.read_text(encoding="utf-8").splitlines()
    comment = takewhile(lambda line: line.startswith("#"), lines)
    return "\n".join(line.removeprefix("#").strip() for line in comment)


def read_profile(path: Path) -> Settings:
    """Read the settings of a single file, without its parents.

    Raises:
        IcerecoError: it cannot be read, or is not TOML.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise IcerecoError(f"{path}: no such profile; 'icereco profiles' lists those that ship") from error
    except UnicodeDecodeError as error:
        raise IcerecoError(f"{path}: not a profile: it is not UTF-8 text") from error
    except OSError as error:
        raise IcerecoError(f"{path}: cannot be read: {error.strerror}") from error
    return read_settings(text, _label(path))


def _label(path: Path) -> str:
    shipped = path.parent == data_dir("profiles")
    return path.name if shipped else str(path)

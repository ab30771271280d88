"""Profiles: TOML files that assemble components into a model and say how to train it."""

from collections.abc import Sequence
from pathlib import Path

from icereco.plugins.discovery import Registry, registry
from icereco.profiles.check import check
from icereco.profiles.problems import Origin, Problem, ProfileError
from icereco.profiles.profile import Choice, Profile
from icereco.profiles.resolve import profile_comment, profile_names, read_profile, resolve_file, resolve_text

__all__ = [
    "Choice",
    "Origin",
    "Problem",
    "Profile",
    "ProfileError",
    "load_profile",
    "parse_profile",
    "profile_comment",
    "profile_names",
    "read_profile",
]


def load_profile(
    name_or_path: str | Path, overrides: Sequence[str] = (), components: Registry | None = None
) -> Profile:
    """Load a shipped profile by name, or a file by path, and check it against the installed components.

    Args:
        name_or_path: such as "hierarchical" or "./mine.toml".
        overrides: such as "encoder.layers=12"; the value is TOML, else plain text.
        components: to check against instead of the installed plugins.

    Raises:
        ProfileError: everything that is wrong with it, at once.
        IcerecoError: no such profile.
    """
    return check(resolve_file(name_or_path, overrides), components or registry())


def parse_profile(
    text: str,
    name: str,
    overrides: Sequence[str] = (),
    components: Registry | None = None,
    detector: str | None = None,
) -> Profile:
    """Parse a profile from its text, as stored in a run or a checkpoint.

    Args:
        text: TOML.
        name: of the profile.
        overrides: as for `load_profile`.
        components: as for `load_profile`.
        detector: name of a detector that is already loaded, such as that of a checkpoint, and so needs no card.

    Raises:
        ProfileError: everything that is wrong with it, at once.
    """
    return check(resolve_text(text, name, overrides), components or registry(), detector)

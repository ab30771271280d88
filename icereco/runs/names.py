"""Names for runs: component-description-version-words, such as hierarchical-simulated-v2-quiet-muon."""

import re
import secrets
from pathlib import Path

__all__ = ["default_name", "two_words"]

_ADJECTIVES = """
amber bold brisk bright calm clear cold deep early fair fast faint grand keen late long mild muted
noble odd pale plain polar proud quiet quick rare sharp silent slow small still strong swift vast warm wide
""".split()  # noqa: SIM905 -- a list of quoted words is a screenful
_NOUNS = """
arrival aurora beam blizzard boson cascade cone crystal depth dust electron flare galaxy glacier hadron hole ice
kaon lepton light meson moon muon nebula neutron night nova photon pion pole proton pulse quark quasar ridge snow
spark spectrum star storm string tau track vertex winter
""".split()  # noqa: SIM905 -- a list of quoted words is a screenful


def two_words() -> str:
    """Draw a random adjective and noun."""
    return f"{secrets.choice(_ADJECTIVES)}-{secrets.choice(_NOUNS)}"


def default_name(root: Path, component: str, description: str, words: str | None = None) -> str:
    """Return an unused name for a run in `root`; its version is one above the highest of the same component and description.

    Args:
        root: the folder of runs.
        component: what is trained, usually the profile's name.
        description: on what, usually the name of the data.
        words: distinguish it from runs that are created at the same time; two random words by default.
    """
    stem = f"{_slug(component)}-{_slug(description)}-v"
    taken = [path.name for path in root.iterdir()] if root.is_dir() else []
    matches = [re.match(rf"{re.escape(stem)}(\d+)(-|$)", name) for name in taken]
    version = 1 + max((int(match[1]) for match in matches if match), default=0)
    return f"{stem}{version}-{words or two_words()}"


def _slug(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-") or "run"

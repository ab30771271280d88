"""Writes the package of a new plugin, which passes its own tests without any change."""

import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from string import Template
from typing import Literal

from icereco import __version__
from icereco.errors import IcerecoError, did_you_mean
from icereco.plugins.component import KINDS, Kind
from icereco.plugins.discovery import CARD_HOOK, HOOKS
from icereco.system.files import explaining

__all__ = ["PLUGIN_KINDS", "PluginKind", "PluginName", "plugin_files", "write_plugin"]

PluginKind = Kind | Literal["detector"]
PLUGIN_KINDS: tuple[PluginKind, ...] = (*KINDS, "detector")
"""A plugin provides a component of a kind, or the card of a detector."""

_TEMPLATES = Path(__file__).parent / "templates"
_NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")

_SUMMARIES: dict[PluginKind, str] = {
    "normalizer": "time from the first pulse of the event, charge and position",
    "aggregator": "mean over the pulses of each DOM, each pulse through a small network",
    "encoder": "mean over the DOMs of each event, each DOM through a small network",
    "loss": "one minus the cosine of the angle to the truth",
    "reader": "text tables with one pulse a line: event,sensor,time_us,charge_pe,noisy",
    "simulator": "straight tracks, seen by the sensors near them",
    "reconstructor": "from the place of the late pulses to the place of the early ones",
    "detector": "two strings of four modules in water",
}
_USAGES: dict[PluginKind, str] = {
    **{
        kind: f"icereco train --profile quick -o {kind}.use=$name"
        for kind in ("normalizer", "aggregator", "encoder", "loss")
    },
    "reader": "icereco reconstruct events.csv --method linefit",
    "simulator": "icereco simulate --simulator $name --events 1000 -o simulated",
    "reconstructor": "icereco reconstruct events.parquet --method $name",
    "detector": "icereco train --profile quick --data events.parquet -o detector.use=$name",
}
_WAIVES: dict[PluginKind, tuple[str, ...]] = {"loss": ("is-a-density",)}


@dataclass(frozen=True, slots=True)
class PluginName:
    """The names derived from a plugin's name.

    >>> PluginName.parse("icereco-mean-charge")
    PluginName(component='mean-charge')
    """

    component: str

    @classmethod
    def parse(cls, text: str) -> "PluginName":
        """Parse a name in kebab-case, with or without the prefix "icereco-".

        Raises:
            IcerecoError: it is not in kebab-case.
        """
        name = text.removeprefix("icereco-")
        if not _NAME.fullmatch(name):
            proposal = re.sub(r"[^a-z0-9]+", "-", re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "-", name).lower()).strip(
                "-"
            )
            hint = f", such as {proposal}" if _NAME.fullmatch(proposal) else ""
            raise IcerecoError(
                f"{text!r} cannot be the name of a plugin: use lower-case words joined by hyphens{hint}"
            )
        return cls(name)

    @property
    def distribution(self) -> str:
        """The name of the distribution, such as "icereco-mean-charge"."""
        return f"icereco-{self.component}"

    @property
    def module(self) -> str:
        """The name of the importable module, such as "icereco_mean_charge"."""
        return self.distribution.replace("-", "_")

    @property
    def class_name(self) -> str:
        """The name of the component's class, such as "MeanCharge"."""
        return "".join(word.capitalize() for word in self.component.split("-"))


def write_plugin(text: str, kind: PluginKind, parent: Path) -> Path:
    """Write the package `icereco-NAME` of a new plugin into a folder of that name, and return the folder.

    Args:
        text: such as "mean-charge".
        kind: of the component.
        parent: where the folder goes.

    Raises:
        IcerecoError: the name is not valid, or the folder exists or cannot be written. Partial files are removed.
    """
    if kind not in PLUGIN_KINDS:
        raise IcerecoError(f"no kind is called {kind!r}{did_you_mean(kind, PLUGIN_KINDS)}")
    name = PluginName.parse(text)
    folder = parent / name.distribution
    if folder.exists():
        raise IcerecoError(f"{folder} already exists; choose another name, or another folder with -o")
    partial = parent / f".{name.distribution}.partial"
    try:
        with explaining(folder):
            for path, content in plugin_files(name, kind).items():
                (partial / path).parent.mkdir(parents=True, exist_ok=True)
                (partial / path).write_text(content, encoding="utf-8")
            partial.rename(folder)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return folder


def plugin_files(name: PluginName, kind: PluginKind) -> dict[str, str]:
    """Return every file of the package: path and content."""
    words = _words(name, kind)
    return {path: Template(template).substitute(words) for path, template in _templates(name, kind)}


def _templates(name: PluginName, kind: PluginKind) -> Iterator[tuple[str, str]]:
    source = f"src/{name.module}"
    places = {
        "pyproject.toml": "pyproject.toml",
        "README.md": "README.md",
        "gitignore": ".gitignore",
        "init.py": f"{source}/__init__.py",
        "test.py": f"tests/test_{kind}.py",
    }
    if kind == "detector":
        card = f"{source}/{name.component}"
        places |= {"detector.toml": f"{card}/detector.toml", "sensors.csv": f"{card}/sensors.csv"}
    else:
        places |= {"options.py": f"{source}/options.py", "part.py": f"{source}/{kind}.py"}
    for template, place in places.items():
        own, common = (_TEMPLATES / folder / f"{template}.txt" for folder in (kind, "common"))
        yield place, (own if own.is_file() else common).read_text(encoding="utf-8")
    yield f"{source}/py.typed", ""


def _words(name: PluginName, kind: PluginKind) -> dict[str, str]:
    """Return the substitutions for a template's `$name` placeholders."""
    major, minor, *_ = __version__.split(".")
    waives = ", ".join(f'"{promise}"' for promise in _WAIVES.get(kind, ()))
    in_profile = kind in ("normalizer", "aggregator", "encoder", "loss")
    return {
        "name": name.component,
        "distribution": name.distribution,
        "module": name.module,
        "entry": name.component,
        "class": name.class_name,
        "kind": kind,
        "hook": CARD_HOOK if kind == "detector" else HOOKS[kind],
        "summary": _SUMMARIES[kind],
        "usage": Template(_USAGES[kind]).substitute(name=name.component),
        "choosing": f"in a profile, or with `-o {kind}.KEY=VALUE`" if in_profile else "its options",
        "waives": f"\n        waives=({waives},)," if waives else "",
        "version": f"{major}.{minor}",
        "next_version": f"{major}.{int(minor) + 1}",
    }

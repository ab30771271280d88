"""What identifies the code that computes: two versions of a plugin may have the same number while it is being written."""

import hashlib
from collections.abc import Iterable
from importlib.util import find_spec
from pathlib import Path

from icereco.plugins.discovery import registry

__all__ = ["code_fingerprint", "code_of_all_components"]


def code_fingerprint(packages: Iterable[str]) -> str:
    """A sha256 hex of the source files of packages, or modules, in their order; those without source are left out."""
    digest = hashlib.sha256()
    for package in packages:
        for path in _files(package):
            digest.update(path.read_bytes())
    return digest.hexdigest()


def code_of_all_components() -> str:
    """The same of icereco and of everything that declares components."""
    declared = {_package(one.component.factory) for one in registry().declarations}
    return code_fingerprint(["icereco", *sorted(declared - {"icereco"})])


def _package(factory: str) -> str:
    return factory.partition(":")[0].partition(".")[0]


def _files(package: str) -> list[Path]:
    spec = find_spec(package)
    if spec is None:
        return []
    folders = spec.submodule_search_locations
    if folders is None:
        return [Path(spec.origin)] if spec.origin and spec.origin.endswith(".py") else []
    return [path for folder in folders for path in sorted(Path(folder).rglob("*.py"))]

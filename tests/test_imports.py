"""Imports point down the floors of docs/architecture.md, go in no circle, and the core imports no plugin."""

import ast
import re
from collections.abc import Iterator
from graphlib import TopologicalSorter
from itertools import chain
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PAGE = (ROOT / "docs" / "architecture.md").read_text().partition("## Floors")[2]


def unit(module: str) -> str:
    return module.split(".")[1]


def imports(path: Path) -> Iterator[str]:
    """Names of what a module imports, inside its functions too."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
            yield node.module


NAMES = {
    ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path
    for path in (ROOT / "icereco").rglob("*.py")
}
FLOORS = [re.findall(r"`(\w+)`", names) for names in re.findall(r"^\| (`[^|]*) \|", PAGE, re.MULTILINE)]
FLOOR = {name: len(FLOORS) - number for number, names in enumerate(FLOORS) for name in names}
UNITS = sorted({unit(module) for module in NAMES if "." in module} - {"__main__"})


def test_every_module_has_a_floor():
    assert sorted(chain.from_iterable(FLOORS)) == UNITS


@pytest.mark.parametrize("name", UNITS)
def test_a_floor_imports_only_from_those_below(name):
    upward = {
        (module, other)
        for module, path in NAMES.items()
        if "." in module and unit(module) == name
        for other in NAMES.keys() & set(imports(path)) - {"icereco"}
        if unit(other) != name and FLOOR[unit(other)] >= FLOOR[name]
    }
    assert upward == set()


def test_modules_import_each_other_in_no_circle():
    """What a package's `__init__` gathers is left out: its parts never import the whole."""
    graph = {
        module: {
            other
            for other in NAMES.keys() & set(imports(path))
            if other != module and NAMES[other].name != "__init__.py"
        }
        for module, path in NAMES.items()
    }
    assert list(TopologicalSorter(graph).static_order())


def test_the_core_imports_no_plugin():
    plugins = {path.name for path in (ROOT / "plugins").iterdir()}
    imported = {
        (module, name)
        for module, path in NAMES.items()
        for name in imports(path)
        if name.split(".")[0] in plugins
    }
    assert imported == set()

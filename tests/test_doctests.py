"""The examples in docstrings give what they say."""

import doctest
from importlib import import_module
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


def name_of(path: Path) -> str:
    folder = ROOT if path.is_relative_to(ROOT / "icereco") else ROOT / "plugins"
    return ".".join(path.relative_to(folder).with_suffix("").parts).removesuffix(".__init__")


# Only these are imported: collecting the examples of every module takes seconds in each worker.
WITH_EXAMPLES = sorted(
    name_of(path)
    for folder in ("icereco", "plugins")
    for path in (ROOT / folder).rglob("*.py")
    if ">>> " in path.read_text(encoding="utf-8")
)


@pytest.mark.parametrize("name", WITH_EXAMPLES)
def test_examples_give_what_they_say(name):
    outcome = doctest.testmod(import_module(name))
    assert outcome.attempted > 0
    assert outcome.failed == 0

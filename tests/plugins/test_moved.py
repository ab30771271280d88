"""The error of a plugin written for 0.1.0 says what to write instead."""

import re
from importlib.util import find_spec
from pathlib import Path

import pytest

import icereco
from icereco.plugins.discovery import registry
from icereco.plugins.moved import MERGED_PLUGINS, MOVED, advice

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "write-a-plugin.md").read_text()
TABLE = PAGE.partition("<!-- table: moved -->")[2]

# Every line with which the scaffold of 0.1.0 imported icereco, and some of what our own plugins imported.
OLD_IMPORTS = """
from icereco.components import Component
from icereco.hookspecs import hookimpl
from icereco.options import NoOptions
from icereco.data.table import SCHEMA
from icereco.detector import Detector
from icereco.detector import load_detector
from icereco.events import Event, EventBatch
from icereco.reconstruction import Reconstruction
from icereco.roles import Loss
from icereco.roles import Features, TensorBatch
from icereco.data.columns import FILE_KEY
from icereco.data.foreign import own_batch
from icereco.directions import direction_from_angles
from icereco.log import get_logger
from icereco.plugins import discover
from icereco import components
from icereco_attention.kernels import attend
from icereco_simulation.light import LightModel
import icereco.roles
""".strip().splitlines()


def error_of(statement):
    try:
        exec(statement, {})
    except (ImportError, AttributeError) as error:
        return error
    return None


@pytest.mark.parametrize("statement", OLD_IMPORTS)
def test_an_import_of_0_1_0_is_answered_with_the_new_place(statement):
    message = advice(error_of(statement))
    assert re.fullmatch(
        r"icereco[\w.]* is icereco\S+.* since 0\.2.* \(docs/write-a-plugin\.md, migration\)", message
    )


def test_a_public_name_is_to_be_imported_from_the_package_itself():
    for statement in OLD_IMPORTS:
        wanted = set(statement.partition(" import ")[2].split(", ")) & set(icereco.__all__)
        offered = re.search(r"`from icereco import ([^`]+)`", advice(error_of(statement)))
        assert not wanted or wanted <= set(offered[1].split(", "))


def test_a_module_used_by_its_attribute_is_answered_too():
    statement = "import icereco.detector.detector, icereco\nicereco.detector.load_detector('icecube86')"
    assert "`from icereco import Detector, load_detector`" in advice(error_of(statement))


def test_other_errors_are_left_as_they_are():
    assert advice(error_of("import not_installed_anywhere")) is None
    assert advice(ValueError("icereco.components")) is None


def test_a_misspelt_module_or_name_is_answered_with_the_nearest():
    assert "did you mean 'icereco.components'" in advice(error_of("import icereco.componets"))
    assert "did you mean 'Component'" in advice(error_of("from icereco import Componet"))


@pytest.mark.parametrize(("old", "moved"), MOVED.items())
def test_the_new_places_exist_and_what_is_said_of_them_is_true(old, moved):
    assert set(moved.names) <= set(icereco.__all__)
    for place in re.findall(r"icereco[\w.]+", moved.place):
        assert find_spec(place) is not None
    line = next(line for line in TABLE.splitlines() if line.startswith(f"| `{old}` |"))
    _, _, names, places, _ = line.split("|")
    assert tuple(re.findall(r"`(\w+)`", names)) == moved.names
    assert places.replace("`", "").strip() == moved.place


def test_the_table_of_the_page_says_nothing_else():
    assert re.findall(r"^\| `([\w.]+)` \|", TABLE, re.MULTILINE) == list(MOVED)


def test_merged_plugins_are_where_it_is_said():
    entries = {plugin.entry for plugin in registry().plugins}
    assert not entries & MERGED_PLUGINS.keys()
    assert {entry for targets in MERGED_PLUGINS.values() for entry in targets} <= entries

"""Lines of metrics: complete or ignored, any number, any key; and the page that lists the keys."""

import math
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from icereco.runs.metrics import SCHEMA, append_line, numbers_of, read_lines, rewind, split_key

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "runs.md").read_text()


@pytest.fixture
def path(tmp_path) -> Path:
    return tmp_path / "metrics.jsonl"


def test_the_page_lists_exactly_the_keys_that_are_written():
    rows = [f"| `{metric.key}` | {metric.unit} | {metric.meaning} |" for metric in SCHEMA]
    _, _, table = PAGE.partition("| key | unit | meaning |")
    assert re.findall(r"^\| `.*$", table, re.MULTILINE) == rows


def test_a_line_is_ignored_until_its_newline_is_there(path):
    append_line(path, {"step": 1})
    with path.open("ab") as file:
        file.write(b'{"step": 2}')
    assert [row["step"] for row in read_lines(path)] == [1]
    with path.open("ab") as file:
        file.write(b"\n")
    assert [row["step"] for row in read_lines(path)] == [1, 2]


KEYS = st.text(min_size=1)
NUMBERS = st.floats(allow_nan=False, allow_infinity=False) | st.integers(-(2**53), 2**53)


@given(rows=st.lists(st.dictionaries(KEYS, NUMBERS | st.text() | st.booleans()), max_size=5))
def test_what_is_written_is_read_back_including_unlisted_keys(tmp_path_factory, rows):
    path = tmp_path_factory.mktemp("lines") / "metrics.jsonl"
    for row in rows:
        append_line(path, row)
    assert read_lines(path) == rows


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_number_that_is_not_finite_is_read_as_nan(path, value):
    append_line(path, {"train/loss": value})
    (row,) = read_lines(path)
    assert math.isnan(row["train/loss"])


def test_rewinding_keeps_what_it_keeps_as_it_is(path):
    for row in ({"step": 1, "other": [1, "two"], "lost": math.nan}, {"step": 3}, {"step": 2}):
        append_line(path, row)
    before = path.read_bytes().splitlines()
    rewind(path, 2)
    assert path.read_bytes().splitlines() == [before[0], before[2]]


def test_only_numbers_can_be_drawn():
    row = {"a": 1, "b": 2.5, "flag": True, "text": "x", "list": [1], "huge": 10**400}
    assert numbers_of(row) == {"a": 1.0, "b": 2.5}


@pytest.mark.parametrize(
    ("key", "parts"),
    [
        ("step", ("step", "", "")),
        ("train/loss", ("train", "loss", "")),
        ("validation/median_deg/>=1000", ("validation", "median_deg", ">=1000")),
        ("validation/mean_deg/a/b", ("validation", "mean_deg", "a/b")),
    ],
)
def test_a_key_is_split_into_part_figure_and_name(key, parts):
    assert split_key(key) == parts

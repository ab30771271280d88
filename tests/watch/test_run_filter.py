"""Runs by words of their names, by their settings, and by their tags."""

import pytest

from icereco.runs.folder import RunFolder
from icereco.watch.run_filter import filter_problem, settings_that_differ, wanted_runs
from icereco.watch.runs import RunView

SETTINGS = {
    "sweep-a": {"train.learning_rate": 0.002, "encoder.layers": 2, "aggregator.use": "deepsets"},
    "sweep-b": {"train.learning_rate": 2e-4, "encoder.layers": 4, "aggregator.use": "flex-attention"},
    "other": {"train.learning_rate": 0.002, "train.rate": 1.0},
}
TAGS = {"sweep-a": ("good", "Long"), "sweep-b": ("goodish",)}


@pytest.fixture
def runs(tmp_path):
    return [
        RunView(RunFolder(tmp_path / name), "finished", None, 0.0, settings=settings, tags=TAGS.get(name, ()))
        for name, settings in SETTINGS.items()
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", ["sweep-a", "sweep-b", "other"]),
        ("SWEEP", ["sweep-a", "sweep-b"]),
        ("learning_rate=0.002", ["sweep-a", "other"]),
        ("train.learning_rate=2e-3 sweep", ["sweep-a"]),
        ("layers>2", ["sweep-b"]),
        ("layers<=2 finished", ["sweep-a"]),
        ("use!=deepsets", ["sweep-b"]),
        ("aggregator.use=FLEX-attention", ["sweep-b"]),
        ("rate=1", ["other"]),
        ("failed", []),
        ("#good", ["sweep-a"]),
        ("#LONG layers=2", ["sweep-a"]),
        ("#goodish #good", []),
    ],
)
def test_runs_are_found_by_name_state_and_settings(runs, text, expected):
    assert [run.name for run in wanted_runs(runs, text)] == expected
    assert filter_problem(runs, text) is None


def test_a_setting_that_no_run_has_is_reported_with_the_nearest(runs):
    assert (
        filter_problem(runs, "lerning_rate=1")
        == "no run has a setting lerning_rate; did you mean 'learning_rate'?"
    )


def test_a_tag_that_no_run_has_is_reported_with_the_nearest(runs):
    assert filter_problem(runs, "sweep #godish") == "no run has the tag #godish; did you mean '#goodish'?"
    assert filter_problem(runs[2:], "#good") == "no run has the tag #good: i and then e note one"


def test_settings_that_divide_the_runs_into_fewest_come_first(runs):
    assert settings_that_differ(run.settings for run in runs[:2]) == [
        "train.learning_rate", "encoder.layers", "aggregator.use",
    ]  # fmt: skip
    assert settings_that_differ(
        [{"a": 1, "b": 1, "c": 0}, {"a": 2, "b": 1, "c": 0}, {"a": 3, "b": 2, "c": 0}]
    ) == ["b", "a"]

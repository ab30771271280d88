"""What is found wrong in the curves of all runs of a folder, and which of them alert."""

import json
import math
from pathlib import Path

import pytest

from icereco.runs.folder import RunFolder
from icereco.watch import overview
from icereco.watch.alerts import trend_alerts
from icereco.watch.overview import OverviewFeed
from icereco.watch.runs import RunsFeed
from icereco.watch.trends import Validation, findings_of


def kinds(train=(), losses=(), train_losses=None, newest=None) -> list[str]:
    train_losses = train_losses or [None] * len(losses)
    validations = [Validation(10 * n, *one) for n, one in enumerate(zip(losses, train_losses, strict=True))]
    return [finding.kind for finding in findings_of(newest or {}, train, validations)]


NOISE = [2.0 + 0.1 * math.sin(7 * n) for n in range(60)]


def test_a_spike_is_found_and_noise_and_a_fall_are_not():
    assert kinds(NOISE) == []
    assert kinds([*NOISE[:-3], 9.0, *NOISE[-2:]]) == ["spike"]
    assert kinds([3.0 / (n + 1) for n in range(60)]) == []
    assert kinds([*NOISE[:12], 9.0]) == []  # too few before it to tell
    assert kinds([9.0 if n == 40 else value for n, value in enumerate(NOISE)]) == []  # long ago


def test_batches_that_were_left_out_are_reported_with_their_number():
    assert kinds(newest={"train/skipped_batches": 0.0}) == []
    assert kinds(newest={"train/skipped_batches": 2.0}) == ["skipped"]
    (finding,) = findings_of({"train/skipped_batches": 2.0}, [], [])
    assert finding.text.startswith("2 batches were left out")


def test_a_plateau_is_no_better_validation_for_long():
    fall = [3.0 - 0.1 * n for n in range(10)]
    assert kinds(losses=fall) == []
    flat = [2.11 + 0.01 * (n % 2) for n in range(14)]
    assert kinds(losses=[*fall, *flat]) == ["plateau"]
    assert kinds(losses=[*fall, *flat[:8]]) == []
    long = [9.0 - 0.1 * n for n in range(60)]
    assert kinds(losses=[*long, *(3.2 for _ in range(14))]) == []  # short beside all the others


@pytest.mark.parametrize(("falls", "found"), [(True, ["overfitting"]), (False, [])])
def test_overfitting_is_validation_that_rises_while_training_falls(falls, found):
    losses = [3.0 - 0.1 * n for n in range(10)] + [2.1 + 0.05 * n for n in range(8)]
    train = [3.0 - 0.1 * n for n in range(18)] if falls else [3.0 - 0.1 * n for n in range(10)] + [2.2] * 8
    assert kinds(losses=losses, train_losses=train) == found


def test_validations_that_scatter_are_not_called_overfitting():
    losses = [3.0 - 0.1 * n for n in range(10)] + [2.3, 2.2, 2.4, 2.2, 2.35, 2.2, 2.3, 2.25]
    assert kinds(losses=losses, train_losses=[3.0 - 0.1 * n for n in range(18)]) == []


def row(step: int, **metrics: float | None) -> str:
    return (
        json.dumps({"step": step} | {name.replace("__", "/"): value for name, value in metrics.items()})
        + "\n"
    )


def test_every_run_of_a_folder_is_read_and_what_follows_is_read_later(tmp_path):
    first, second = (RunFolder.create(tmp_path, name) for name in ("first", "second"))
    first.metrics.write_text(
        row(1, train__loss=3.0) + row(2, validation__loss=2.5, validation__median_deg=40.0)
    )
    second.metrics.write_text(row(1, train__loss=None))
    feed = OverviewFeed(tmp_path)
    seen = feed.look()
    assert seen.whole
    assert seen.of[first.path].best == Validation(2, 2.5, 3.0, 40.0, None)
    assert [finding.kind for finding in seen.of[second.path].findings] == ["not a number"]
    assert feed.look() is None
    with first.metrics.open("a") as file:
        file.write(row(3, validation__loss=2.2, validation__inside_90=0.8) + row(4, validation__loss=2.4))
    seen = feed.look()
    assert (seen.of[first.path].best.step, seen.of[first.path].validations) == (3, 3)
    second.metrics.write_text(row(1, train__loss=1.0))
    assert feed.look().of[second.path].findings == ()


def test_of_a_long_file_every_validation_is_read(tmp_path, monkeypatch):
    monkeypatch.setattr("icereco.watch.tail.CHUNK_BYTES", 50_000)
    run = RunFolder.create(tmp_path, "long")
    lines = [
        row(n, validation__loss=9.0 - n / 1e4) if n % 500 == 499 else row(n, train__loss=2.0)
        for n in range(20_000)
    ]
    run.metrics.write_text("".join(lines))
    feed = OverviewFeed(tmp_path)
    seen = feed.look()
    while not seen.whole:
        seen = feed.look()
    assert (seen.of[run.path].validations, seen.of[run.path].best.step) == (40, 19_999)
    assert seen.of[run.path].best.train_loss == 2.0


def test_a_look_that_takes_long_is_continued_by_the_next(tmp_path, monkeypatch):
    monkeypatch.setattr(overview, "LOOK_SECONDS", -1.0)
    for name in ("a", "b"):
        RunFolder.create(tmp_path, name).metrics.write_text(row(1, validation__loss=1.0))
    feed = OverviewFeed(tmp_path)
    assert not feed.look().whole
    monkeypatch.setattr(overview, "LOOK_SECONDS", 10.0)
    seen = feed.look()
    assert seen.whole
    assert [one.validations for one in seen.of.values()] == [1, 1]


@pytest.mark.parametrize(("phase", "expected"), [("training", ["plateau"]), ("finished", [])])
def test_only_a_run_that_runs_alerts_of_its_curves(tmp_path, phase, expected):
    run = RunFolder.create(tmp_path, "one")
    run.write_status(phase)
    run.metrics.write_text("".join(row(n, validation__loss=2.0) for n in range(20)))
    overviews = OverviewFeed(tmp_path).look()
    assert [finding.kind for finding in overviews.of[run.path].findings] == ["plateau"]
    alerts = trend_alerts(RunsFeed(tmp_path).look(), overviews.of)
    assert [alert.kind for alert in alerts] == expected


def test_a_folder_that_does_not_exist_has_no_runs():
    assert OverviewFeed(Path("not/there")).look().of == {}

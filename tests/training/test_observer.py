"""Several observers as one: each is reported everything, in order, and whatever fails closes what was opened."""

from contextlib import contextmanager

import numpy as np
import pytest

from icereco.detector.detector import load_detector
from icereco.events.reconstruction import Reconstruction
from icereco.tables.assembly import event_batch
from icereco.testing.random_events import random_events
from icereco.training.observer import Observers, TrainingObserver
from icereco.training.resume_state import Position

REPORTS = {
    "on_step": (Position(step=3), 0.5),
    "on_validation_batch": (
        event_batch(random_events(np.array([5])), load_detector("icecube86")),
        Reconstruction(np.array([[0.0, 0.0, 1.0]])),
    ),
    "on_metrics": ({"step": 3},),
    "on_checkpoint": ("best",),
    "between_steps": (),
}


def witness(name: str, seen: list) -> TrainingObserver:
    """An observer that notes whatever it is reported."""
    observer = TrainingObserver()
    for report in REPORTS:
        setattr(observer, report, lambda *arguments, report=report: seen.append((name, report, arguments)))

    @contextmanager
    def during_validation():
        seen.append((name, "begins"))
        try:
            yield
        finally:
            seen.append((name, "ends"))

    observer.during_validation = during_validation
    return observer


@pytest.mark.parametrize("report", REPORTS)
def test_each_observer_is_reported_everything_in_order(report):
    seen, arguments = [], REPORTS[report]
    getattr(Observers(witness("first", seen), TrainingObserver(), witness("last", seen)), report)(*arguments)
    assert seen == [("first", report, arguments), ("last", report, arguments)]


def test_a_validation_that_fails_is_ended_for_every_observer():
    seen = []
    observers = Observers(witness("first", seen), witness("last", seen))
    with pytest.raises(RuntimeError, match="no memory"), observers.during_validation():
        raise RuntimeError("no memory")
    assert seen == [("first", "begins"), ("last", "begins"), ("last", "ends"), ("first", "ends")]


def test_every_report_of_an_observer_is_passed_on():
    reports = {name for name in vars(TrainingObserver) if not name.startswith("_")}
    assert reports == {*REPORTS, "during_validation"}
    assert reports <= vars(Observers).keys()

"""Questions to processes about the likelihood of an event."""

import threading
import time

import numpy as np
import pytest

from icereco.testing.random_events import random_events
from icereco.watch.likelihood import LightAnswer, LightWorker, ScanAnswer, ScanWorker

SOURCE = {"kind": "track", "travel": [0.0, 0.0, 1.0], "place_m": None, "length_m": None}


class Answers:
    """Collects answers, and waits for one that ends the waiting."""

    def __init__(self) -> None:
        self.all: list = []
        self._new = threading.Condition()

    def __call__(self, answer: LightAnswer | ScanAnswer) -> None:
        with self._new:
            self.all.append(answer)
            self._new.notify_all()

    def wait(self, until) -> LightAnswer | ScanAnswer:
        with self._new:
            assert self._new.wait_for(lambda: any(map(until, self.all)), timeout=120)
            return next(filter(until, self.all))


@pytest.fixture
def answers() -> Answers:
    return Answers()


@pytest.fixture(scope="module")
def event():
    return random_events(np.array([40]), seed=2).to_batches()[0]


def test_light_is_expected_in_every_module_and_what_fails_is_said(answers, event, detector):
    worker = LightWorker(answers)
    worker.ask("first", "icecube86", SOURCE, event)
    answer = answers.wait(lambda answer: answer.key == "first")
    assert answer.problem is None
    assert answer.photo_electrons.shape == detector.string.shape
    assert answer.photo_electrons.max() > 0
    assert answer.fitted == ("place", "time", "brightness", "end")
    worker.ask("empty", "icecube86", SOURCE, random_events(np.array([0]), seed=2).to_batches()[0])
    assert "no pulses" in answers.wait(lambda answer: answer.key == "empty").problem
    worker.ask("elsewhere", "icecube85", SOURCE, event)
    assert "icecube85" in answers.wait(lambda answer: answer.key == "elsewhere").problem
    worker.close()


def test_a_scan_reports_how_far_it_is_and_can_be_stopped(answers, event):
    worker = ScanWorker(answers)
    worker.start(7, "icecube86", event)
    answers.wait(lambda answer: answer.doing == "ordinary fit")
    assert worker.event_id == 7
    worker.cancel()
    assert worker.event_id is None
    known = len(answers.all)
    time.sleep(0.3)
    assert len(answers.all) == known
    assert all(answer.sky is None and answer.problem is None for answer in answers.all)


def test_a_scan_that_cannot_be_says_why(answers):
    worker = ScanWorker(answers)
    worker.start(1, "icecube86", random_events(np.array([0]), seed=2).to_batches()[0])
    assert "no pulses" in answers.wait(lambda answer: answer.problem is not None).problem
    assert worker.event_id is None

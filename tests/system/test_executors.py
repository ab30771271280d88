"""Processes of this machine do units of work."""

import os
import signal
import threading
import time
from itertools import count

import pytest
from units_of_work import JOB

from icereco.errors import IcerecoError
from icereco.system.work.executor import KilledError, Queue, in_order
from icereco.system.work.failures import together
from icereco.system.work.processes import LocalProcesses


def outcomes(executor, units, progress=lambda *_: None, stop=None, ahead=None):
    return executor.outcomes(JOB, units, progress, stop or threading.Event(), ahead)


@pytest.mark.parametrize("processes", [1, 2])
def test_a_unit_that_is_refused_stops_no_other(processes):
    units = [("quick", 0), ("refused", 1), ("quick", 2), ("quick", 3)]
    found = list(in_order(outcomes(LocalProcesses(processes), units)))
    assert [outcome.number for outcome in found] == [0, 1, 2, 3]
    assert [outcome.result[:2] for outcome in found if outcome.error is None] == [units[0], *units[2:]]
    with pytest.raises(IcerecoError, match="1 is refused"):
        found[1].value()


def test_a_unit_that_kills_every_process_is_named_and_the_rest_goes_on():
    units = [("quick", 0), ("deadly", 1), *(("quick", number) for number in range(2, 8))]
    found = list(in_order(outcomes(LocalProcesses(2), units)))
    assert [outcome.number for outcome in found if outcome.error is None] == [0, *range(2, 8)]
    with pytest.raises(KilledError, match=r"unit 1: a worker of this test was killed 3 times.*\(try again\)"):
        found[1].value()


def test_the_unit_of_a_process_that_is_killed_is_repeated():
    begun = []

    def kill_the_first(number, process):
        if not begun:
            os.kill(process, signal.SIGKILL)
        begun.append((number, process))

    found = outcomes(LocalProcesses(2), [("slow", 0.5)] * 3, kill_the_first)
    results = [outcome.result for outcome in in_order(found)]
    repeated, victim = begun[0]
    assert victim not in {process for _, _, process in results}
    assert [number for number, _ in begun].count(repeated) == 2


def test_a_process_that_is_killed_while_it_sends_its_result_is_replaced():
    stop = threading.Event()
    endless = (("large", 1 << 20) for _ in count())
    found = in_order(outcomes(LocalProcesses(2), endless, stop=stop))
    processes = set()
    while len(processes) < 2:
        processes.add(next(found).result[2])
    time.sleep(0.5)  # by then both have another result, which no pipe has room for
    os.kill(next(iter(processes)), signal.SIGKILL)
    results = [next(found).result]
    while results[-1][2] in processes:  # in order: none is lost
        results.append(next(found).result)
    stop.set()
    list(found)
    assert {len(value) for _, value, _ in results} == {1 << 20}


def test_processes_that_do_not_even_start_are_reported(monkeypatch):
    monkeypatch.setattr("icereco.system.work.processes._work", os.close)  # which takes no pipe
    with pytest.raises(KilledError, match="was killed when it started"):
        list(outcomes(LocalProcesses(2), [("quick", 0), ("quick", 1)]))


@pytest.mark.parametrize("processes", [1, 2])
def test_endless_units_end_when_the_caller_stops(processes):
    stop, done = threading.Event(), []
    for outcome in outcomes(LocalProcesses(processes), (("quick", number) for number in count()), stop=stop):
        done.append(outcome.number)
        if len(done) == 5:
            stop.set()
    assert 5 <= len(done) < 20


def test_progress_within_a_unit_is_told():
    told = []
    list(outcomes(LocalProcesses(2), [("slow", 0.0), ("slow", 0.1)], lambda number, _: told.append(number)))
    assert sorted(told) == [0, 1]


def test_no_unit_is_begun_too_far_ahead_of_the_first_that_is_not_done():
    queue = Queue("abcdef", ahead=2)
    assert [queue.take(), queue.take(), queue.take()] == [(0, "a"), (1, "b"), None]
    queue.done(1)
    assert queue.take() is None
    queue.done(0)
    assert [queue.take(), queue.take(), queue.take()] == [(2, "c"), (3, "d"), None]


def test_units_that_failed_are_named_together_and_are_killed_only_if_all_were():
    bad, killed = IcerecoError("a: damaged"), KilledError("b: killed")
    assert together([bad], "failed") is bad
    assert str(together([bad, killed], "of 9 failed")) == "2 of 9 failed:\n  a: damaged\n  b: killed"
    assert not isinstance(together([bad, killed], "failed"), KilledError)
    assert isinstance(together([killed, killed], "failed"), KilledError)
    assert str(together([bad] * 12, "failed")).endswith("\n  and 2 more")

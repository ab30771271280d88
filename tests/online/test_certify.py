"""Whether a machine keeps up: waiting times in a replayed stream, and the command that says so."""

import json
import math
import os
import signal
from multiprocessing import active_children

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from reconstruct_driver import SIZES, events_of, written

from icereco.errors import IcerecoError
from icereco.online.crew import Answer, Here, processes
from icereco.online.replay import Replay, Stream, ceiling, poisson_arrivals, replay
from icereco.reconstruction.methods import untrained_method
from icereco.system.work.executor import KilledError

PULSES = np.array([10, 20, 30])


class Machine:
    """A clock that moves while the machine waits or is at work: so long for each call."""

    def __init__(self, seconds_per_call: float) -> None:
        self.now, self.seconds_per_call = 100.0, seconds_per_call
        self.calls: list[int] = []

    def clock(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        assert seconds > 0
        self.now += seconds

    def compute(self, rows):
        self.calls.append(len(rows))
        self.now += self.seconds_per_call
        return rows


def stream_of(arrival_s, order=None) -> Stream:
    rows = pa.RecordBatch.from_pydict({"event_id": [0, 1, 2]})
    order = np.zeros(len(arrival_s), np.int64) if order is None else np.array(order)
    return Stream([rows.slice(row, 1) for row in range(3)], PULSES, order, np.array(arrival_s, np.float64))


def replayed(machine: Machine, stream: Stream, pulses_per_call=1_000, patience_s=10.0) -> Replay:
    crew = Here(machine.compute, machine.sleep)
    return replay(stream, crew, pulses_per_call, patience_s, clock=machine.clock)


def test_an_event_that_comes_alone_waits_for_its_own_call():
    machine = Machine(0.25)
    result = replayed(machine, stream_of([0.5, 1.0, 3.0]))
    np.testing.assert_allclose(result.latency_s, 0.25)
    assert (machine.calls, result.longest_queue) == ([1, 1, 1], 1)
    assert result.busy_s == pytest.approx(0.75)
    assert result.elapsed_s == pytest.approx(3.25)


def test_what_waits_goes_together_as_far_as_it_fits():
    """Events of 10 pulses, each a pulse more: three of them fit into 35."""
    machine = Machine(1.0)
    result = replayed(machine, stream_of([0.0, 0.1, 0.2, 0.3, 0.4]), pulses_per_call=35)
    assert machine.calls == [1, 3, 1]
    np.testing.assert_allclose(result.latency_s, [1.0, 1.9, 1.8, 1.7, 2.6])
    assert result.longest_queue == 4


def test_an_event_larger_than_a_call_goes_alone():
    machine = Machine(1.0)
    replayed(machine, stream_of([0.0, 0.0, 0.0], order=[0, 2, 0]), pulses_per_call=25)
    assert machine.calls == [1, 1, 1]


def test_what_is_not_answered_within_the_patience_waits_forever():
    machine = Machine(1.0)
    result = replayed(machine, stream_of(np.linspace(0, 1, 100)), pulses_per_call=11, patience_s=4.0)
    assert result.answered == sum(machine.calls) == 6
    assert math.isinf(result.latency_quantile_s(0.99))
    assert result.elapsed_s <= 1 + 4 + 1
    assert result.longest_queue > 90


def test_failures_are_counted_and_the_rest_is_answered():
    machine = Machine(0.0)

    def compute(rows):
        return [IcerecoError("no") if row.column("event_id")[0].as_py() == 1 else row for row in rows]

    machine.compute = compute
    result = replayed(machine, stream_of([0.0, 0.1, 0.2], order=[0, 1, 2]))
    assert (result.failed, result.answered) == (1, 3)


@given(st.lists(st.floats(0, 100), min_size=1, max_size=30), st.floats(0.001, 5), st.integers(1, 100))
def test_every_event_is_computed_once_in_order_and_not_before_it_comes(arrival_s, seconds, pulses_per_call):
    arrival_s, machine = np.sort(arrival_s), Machine(seconds)
    result = replayed(machine, stream_of(arrival_s), pulses_per_call, patience_s=1e9)
    assert sum(machine.calls) == len(arrival_s)
    assert (result.latency_s >= seconds - 1e-5).all()
    assert (np.diff(arrival_s + result.latency_s) >= -1e-5).all()


class Several:
    """Machines with one clock, each of which takes so long for a call."""

    def __init__(self, count: int, seconds_per_call: float) -> None:
        self.count, self.seconds_per_call, self.now = count, seconds_per_call, 0.0
        self.ends_at: dict[int, float] = {}
        self.calls: list[int] = []

    def clock(self) -> float:
        return self.now

    @property
    def is_free(self) -> bool:
        return len(self.ends_at) < self.count

    def send(self, call, rows):
        assert self.is_free
        self.ends_at[call] = self.now + self.seconds_per_call
        self.calls.append(len(rows))

    def answers(self, most_s):
        self.now = min([*self.ends_at.values(), self.now + most_s])
        done = [call for call, end in self.ends_at.items() if end <= self.now]
        return [Answer(call, 0) for call in done if self.ends_at.pop(call)]


def test_several_processes_take_a_call_each_and_what_comes_meanwhile_waits():
    crew = Several(2, 1.0)
    stream = stream_of([0.0, 0.25, 0.5, 0.75])
    result = replay(stream, crew, 1_000, 10.0, clock=crew.clock)
    assert crew.calls == [1, 1, 2]
    np.testing.assert_allclose(result.latency_s, [1.0, 1.0, 1.5, 1.25])
    assert (result.longest_queue, result.elapsed_s) == (2, 2.0)
    assert result.busy_s == pytest.approx(1.5), "in the mean over both"


@pytest.mark.parametrize("count", [1, 3])
def test_the_ceiling_of_several_processes_is_that_of_all(count):
    crew = Several(count, 0.5)
    highest = ceiling(stream_of(np.zeros(40)), crew, 44, 10.0, crew.clock)
    assert highest == pytest.approx(8.0 * count)


def test_quantiles_are_of_all_events():
    result = Replay(np.array([3.0, 1.0, 2.0, np.inf]), 1, 1.0, 1.0, 0)
    assert [result.latency_quantile_s(share) for share in (0.25, 0.5, 0.75, 1.0)] == [1.0, 2.0, 3.0, np.inf]


def test_the_ceiling_is_that_of_whole_calls():
    machine = Machine(0.5)
    highest = ceiling(stream_of(np.zeros(40)), Here(machine.compute), 44, 10.0, machine.clock)
    assert set(machine.calls) == {4}
    assert highest == pytest.approx(8.0)


def test_arrivals_are_those_of_a_poisson_process():
    random = np.random.default_rng(1)
    arrival_s = poisson_arrivals(200.0, 50.0, random)
    assert abs(len(arrival_s) - 10_000) < 5 * 100
    gaps = np.diff(arrival_s)
    assert (gaps >= 0).all()
    assert gaps.std() == pytest.approx(gaps.mean(), rel=0.1)
    assert len(poisson_arrivals(0.001, 0.1, random)) == 1


def test_a_stream_is_the_same_for_a_seed_and_has_the_brightest_event():
    (rows,) = events_of(SIZES).to_batches()
    first, again, other = (Stream.drawn(rows, 50.0, 2.0, seed) for seed in (1, 1, 2))
    assert first.arrival_s.tolist() == again.arrival_s.tolist() != other.arrival_s.tolist()
    assert first.order.tolist() == again.order.tolist()
    for one in (first, other):
        assert max(SIZES) in one.pulses[one.order]


def test_the_command_says_whether_the_machine_keeps_up(invoke, tmp_path):
    written(tmp_path / "events.parquet", SIZES)
    command = (
        "certify",
        "--data",
        "events.parquet",
        "--method",
        "linefit",
        "--rate",
        20,
        "--seconds",
        2,
        "--json",
    )
    done = invoke(*command, "--latency-ms", 60_000)
    assert done.exit_code == 0, done.output
    found = json.loads(done.stdout)
    assert found["keeps_up"]
    assert found["answered"] == found["arrived"] > 10
    assert found["brightest_pulses"] == max(SIZES)
    assert 0 < found["latency_p50_s"] <= found["latency_p99_s"] <= found["latency_longest_s"]
    done = invoke(*command, "--latency-ms", 1e-6)
    assert done.exit_code == 1
    assert not json.loads(done.stdout)["keeps_up"]


def test_in_words_it_says_what_was_found_and_what_was_wanted(invoke, tmp_path, checkpoint):
    written(tmp_path / "events.parquet", SIZES)
    done = invoke("certify", "--data", "events.parquet", "--model", checkpoint, "--rate", 5, "--seconds", 1)
    said = " ".join(done.stdout.split())
    assert "checkpoint" in said
    assert f"the brightest of {max(SIZES):,} pulses" in said
    assert "99 % of the events within 1,000 ms are wanted" in said


def test_a_reader_needs_data(invoke):
    done = invoke("certify", "--rate", 1, "--reader", "icetray")
    assert done.exit_code == 2
    assert "--reader goes with --data" in done.output


def test_several_processes_answer_every_event(invoke, tmp_path, checkpoint):
    written(tmp_path / "events.parquet", SIZES)
    command = ("certify", "--data", "events.parquet", "--model", checkpoint, "--rate", 20, "--seconds", 2)
    done = invoke(*command, "--workers", 2, "--latency-ms", 60_000, "--json")
    assert done.exit_code == 0, done.output
    found = json.loads(done.stdout)
    assert (found["workers"], found["failed"]) == (2, 0)
    assert found["answered"] == found["arrived"] > 10
    assert 0 < found["busy"] <= 1


def answers_to(crew, rows) -> list[Answer]:
    crew.send(0, rows)
    return crew.answers(30.0)


def test_a_process_that_is_killed_ends_it_with_a_message():
    method = untrained_method("linefit", "icecube86")
    (rows,) = events_of(SIZES).to_batches()
    with processes(method, 2, 1) as crew:
        for worker in active_children():
            os.kill(worker.pid, signal.SIGKILL)
            worker.join()
        with pytest.raises(KilledError, match="was killed"):
            answers_to(crew, [rows])


def test_processes_count_the_events_that_fail_one_by_one():
    method = untrained_method("linefit", "icecube86")
    (rows,) = events_of(SIZES).to_batches()
    bad = rows.set_column(
        1, "sensor_id", pa.array([[10**6] * size for size in SIZES], rows.schema.field("sensor_id").type)
    )
    with processes(method, 2, 1) as crew:
        assert answers_to(crew, [rows, bad.slice(np.argmax(SIZES), 1)]) == [Answer(0, 1)]

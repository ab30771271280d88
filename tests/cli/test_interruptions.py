"""Ctrl-C and SIGTERM, at the moments when they are least welcome: while workers start, and before the first step."""

import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from multiprocessing import active_children
from multiprocessing.connection import Connection
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

from icereco.cli import main
from icereco.data.simulated import Simulation
from icereco.detector.detector import load_detector
from icereco.errors import INTERRUPTED
from icereco.plugins.discovery import registry
from icereco.system.signals import interrupted_by_signals, interrupts_kept_from_children
from icereco.system.worker_processes import working
from icereco.testing.random_events import random_events

COMMAND = [sys.executable, "-m", "icereco"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interruption_while_workers_start_waits_until_they_have(number):
    steps: list[str] = []
    other = threading.Event()  # a thread that takes the signal when this one has it blocked
    threading.Thread(target=other.wait, daemon=True).start()
    with interrupted_by_signals():
        handlers = [signal.getsignal(one) for one in (signal.SIGINT, signal.SIGTERM)]
        try:
            with interrupts_kept_from_children():
                os.kill(os.getpid(), number)
                time.sleep(0.05)
                steps.append("started")
        except KeyboardInterrupt:
            steps.append("interrupted")
        assert [signal.getsignal(one) for one in (signal.SIGINT, signal.SIGTERM)] == handlers
    other.set()
    assert steps == ["started", "interrupted"]
    assert signal.SIGINT not in signal.pthread_sigmask(signal.SIG_BLOCK, ())


@pytest.mark.parametrize("after_seconds", [0.0, 0.05, 0.5])
def test_a_worker_never_sees_ctrl_c_and_ends_with_the_block(capfd, after_seconds):
    with working("waiter", Connection.recv, 2) as started:
        workers = [worker for worker, _ in started]
        time.sleep(after_seconds)
        for worker in workers:
            os.kill(worker.pid or 0, signal.SIGINT)
        time.sleep(0.5)
        assert all(worker.is_alive() for worker in workers)
    assert [worker.exitcode for worker in workers] == [-signal.SIGTERM] * 2
    assert capfd.readouterr().err == ""


def test_workers_started_by_a_thread_never_see_ctrl_c_either():
    codes: list[int | None] = []

    def start() -> None:
        with working("waiter", Connection.recv, 1) as [(worker, _)]:
            os.kill(worker.pid or 0, signal.SIGINT)
            time.sleep(0.5)
        codes.append(worker.exitcode)

    thread = threading.Thread(target=start)
    thread.start()
    thread.join()
    assert codes == [-signal.SIGTERM]


def test_the_block_of_a_simulation_worker_that_is_killed_is_made_by_another():
    simulator = registry().find("simulator", "ice-telescope")
    options = simulator.component.load_options()(primaries_per_block=32)
    simulation = Simulation(simulator, options, load_detector("icecube86"), seed=1)
    blocks = simulation.events(20, workers=2)
    first = next(blocks)
    workers = [one for one in active_children() if one.name == "icereco-simulate"]
    assert len(workers) == 2
    os.kill(workers[0].pid or 0, signal.SIGKILL)
    ids = [event for block in (first, *blocks) for event in block["event_id"].to_pylist()]
    assert len(set(ids)) == len(ids) == 20
    assert not [one for one in active_children() if one.name == "icereco-simulate"]


def test_a_script_without_a_main_guard_gets_a_message_with_the_fix(tmp_path):
    """Each of its workers runs it again, and dies of that."""
    script = tmp_path / "script.py"
    script.write_text(
        "from icereco.data.simulated import Simulation\n"
        "from icereco.detector.detector import load_detector\n"
        "from icereco.plugins.discovery import registry\n"
        "simulator = registry().find('simulator', 'ice-telescope')\n"
        "options = simulator.component.load_options()()\n"
        "list(Simulation(simulator, options, load_detector('icecube86'), 1).events(50, workers=2))\n"
    )
    done = subprocess.run(
        [sys.executable, str(script)], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].endswith("must run it under if __name__ == '__main__'")


def test_an_interruption_while_python_executes_a_string_has_the_same_exit_status(tmp_path):
    """As it does where a dataclass is made: while modules are imported."""
    (tmp_path / "interrupted.py").write_text(
        "import os, signal\nexec('os.kill(os.getpid(), signal.SIGINT)\\nfor _ in range(1000): pass')\n"
    )
    (tmp_path / "start.py").write_text(
        "import runpy\n"
        "from icereco.cli import COMMANDS\n"
        "COMMANDS['models'] = ('interrupted', '')\n"
        "runpy.run_module('icereco', run_name='__main__')\n"
    )
    command = [sys.executable, "-m", "start", "models"]
    environment = os.environ | {"PYTHONPATH": str(tmp_path), "PYTHONSAFEPATH": "1"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (INTERRUPTED, "error: interrupted\n")


@pytest.mark.slow
@pytest.mark.parametrize("seconds", [0.4, 0.7, 0.9, 1.1, 1.3, 1.5, 1.7, 1.9, 2.1, 2.3])
def test_ctrl_c_ends_a_simulation_at_any_moment_with_one_line(tmp_path, seconds):
    """As a terminal does it: to the workers, too."""
    arguments = ["simulate", "--events", "1200", "--workers", "2", "-o", "made"]
    process = subprocess.Popen(
        [*COMMAND, *arguments], cwd=tmp_path, stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    time.sleep(seconds)
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGINT)
    _, stderr = process.communicate(timeout=30)
    assert "Traceback" not in stderr
    # Python itself may end by the signal before the command begins, which a shell counts as 130, too.
    assert process.returncode in (0, 130, -signal.SIGINT)
    files = [path.name for path in tmp_path.rglob("*") if path.is_file()]
    assert files in {0: [["events.parquet"]], 130: [[]]}.get(process.returncode, [[], ["events.parquet"]])


@contextmanager
def training(folder: Path, *arguments: str):
    command = [*COMMAND, "train", "--profile", "quick", *arguments]
    environment = os.environ | {"ICERECO_CACHE": str(folder / "cache")}
    process = subprocess.Popen(command, cwd=folder, stderr=subprocess.PIPE, text=True, env=environment)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_training_that_is_interrupted_before_its_first_step_leaves_no_run(tmp_path, number):
    with training(tmp_path) as process:
        while process.poll() is None and not list(tmp_path.glob("cache/simulated/.*.partial")):
            time.sleep(0.01)
        process.send_signal(number)
        _, stderr = process.communicate(timeout=60)
    assert process.returncode == INTERRUPTED, stderr
    assert stderr.splitlines()[-1] == "error: interrupted"
    assert "Traceback" not in stderr
    assert not list(tmp_path.glob("runs/*"))
    assert not [path for path in tmp_path.glob("cache/**/*") if path.is_file()]


@pytest.mark.parametrize(
    ("events", "complaint"),
    [
        ([random_events(np.full(40, 6), seed=1)] * 2, "this event_id occurs more than once"),
        ([random_events(np.zeros(40, int), seed=1)], "none of its 40 events has a pulse"),
    ],
    ids=["repeated ids", "empty events"],
)
def test_data_that_are_refused_while_they_are_prepared_leave_no_run(tmp_path, events, complaint):
    with pq.ParquetWriter(tmp_path / "events.parquet", events[0].schema) as writer:
        for table in events:
            writer.write_table(table)
    with training(tmp_path, "--data", "events.parquet", "--name", "it") as process:
        _, stderr = process.communicate(timeout=60)
    assert process.returncode == 2, stderr
    assert complaint in stderr
    assert "Traceback" not in stderr
    assert not (tmp_path / "runs" / "it").exists()


def test_no_process_that_a_command_starts_imports_from_the_working_folder(tmp_path):
    """The folder may be an unpacked archive, or have a random.py of its own; the installed command does not look there."""
    for module in ("click", "struct", "random"):
        (tmp_path / f"{module}.py").write_text(
            f"open({str(tmp_path / f'imported {module}')!r}, 'w')\nraise SystemExit(7)\n"
        )
    entry = [sys.executable, "-P", "-c", "from icereco.cli import main; main()"]
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONSAFEPATH"}
    arguments = ["simulate", "--events", "3", "--workers", "2", "-o", "made"]
    done = subprocess.run(
        [*entry, *arguments], cwd=tmp_path, capture_output=True, text=True, check=False, env=environment
    )
    assert done.returncode == 0, done.stderr
    assert not list(tmp_path.glob("imported *"))


@pytest.mark.parametrize("layout", ["both", "kaggle"])
def test_a_simulation_that_was_killed_while_its_files_took_their_names_is_made_again(tmp_path, layout):
    def simulate(*more):
        words = [
            "simulate",
            "--events",
            "3",
            "--workers",
            "1",
            "--layout",
            layout,
            "-o",
            str(tmp_path / "made"),
            *more,
        ]
        return CliRunner().invoke(main, words)

    assert simulate().exit_code == 0
    (tmp_path / "made" / "train_meta.parquet").unlink()
    (tmp_path / "made" / "events.parquet").unlink(missing_ok=True)
    assert "already exists" in simulate("--seed", "8").output  # of another simulation
    assert simulate().exit_code == 0
    assert "already exists" in simulate().output

"""Locks: one process at a time, and where nothing can be locked, work goes on with a warning."""

import errno
import fcntl
import logging
import os
import subprocess
import sys
import threading
import time

import filelock
import pytest

from icereco.errors import IcerecoError
from icereco.runs.folder import RunFolder
from icereco.runs.jobs import JobFolder
from icereco.settings import add_table, read_settings
from icereco.system import locks
from icereco.system.locks import locked, locked_if_free, process_with

WITHOUT_FCNTL = """
import sys
sys.modules["fcntl"] = None
from pathlib import Path
from icereco.runs.folder import RunFolder
from icereco.settings import add_table, read_settings
from icereco.system.log import configure
configure()
add_table("data", "a", {"path": "a"})
add_table("data", "b", {"path": "b"})
print(*read_settings()["data"])
with RunFolder(Path(sys.argv[1])).lock():
    print("alone")
"""


@pytest.fixture(params=[errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP], ids=errno.errorcode.get)
def no_locks(request, monkeypatch):
    """A file system that locks nothing."""

    def refuse(_file, _operation):
        raise OSError(request.param, os.strerror(request.param))

    monkeypatch.setattr(fcntl, "flock", refuse)
    locks._warn.cache_clear()
    yield os.strerror(request.param)
    locks._warn.cache_clear()


@pytest.fixture
def busy_run(tmp_path):
    """A run whose status is that of a live process that holds no lock."""
    run = RunFolder.create(tmp_path, "one")
    write = (
        "import sys; from pathlib import Path; from icereco.runs.folder import RunFolder\n"
        "RunFolder(Path(sys.argv[1])).write_status('training'); print('ready', flush=True); sys.stdin.read()"
    )
    command = [sys.executable, "-c", write, str(run.path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "ready\n"
        yield run, process.pid
        process.stdin.close()


def test_a_lock_that_is_held_is_not_free_and_names_its_process(tmp_path):
    path = tmp_path / ".lock"
    with locked_if_free(path) as first, locked_if_free(path) as second:
        assert (first, second) == (True, False)
        assert process_with(path) == os.getpid()
    with locked_if_free(path) as third:
        assert third


def test_a_waiting_process_logs_it_and_continues_when_the_lock_is_free(tmp_path, caplog):
    path, order = tmp_path / ".lock", []

    def wait():
        with locked(path, "somebody else is here; waiting"):
            order.append("second")

    waiting = threading.Thread(target=wait)
    with caplog.at_level(logging.INFO, "icereco"), locked(path, "never said"):
        waiting.start()
        deadline = time.monotonic() + 30
        while "somebody else is here; waiting" not in caplog.messages and time.monotonic() < deadline:
            time.sleep(0.01)
        order.append("first")
    waiting.join()
    assert caplog.messages == ["somebody else is here; waiting"]
    assert order == ["first", "second"]


def test_a_missing_folder_is_an_error_and_not_a_missing_lock(tmp_path):
    with pytest.raises(FileNotFoundError), locked(tmp_path / "gone" / ".lock", "busy"):
        pass


def test_an_error_that_is_not_about_locks_is_raised(tmp_path, monkeypatch):
    def fail(_file, _operation):
        raise OSError(errno.EIO, "input/output error")

    monkeypatch.setattr(fcntl, "flock", fail)
    with pytest.raises(OSError, match="input/output error"), locked(tmp_path / ".lock", "busy"):
        pass


# Nothing can be locked


def test_work_continues_without_locks_with_one_warning(tmp_path, no_locks, caplog):
    for _ in range(2):
        with locked(tmp_path / ".lock", "never said"), locked_if_free(tmp_path / ".lock") as free:
            assert free
    (message,) = caplog.messages
    assert f"files in {tmp_path} cannot be locked ({no_locks})" in message


def test_settings_change_without_locks(tmp_path, no_locks, monkeypatch):
    monkeypatch.setenv("ICERECO_CONFIG", str(tmp_path))
    add_table("data", "a", {"path": "a"})
    assert read_settings() == {"data": {"a": {"path": "a"}}}


@pytest.mark.usefixtures("no_locks")
def test_a_run_in_use_is_detected_without_locks(busy_run):
    run, pid = busy_run
    with pytest.raises(IcerecoError, match=f"in use by process {pid} on"), run.lock():
        pass


@pytest.mark.usefixtures("no_locks")
def test_a_run_that_is_not_in_use_is_acquired_without_locks(tmp_path):
    run = RunFolder.create(tmp_path, "one")
    with run.lock():
        run.write_status("training")
    with run.lock():  # by the same process, whose last training there has failed
        pass


@pytest.mark.usefixtures("no_locks")
def test_a_second_worker_leaves_the_queue_to_the_first_without_locks(tmp_path):
    jobs = JobFolder(tmp_path / "runs")
    first = jobs.submit(["--version"], "one", tmp_path, queued=False)
    while jobs.all()[0].state != "done":
        time.sleep(0.05)
    for name, state, pid in (("1-a", "running", os.getpid()), ("2-b", "waiting", None)):
        jobs._write(type(first)(name, ("--version",), str(tmp_path), "a", queued=True, state=state, pid=pid))
    jobs.work()
    assert [job.state for job in jobs.all() if job.queued] == ["running", "waiting"]


def test_a_python_without_fcntl_works_with_one_warning_a_folder(tmp_path):
    run = RunFolder.create(tmp_path, "one")
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_FCNTL, str(run.path)],
        env={**os.environ, "ICERECO_CONFIG": str(tmp_path / "config")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout == "a b\nalone\n", done.stderr
    assert done.stderr.count("fcntl is unavailable") == 2


def test_the_first_byte_says_nothing_as_windows_lets_nobody_read_it(tmp_path):
    with locked(tmp_path / ".lock", "never said"):
        assert (tmp_path / ".lock").read_text()[1:] == str(os.getpid())
        assert process_with(tmp_path / ".lock") == os.getpid()


def test_locks_are_those_of_filelock_which_has_them_on_every_system(tmp_path):
    with locked_if_free(tmp_path / ".lock") as taken, (tmp_path / ".lock").open("r+") as other:
        assert taken
        assert not filelock.lock_descriptor(other.fileno(), blocking=False)

"""Files appear whole, reach the disk in the right order, and leave nothing of killed writers behind."""

import os
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from icereco.errors import IcerecoError
from icereco.model.checkpoint import write_tensors
from icereco.system import files
from icereco.system.files import clear_left_over, replacing, write_text

HOLD = """
import sys
from pathlib import Path
from icereco.system.files import replacing
with replacing(Path(sys.argv[1])) as temporary:
    print(temporary.name, flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def writer(tmp_path):
    """A process in the middle of writing `a.txt`, and the name of its temporary file."""
    command = [sys.executable, "-c", HOLD, str(tmp_path / "a.txt")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        yield process, tmp_path / process.stdout.readline().strip()
        process.kill()


@pytest.fixture
def steps(monkeypatch):
    """What happens to files, in order: "sync NAME" and "rename NAME"."""
    done: list[str] = []
    sync, replace = files.sync, Path.replace
    monkeypatch.setattr(files, "sync", lambda path: (done.append(f"sync {path.name}"), sync(path)))
    monkeypatch.setattr(
        Path, "replace", lambda path, other: (done.append(f"rename {other.name}"), replace(path, other))
    )
    return done


def test_content_is_on_the_disk_before_the_name_and_the_name_before_the_end(tmp_path, steps):
    write_text(tmp_path / "a.txt", "content")
    first, *rest = steps
    assert first.startswith("sync .a.txt.")
    assert rest == ["rename a.txt", f"sync {tmp_path.name}"]


def test_what_need_not_survive_a_power_cut_is_only_renamed(tmp_path, steps):
    write_text(tmp_path / "a.txt", "content", durable=False)
    assert steps == ["rename a.txt"]


def test_a_disk_that_fails_to_sync_is_reported_and_the_old_content_kept(tmp_path, monkeypatch):
    write_text(tmp_path / "a.txt", "old")

    def fail(_descriptor):
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(IcerecoError, match=r"cannot write .*a\.txt: Input/output error"):
        write_text(tmp_path / "a.txt", "new")
    assert (tmp_path / "a.txt").read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["a.txt"]


def test_a_file_system_without_sync_is_written_to_all_the_same(tmp_path, monkeypatch):
    def fail(_descriptor):
        raise OSError(22, "Invalid argument")

    monkeypatch.setattr(os, "fsync", fail)
    write_text(tmp_path / "a.txt", "new")
    assert (tmp_path / "a.txt").read_text() == "new"


def test_two_writers_with_the_same_process_number_do_not_disturb_each_other(tmp_path):
    path = tmp_path / "a.txt"
    with replacing(path) as first, replacing(path) as second:
        assert first != second
        first.write_text("first")
        second.write_text("second")
    assert path.read_text() == "first"


def test_what_a_killed_writer_left_is_removed_by_the_next(tmp_path, writer):
    process, temporary = writer
    process.kill()
    process.wait()
    assert temporary.is_file()
    write_text(tmp_path / "a.txt", "next")
    assert [path.name for path in tmp_path.iterdir()] == ["a.txt"]


def test_the_temporary_file_of_a_live_writer_stays(tmp_path, writer):
    process, temporary = writer
    clear_left_over(tmp_path)
    write_text(tmp_path / "a.txt", "next")
    assert temporary.is_file()
    process.stdin.close()
    assert process.wait() == 0


def test_without_locks_only_what_is_older_than_a_day_is_removed(tmp_path, monkeypatch, writer):
    import fcntl

    def refuse(_file, _operation):
        raise OSError(38, "Function not implemented")

    _, temporary = writer
    old = tmp_path / ".b.txt.0123.partial"
    old.touch()
    os.utime(old, (time.time() - 100_000, time.time() - 100_000))
    monkeypatch.setattr(fcntl, "flock", refuse)
    clear_left_over(tmp_path)
    assert temporary.is_file()
    assert not old.exists()


def test_an_interruption_while_the_temporary_file_is_locked_leaves_nothing(tmp_path, monkeypatch):
    def interrupt(_descriptor, *, wait):
        raise KeyboardInterrupt

    monkeypatch.setattr(files, "take", interrupt)
    with pytest.raises(KeyboardInterrupt), replacing(tmp_path / "a.txt"):
        pass
    assert list(tmp_path.iterdir()) == []


def test_where_an_open_file_cannot_be_renamed_the_temporary_file_of_a_live_writer_stays(
    tmp_path, monkeypatch
):
    monkeypatch.setattr(files, "_RENAMES_OPEN_FILES", False)
    with replacing(tmp_path / "a.txt") as temporary:
        clear_left_over(tmp_path)
        temporary.write_text("content")
    assert (tmp_path / "a.txt").read_text() == "content"


def test_a_link_or_pipe_with_the_name_of_a_temporary_file_is_neither_followed_nor_read(tmp_path):
    private = tmp_path / "private"
    private.write_text("private")
    (tmp_path / ".a.txt.0123.partial").symlink_to(private)
    os.mkfifo(tmp_path / ".a.txt.4567.partial")
    write_text(tmp_path / "a.txt", "content")
    assert private.read_text() == "private"
    assert not (tmp_path / "a.txt").is_symlink()


@pytest.mark.parametrize("mask", [0o022, 0o027, 0o077])
def test_a_checkpoint_can_be_read_by_whom_the_umask_lets(tmp_path, mask):
    before = os.umask(mask)
    try:
        write_tensors(tmp_path / "weights.safetensors", {"a": torch.zeros(3)}, {})
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "weights.safetensors").stat().st_mode) == 0o666 & ~mask

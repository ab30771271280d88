"""Processors are counted as the scheduler and the control groups let this process have them."""

import os

import pytest
import torch

from icereco.system import processors
from icereco.system.processors import available_processors, free_processors, use_threads

EIGHT = set(range(8))


@pytest.fixture
def group(tmp_path, monkeypatch):
    """Writes the files of control groups, for a process that may run on eight processors."""
    monkeypatch.setattr(processors, "_ROOT", tmp_path)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _process: EIGHT, raising=False)

    def write(files):
        for name, text in files.items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(f"{text}\n")

    return write


@pytest.mark.parametrize(
    ("limit", "expected"),
    [
        ("max 100000", 8),
        ("400000 100000", 4),
        ("250000 100000", 2),
        ("50000 100000", 1),
        ("3200000 100000", 8),
        ("damaged", 8),
    ],
)
def test_a_container_of_version_2_limits_processors(group, limit, expected):
    group({"proc/self/cgroup": "0::/", "sys/fs/cgroup/cpu.max": limit})
    assert available_processors() == expected


def test_the_smallest_limit_of_all_groups_above_counts(group):
    group(
        {
            "proc/self/cgroup": "0::/slurm/job_7/task_0",
            "sys/fs/cgroup/slurm/job_7/cpu.max": "300000 100000",
            "sys/fs/cgroup/slurm/job_7/task_0/cpu.max": "max 100000",
            "sys/fs/cgroup/slurm/cpu.max": "600000 100000",
        }
    )
    assert available_processors() == 3


@pytest.mark.parametrize(("quota", "expected"), [("-1", 8), ("300000", 3)])
def test_a_container_of_version_1_limits_processors_though_its_path_is_the_hosts(group, quota, expected):
    group(
        {
            "proc/self/cgroup": "5:memory:/docker/abc\n4:cpu,cpuacct:/docker/abc",
            "sys/fs/cgroup/cpu/cpu.cfs_quota_us": quota,
            "sys/fs/cgroup/cpu/cpu.cfs_period_us": "100000",
        }
    )
    assert available_processors() == expected


@pytest.mark.usefixtures("group")
def test_without_control_groups_affinity_counts(monkeypatch):
    assert available_processors() == len(EIGHT)
    monkeypatch.delattr(os, "sched_getaffinity")
    assert available_processors() == os.cpu_count()


# Free processors and threads


@pytest.fixture
def busy(monkeypatch):
    """A machine of eight processors, all ours to use, of which others keep some busy."""
    monkeypatch.setattr(processors, "available_processors", lambda: 8)
    monkeypatch.setattr(os, "cpu_count", lambda: 8)
    return lambda share: monkeypatch.setattr("psutil.cpu_percent", lambda _seconds: 100 * share)


@pytest.mark.parametrize(("share", "free"), [(0.0, 8), (0.05, 8), (0.5, 4), (0.9, 1), (1.0, 1)])
def test_processors_that_others_use_are_not_free(busy, share, free):
    busy(share)
    assert free_processors() == free


def test_what_is_free_of_a_large_machine_may_be_more_than_a_job_may_use(busy, monkeypatch):
    monkeypatch.setattr(os, "cpu_count", lambda: 64)
    busy(0.5)
    assert free_processors() == 8


def test_a_job_of_one_processor_does_not_look_around(busy, monkeypatch):
    monkeypatch.setattr(processors, "available_processors", lambda: 1)
    monkeypatch.setattr("psutil.cpu_percent", lambda _seconds: pytest.fail("waited"))
    assert free_processors() == 1


@pytest.fixture
def torch_threads(monkeypatch):
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    before = torch.get_num_threads()
    yield torch.get_num_threads
    torch.set_num_threads(before)


def test_torch_takes_the_threads_that_it_is_given_or_those_that_are_free(busy, torch_threads):
    busy(0.75)
    assert use_threads(3) == torch_threads() == 3
    assert use_threads() == torch_threads() == 2


def test_threads_that_the_environment_names_stay_unless_others_are_asked_for(
    busy, torch_threads, monkeypatch
):
    busy(0.0)
    torch.set_num_threads(2)
    monkeypatch.setenv("OMP_NUM_THREADS", "2")
    assert use_threads() == 2
    assert use_threads(1) == torch_threads() == 1

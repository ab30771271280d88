"""Processors are counted as the scheduler and the control groups let this process have them."""

import os

import pytest

from icereco.system import processors
from icereco.system.processors import available_processors

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

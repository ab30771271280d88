"""Work on a real Dask cluster: a scheduler and two workers, each a process of this machine."""

import json
import logging
import os
import signal
import socket
import sys
import threading

import dask
import distributed
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner
from units_of_work import JOB

from icereco.cli import main
from icereco.data.sources.source import open_source
from icereco.data.store.prepare import prepare
from icereco.data.write.convert import Conversion, convert
from icereco.errors import IcerecoError
from icereco.system.work.dask_cluster import DaskCluster
from icereco.system.work.executor import KilledError, in_order
from icereco.testing.random_events import random_events


@pytest.fixture(scope="module")
def cluster():
    with (
        dask.config.set({"distributed.scheduler.allowed-failures": 1}),
        distributed.LocalCluster(
            n_workers=2,
            threads_per_worker=1,
            dashboard_address="127.0.0.1:0",
            scheduler_kwargs={"dashboard": False},
            memory_limit=0,
            silence_logs=logging.CRITICAL,
        ) as cluster,
    ):
        yield cluster


@pytest.fixture(scope="module")
def client(cluster):
    with distributed.Client(cluster, set_as_default=False) as client:
        yield client


@pytest.fixture(scope="module")
def executor(client, cluster):
    return DaskCluster(client, cluster.scheduler_address)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Four files of 60 events."""
    folder = tmp_path_factory.mktemp("data") / "data"
    folder.mkdir()
    for number in range(4):
        table = random_events(np.full(60, 12), seed=number)
        ids = table.schema.get_field_index("event_id")
        table = table.set_column(ids, "event_id", [np.arange(60) + 100 * number])
        pq.write_table(table, folder / f"part_{number}.parquet")
    return folder


def invoke(*words):
    result = CliRunner().invoke(main, list(map(str, words)))
    assert isinstance(result.exception, SystemExit | None), result.exception
    return result


def outcomes(executor, units, progress=lambda *_: None):
    return list(in_order(executor.outcomes(JOB, units, progress, threading.Event())))


def test_a_unit_that_fails_is_named_and_the_rest_goes_on(executor):
    found = outcomes(executor, [("quick", 0), ("broken", 1), ("refused", 2), ("quick", 3)])
    assert [outcome.number for outcome in found if outcome.error is None] == [0, 3]
    assert str(found[1].error) == "unit 1: ZeroDivisionError: 1"
    assert str(found[2].error) == "2 is refused"


def test_progress_within_a_unit_is_told(executor):
    told = []
    outcomes(executor, [("slow", 1.0), ("slow", 0.5)], lambda number, _: told.append(number))
    assert sorted(told) == [0, 1]


def test_the_unit_of_a_worker_that_dies_in_the_middle_is_repeated(executor, client):
    client.wait_for_workers(2)
    begun: list[tuple[int, int]] = []

    def kill_the_first(number, process):
        if not begun:
            os.kill(process, signal.SIGKILL)
        begun.append((number, process))

    found = outcomes(executor, [("slow", 2.0)] * 3, kill_the_first)
    repeated, victim = begun[0]
    assert [outcome.result[:2] for outcome in found] == [("slow", 2.0)] * 3
    assert victim not in {outcome.result[2] for outcome in found}
    assert [number for number, _ in begun].count(repeated) == 2


def test_a_prepared_store_has_the_same_bytes_as_of_one_process(executor, detector, folder, tmp_path):
    seen = []
    source = open_source(folder)
    prepare(
        source, detector, tmp_path / "dask", lambda *it: seen.append(it), block_events=16, executor=executor
    )
    prepare(source, detector, tmp_path / "one", processes=1, block_events=16)
    assert seen[-1] == (240, 240)
    files = {path.name: path.read_bytes() for path in (tmp_path / "dask").iterdir()}
    assert files == {path.name: path.read_bytes() for path in (tmp_path / "one").iterdir()}


def test_every_file_that_cannot_be_prepared_is_named(executor, detector, folder, tmp_path):
    for part in folder.iterdir():
        (tmp_path / part.name).write_bytes(part.read_bytes())
    for number in (1, 2):
        table = pq.read_table(folder / f"part_{number}.parquet")
        rows = table.to_pylist()
        rows[5]["charge"][0] = float("nan")
        pq.write_table(pa.Table.from_pylist(rows, table.schema), tmp_path / f"part_{number}.parquet")
    with pytest.raises(IcerecoError) as caught:
        prepare(open_source(tmp_path), detector, tmp_path / "store", executor=executor)
    first, *named = str(caught.value).splitlines()
    assert first == "2 of 4 files cannot be prepared:"
    assert sorted(line.partition(":")[0].strip()[-14:] for line in named) == [
        "part_1.parquet",
        "part_2.parquet",
    ]


def test_reconstructions_are_those_of_one_process_in_the_same_order(cluster, folder, tmp_path, monkeypatch):
    monkeypatch.chdir(folder)  # the workers take paths as they are meant here
    words = ["reconstruct", *sorted(path.name for path in folder.iterdir()), "--method", "linefit"]
    ways = {"one": [], "two": ["--workers", 2], "dask": ["--scheduler", cluster.scheduler_address]}
    for out, more in ways.items():
        assert invoke(*words, "-o", tmp_path / f"{out}.parquet", *more).exit_code == 0
    one, *others = (pq.ParquetFile(tmp_path / f"{out}.parquet") for out in ways)
    for other in others:
        assert one.read().equals(other.read())
        assert one.num_row_groups == other.num_row_groups


def test_converted_files_are_those_of_one_process_though_a_worker_dies(
    executor, client, detector, tmp_path, monkeypatch
):
    monkeypatch.setattr("icereco.data.write.convert.provenance", lambda **facts: facts)  # without the time
    (tmp_path / "data").mkdir()
    for number in range(12):
        table = random_events(np.full(400, 30), seed=number)
        ids = pa.array(np.arange(400) + 1000 * number)
        table = table.set_column(table.schema.get_field_index("event_id"), "event_id", ids)
        pq.write_table(table, tmp_path / "data" / f"part_{number:02}.parquet")
    client.wait_for_workers(2)
    processes = list(client.run(os.getpid).values())
    done = []

    def kill_one(events):
        done.append(events)
        if len(done) == 3:
            os.kill(processes[0], signal.SIGKILL)

    for name, by in (("dask", executor), ("one", None)):
        source = open_source(tmp_path / "data")
        conversion = Conversion(source, detector, tmp_path / name, "kaggle", events_per_file=300)
        outcome = convert(conversion, kill_one if by else done.append, by)
        assert (outcome.events, outcome.kept, outcome.files) == (4800, 0, 16)
    assert sum(done) == 2 * 4800
    dask, one = (
        {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*.*")}
        for folder in (tmp_path / "dask", tmp_path / "one")
    )
    assert dask == one


def test_the_doctor_says_what_it_says_by_one_process(cluster, folder):
    words = ["doctor", folder, "--no-speed", "--json"]
    one, dask = (invoke(*words, *more) for more in ([], ["--scheduler", cluster.scheduler_address]))
    assert json.loads(dask.stdout) == json.loads(one.stdout)
    assert (dask.exit_code, json.loads(dask.stdout)["data"][0]["examined"]) == (one.exit_code, 240)


def test_a_scheduler_file_leads_to_its_cluster(cluster, tmp_path):
    (tmp_path / "scheduler.json").write_text(json.dumps({"address": cluster.scheduler_address}))
    words = ["simulate", "--events", "20", "--option", "primaries_per_block=64"]
    made = invoke(*words, "-o", tmp_path / "dask", "--scheduler", tmp_path / "scheduler.json")
    assert made.exit_code == 0, made.output
    assert invoke(*words, "-o", tmp_path / "one", "--workers", "1").exit_code == 0
    files = [(tmp_path / name / "events.parquet").read_bytes() for name in ("dask", "one")]
    assert files[0] == files[1]


def test_a_unit_that_kills_every_worker_is_named(executor):
    (killed,) = outcomes(executor, [("deadly", 7)])
    assert isinstance(killed.error, KilledError)
    assert str(killed.error).startswith("unit 7: 2 workers died while they did it")


@pytest.mark.parametrize(
    ("scheduler", "complaint"),
    [
        ("login1", "neither the address of a scheduler"),
        ("{file}", "is not a file that a scheduler has written"),
        ("{closed}", "no scheduler answers at"),
        ("tcp://host:8786", "--workers 2 starts processes on this machine"),
    ],
    ids=["no address", "another file", "unreachable", "has workers of its own"],
)
def test_a_scheduler_that_cannot_be_used_gets_one_message(tmp_path, monkeypatch, scheduler, complaint):
    monkeypatch.setattr("icereco.system.work.schedulers._CONNECT_SECONDS", 0.5)
    (tmp_path / "other.json").write_text("[1]")
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        address = f"tcp://127.0.0.1:{unused.getsockname()[1]}"
        given = scheduler.format(file=tmp_path / "other.json", closed=address)
        more = ["--workers", "2"] if "host" in scheduler else []
        result = invoke("simulate", "--events", "3", "-o", tmp_path / "made", "--scheduler", given, *more)
    assert result.exit_code == 2
    assert complaint in " ".join(result.output.split())
    assert not (tmp_path / "made").exists()


def test_without_dask_the_extra_is_named(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    result = invoke("simulate", "--events", "3", "-o", tmp_path / "made", "--scheduler", "local")
    assert result.exit_code == 2
    assert "pip install 'icereco[dask]'" in result.output

"""GraphNeT's databases that are cut, endless, or have names that a shell would run."""

import shlex
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing

import numpy as np
import pytest

from icereco.data.sources.source import open_source
from icereco.errors import IcerecoError
from icereco.tables.columns import ragged
from icereco.testing.random_events import random_events

EVENTS = 30
ENDLESS = """CREATE VIEW pulses AS WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n)
SELECT i AS event_no, 0.0 AS dom_x, 0.0 AS dom_y, 0.0 AS dom_z, 1.0 AS dom_time, 1.0 AS charge FROM n"""


@pytest.fixture
def database(tmp_path, detector):
    return written(tmp_path / "events.db", detector)


def written(path, detector, pulses="SRTInIcePulses"):
    table = random_events(np.full(EVENTS, 12), seed=4)
    sensor, time_ns, charge = (
        ragged(table.column(name).combine_chunks()) for name in ("sensor_id", "time", "charge")
    )
    event = np.repeat(np.arange(EVENTS), 12)
    place = detector.position_m[sensor.values]
    quoted = '"' + pulses.replace('"', '""') + '"'
    with closing(sqlite3.connect(path)) as opened, opened:
        opened.execute(
            f"CREATE TABLE {quoted} (event_no INT, dom_x REAL, dom_y REAL, dom_z REAL, dom_time REAL, charge REAL)"
        )
        rows = zip(
            event.tolist(), *place.T.tolist(), time_ns.values.tolist(), charge.values.tolist(), strict=True
        )
        opened.executemany(f"INSERT INTO {quoted} VALUES (?, ?, ?, ?, ?, ?)", rows)
        opened.execute("CREATE TABLE truth (event_no INT, azimuth REAL, zenith REAL, energy REAL)")
        angles = zip(
            range(EVENTS), *(table.column(name).to_pylist() for name in ("azimuth", "zenith")), strict=True
        )
        opened.executemany("INSERT INTO truth VALUES (?, ?, ?, 1000.0)", angles)
    return path


def read(path, detector):
    return [batch.to_pydict() for batch in open_source(path).checked(detector)]


@pytest.mark.parametrize("lost", [1, 50, 150, 179, 4096, 9000])
def test_a_truncated_database_is_refused(database, detector, lost):
    assert len(read(database, detector)[0]["event_id"]) == EVENTS
    content = database.read_bytes()
    database.write_bytes(content[:-lost])
    with pytest.raises(
        IcerecoError, match=f"has .* of {len(content):,} bytes: it is truncated; copy it again"
    ):
        read(database, detector)


@pytest.mark.parametrize("reader", ["graphnet-sqlite", "graphnet-sqlite:pulse_map=pulses"])
def test_pulses_in_a_view_which_may_never_end_are_refused(tmp_path, detector, reader):
    path = tmp_path / "endless.db"
    with closing(sqlite3.connect(path)) as opened, opened:
        opened.execute(ENDLESS)
    with pytest.raises(IcerecoError, match="'pulses' is a view, a query that may never end"):
        list(open_source(path, reader).checked(detector))


def test_ctrl_c_ends_a_query_that_takes_long(tmp_path, detector):
    path = tmp_path / "events.db"
    script = f"""
from pathlib import Path
from icereco_readers.graphnet_sqlite import _opened
with _opened(Path({str(path)!r})) as database:
    print("begun", flush=True)
    database.execute("WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n) SELECT max(i) FROM n").fetchall()
"""
    with closing(sqlite3.connect(path)) as opened, opened:
        opened.execute("CREATE TABLE any_table (a INT)")
    command = [sys.executable, "-c", script]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "begun\n"
        time.sleep(0.3)
        process.send_signal(signal.SIGINT)
        try:
            _, said = process.communicate(timeout=20)
        finally:
            process.kill()
    assert said.splitlines()[-1].startswith("KeyboardInterrupt")


def test_a_statement_to_paste_runs_nothing_else(tmp_path, detector, caplog):
    path = written(tmp_path / "events.db", detector, "x $(touch pwned) `touch pwned` ' \" ;")
    read(path, detector)
    (message,) = (text for text in caplog.messages if "create one with: " in text)
    words = shlex.split(message.partition("create one with: ")[2])
    assert words[:2] == ["sqlite3", str(path)]
    assert len(words) == 3
    with closing(sqlite3.connect(path)) as opened:
        opened.execute(words[2])

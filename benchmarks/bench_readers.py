"""How fast each reader gives checked events, compared with the plain read of the same values from the same file.

python benchmarks/bench_readers.py --events 10000
"""

import argparse
import sqlite3
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.feather as feather
import pyarrow.parquet as pq
from common import console, median_seconds
from rich.table import Table

from icereco.data.sources.source import open_source
from icereco.detector.detector import Detector, load_detector
from icereco.testing.random_events import likely_pulse_counts, random_events

_PULSES = ("event_no", "dom_x", "dom_y", "dom_z", "dom_time", "charge", "hlc")


def graphnet_tables(events: pa.Table, detector: Detector) -> tuple[pa.Table, pa.Table]:
    """The pulse table and the truth table that GraphNeT would have made of these events."""
    counts = pa.compute.list_value_length(events["time"]).to_numpy()
    place = detector.position_m[events["sensor_id"].combine_chunks().flatten().to_numpy()].astype(np.float64)
    pulses = {
        "event_no": np.repeat(events["event_id"].to_numpy(), counts),
        **{f"dom_{axis}": place[:, i] for i, axis in enumerate("xyz")},
        "dom_time": events["time"].combine_chunks().flatten(),
        "charge": events["charge"].combine_chunks().flatten().cast(pa.float64()),
        "hlc": pa.compute.invert(events["auxiliary"].combine_chunks().flatten()).cast(pa.int64()),
    }
    truth = {
        "event_no": events["event_id"],
        **{name: events[name] for name in ("azimuth", "zenith", "energy")},
    }
    return pa.table(pulses), pa.table(truth)


def write_graphnet(folder: Path, pulses: pa.Table, truth: pa.Table) -> None:
    """As one shard of parquet, and as a database."""
    for name, table in (("pulses", pulses), ("truth", truth)):
        (folder / "merged" / name).mkdir(parents=True)
        pq.write_table(table, folder / "merged" / name / f"{name}_0.parquet")
    with sqlite3.connect(folder / "events.db") as database:
        for name, table in (("pulses", pulses), ("truth", truth)):
            columns = ", ".join(table.column_names)
            database.execute(f"CREATE TABLE {name} ({columns})")
            marks = ", ".join("?" * table.num_columns)
            rows = zip(*(column.to_pylist() for column in table.columns), strict=True)
            database.executemany(f"INSERT INTO {name} VALUES ({marks})", rows)
        database.execute("CREATE INDEX by_event ON pulses (event_no)")


def all_rows(path: Path) -> None:
    """The same columns through sqlite3 alone."""
    with sqlite3.connect(path) as database:
        database.execute(f"SELECT {', '.join(_PULSES)} FROM pulses ORDER BY event_no").fetchall()


def main(events: int) -> None:
    """Measure and print."""
    detector = load_detector("icecube86")
    table = random_events(likely_pulse_counts(events))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        pq.write_table(table, folder / "events.parquet")
        feather.write_feather(table, folder / "events.arrow", compression="uncompressed")
        write_graphnet(folder, *graphnet_tables(table, detector))
        shard = folder / "merged" / "pulses" / "pulses_0.parquet"
        cases: dict[str, tuple[Path, Callable[[], object]]] = {
            "icereco, parquet": (folder / "events.parquet", lambda: pq.read_table(folder / "events.parquet")),
            "icereco, Arrow": (folder / "events.arrow", lambda: feather.read_table(folder / "events.arrow")),
            "graphnet-parquet": (folder / "merged", lambda: pq.read_table(shard, columns=list(_PULSES))),
            "graphnet-sqlite": (folder / "events.db", lambda: all_rows(folder / "events.db")),
        }
        shown = Table("reader", "events/s", "plain read, events/s", "share of it")
        for label, (path, plain) in cases.items():
            ours = median_seconds(lambda path=path: list(open_source(path).checked(detector)), 3)
            plain_seconds = median_seconds(plain, 3)
            shown.add_row(
                label,
                f"{events / ours:,.0f}",
                f"{events / plain_seconds:,.0f}",
                f"{plain_seconds / ours:.0%}",
            )
        console.print(shown)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=10_000)
    main(parser.parse_args().events)

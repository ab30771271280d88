"""Events from a file to batches: icereco compared with Polars alone, and with the obvious ways.

python benchmarks/bench_data.py --events 200000

One file in the Kaggle competition's layout is prepared, and streamed. For comparison Polars reads, sorts and writes the same
file; and the same batches are made by a Python loop over events, and by a torch Dataset of one event each with a collate
function that pads. Every way ends with the same content: for each event its modules with their pulses by time.
"""

import argparse
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import polars as pl
import pyarrow as pa
import torch
from rich.console import Console
from rich.table import Table

from icereco.data.sources.source import open_source
from icereco.data.store.prepare import prepare
from icereco.data.store.store import Store
from icereco.data.stream.stream import Budget, Portion, Stream
from icereco.data.write.kaggle import KaggleWriter
from icereco.detector.detector import Detector, load_detector
from icereco.testing.random_events import likely_pulse_counts, random_events

BATCH = 256
OBVIOUS_EVENTS = 4_096
PULSES = ("sensor_id", "time", "charge", "auxiliary")


def seconds(work: Callable[[], object], repeats: int = 1) -> float:
    """The least wall time of some calls."""
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return min(times)


def make_kaggle(folder: Path, events: int, detector: Detector) -> None:
    """A folder in the competition's layout, with one batch file."""
    counts = likely_pulse_counts(events)
    with KaggleWriter(folder, detector, {}) as writer:
        for part, start in enumerate(range(0, events, 20_000)):
            table = random_events(counts[start : start + 20_000], seed=part)
            ids = pa.array(np.arange(start, start + len(table)))
            for batch in table.set_column(0, "event_id", ids).to_batches():
                writer.write(batch)


def by_polars(folder: Path) -> None:
    """Read, sort by event, module and time, and write."""
    frame = pl.read_parquet(folder / "train" / "batch_1.parquet").sort("event_id", "sensor_id", "time")
    frame.write_ipc(folder / "sorted.arrow")


def one_event(frame: pl.DataFrame, first: int, count: int) -> list[dict[str, np.ndarray]]:
    """The modules of an event, each with its pulses by time, as a first script would."""
    pulses = {name: frame[name].slice(first, count).to_numpy() for name in PULSES}
    order = np.lexsort((pulses["time"], pulses["sensor_id"]))
    modules = []
    for sensor in np.unique(pulses["sensor_id"]):
        of_sensor = order[pulses["sensor_id"][order] == sensor]
        modules.append({name: values[of_sensor] for name, values in pulses.items()})
    return modules


def loop(frame: pl.DataFrame, meta: pl.DataFrame) -> int:
    """A Python loop over events."""
    rows = meta.select("first_pulse_index", "last_pulse_index").iter_rows()
    return sum(len(one_event(frame, first, last - first + 1)) for first, last in rows)


class OneEventEach(torch.utils.data.Dataset):
    """An event for an item: pulses `[P, 4]` sorted, with the module of each."""

    def __init__(self, frame: pl.DataFrame, meta: pl.DataFrame) -> None:
        self.columns = [frame[name].to_numpy() for name in PULSES]
        self.first, self.last = (meta[f"{end}_pulse_index"].to_numpy() for end in ("first", "last"))

    def __len__(self) -> int:
        return len(self.first)

    def __getitem__(self, index: int) -> torch.Tensor:
        pulses = slice(self.first[index], self.last[index] + 1)
        values = np.stack([column[pulses] for column in self.columns], axis=1).astype(np.float32)
        order = np.lexsort((values[:, 1], values[:, 0]))
        return torch.from_numpy(values[order])


def pad(events: list[torch.Tensor]) -> tuple[torch.Tensor, torch.Tensor]:
    """`[event, longest, 4]` and a mask."""
    padded = torch.nn.utils.rnn.pad_sequence(events, batch_first=True)
    lengths = torch.tensor([len(event) for event in events])
    return padded, torch.arange(padded.shape[1]) < lengths[:, None]


def dataset(frame: pl.DataFrame, meta: pl.DataFrame, workers: int) -> int:
    """A DataLoader over it, shuffled."""
    loader: Any = torch.utils.data.DataLoader(
        OneEventEach(frame, meta), BATCH, shuffle=True, collate_fn=pad, num_workers=workers
    )
    return sum(len(padded) for padded, _ in loader)


def ours(store: Store, detector: Detector) -> int:
    """An epoch of shuffled batches."""
    stream = Stream([Portion(store)], detector, Budget(10**9, 10**9, BATCH))
    return sum(len(batch) for batch in stream.epoch(1))


def copied(store: Store) -> None:
    """Every pulse copied once by NumPy, in order: what memory allows."""
    for file in sorted(store.folder.glob("*.arrow")):
        table = pa.ipc.open_file(pa.memory_map(str(file))).read_all()
        for name in ("dom_sensor_id", "dom_pulses", "time", "charge"):
            for chunk in table[name].chunks:
                chunk.values.to_numpy().copy()


def measured(folder: Path, events: int, detector: Detector) -> Iterator[tuple[str, float, str]]:
    """Name, events/s, and the name of what it is to be compared with."""
    data = folder / "kaggle"
    make_kaggle(data, events, detector)
    yield "Polars: read, sort, write", events / seconds(lambda: by_polars(data), 3), ""
    source, stores = open_source(data), list[Store]()

    def prepared() -> None:
        stores.append(prepare(source, detector, folder / f"store{len(stores)}", processes=1))

    yield (
        "ours: read, check, sort, write the store",
        events / seconds(prepared, 3),
        "Polars: read, sort, write",
    )
    store = stores[-1]
    yield "copy of the store by NumPy, in order", events / seconds(lambda: copied(store), 3), ""
    rate = events / seconds(lambda: ours(store, detector), 3)
    yield "ours: store to shuffled batches", rate, "copy of the store by NumPy, in order"
    frame = pl.read_parquet(data / "train" / "batch_1.parquet")
    some = pl.read_parquet(data / "train_meta.parquet").head(OBVIOUS_EVENTS)
    name = "ours: store to shuffled batches"
    yield "a Python loop over events", len(some) / seconds(lambda: loop(frame, some)), name
    for workers in (0, 2):
        label = f"a Dataset of one event each, padded, {workers} workers"
        yield label, len(some) / seconds(lambda workers=workers: dataset(frame, some, workers)), name


def main() -> None:
    """Measure in a temporary folder."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=200_000, help="200,000 are a file of the competition")
    events = parser.parse_args().events
    counts = likely_pulse_counts(events)
    title = (
        f"{events:,} events: {np.median(counts):.0f} pulses in the median, {counts.mean():.0f} in the mean"
    )
    table, rates = Table(title=title), dict[str, float]()
    for heading in ("way", "events/s", "part of"):
        table.add_column(heading, justify="left" if heading == "way" else "right")
    with tempfile.TemporaryDirectory() as folder:
        for name, rate, baseline in measured(Path(folder), events, load_detector("icecube86")):
            rates[name] = rate
            part = f"{100 * rate / rates[baseline]:.1f} % of {baseline}" if baseline else ""
            table.add_row(name, f"{rate:,.0f}", part)
    Console(width=150).print(table)


if __name__ == "__main__":
    main()

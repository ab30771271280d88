"""How well blocks and windows shuffle, compared with a full shuffle, and what that costs.

python benchmarks/bench_shuffle.py --events 400000

The events of the file are in the worst order: sorted by what is to be learned, as in a folder with a file of tracks and a
file of cascades. Reported are, for batches of 32 events,
  unevenness   variance over batches of the mean place in the file, in units of that of a full shuffle (1 is perfect)
  same block   part of the pairs of a batch that come from one block (a full shuffle: next to none)
  far          median distance in the epoch of events that are neighbours in the file, in units of a full shuffle's
  correlation  of the place in the epoch with the place in the file
"""

import argparse
import os
import tempfile
import time
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import pyarrow.parquet as pq
from rich.console import Console
from rich.table import Table

from icereco.data.sources.source import open_source
from icereco.data.store.prepare import prepare
from icereco.data.store.store import Store
from icereco.data.stream.stream import Budget, Portion, Stream
from icereco.detector.detector import Detector, load_detector
from icereco.testing.random_events import likely_pulse_counts, random_events

BATCH = 32
SETTINGS = ((4096, 8), (1024, 32), (256, 32), (256, 64), (256, 128), (256, 256), (64, 512))
"""Events of a block, blocks of a window."""


def make(folder: Path, events: int) -> Path:
    """A parquet file of random events, whose ids are their rows."""
    path = folder / "events.parquet"
    counts = np.minimum(likely_pulse_counts(events), 2_000)
    with pq.ParquetWriter(path, random_events(counts[:1]).schema) as writer:
        for part, start in enumerate(range(0, events, 50_000)):
            writer.write_table(random_events(counts[start : start + 50_000], seed=part * 50))
    return path


def epoch(store: Store, detector: Detector, window_blocks: int) -> tuple[list[np.ndarray], float]:
    """The places in the file of the events of each batch, and events/s."""
    stream = Stream([Portion(store)], detector, Budget(10**9, 10**9, BATCH), window_blocks=window_blocks)
    batches = [batch.event_id - 1_000 for batch in stream.epoch(0)]
    started = time.perf_counter()
    for _ in stream.epoch(1):
        pass
    return batches, len(store) / (time.perf_counter() - started)


def figures(batches: list[np.ndarray], events: int, block_events: int) -> list[str]:
    """The four figures of the table."""
    order = np.concatenate(batches)
    means = np.array([batch.mean() / events for batch in batches if len(batch) == BATCH])
    uneven = means.var() / (1 / 12 / BATCH)
    blocks = [np.unique(batch // block_events, return_counts=True)[1] for batch in batches]
    pairs = sum(int((count * (count - 1)).sum()) for count in blocks)
    same = pairs / sum(len(batch) * (len(batch) - 1) for batch in batches)
    place = np.argsort(order)
    far = np.median(np.abs(np.diff(place))) / (events * (1 - np.sqrt(0.5)))
    correlation = abs(np.corrcoef(order, np.arange(events))[0, 1])
    return [f"{uneven:.2f}", f"{100 * same:.2f} %", f"{far:.2f}", f"{correlation:.3f}"]


def main() -> None:
    """Measure in a temporary folder."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=400_000)
    events = parser.parse_args().events
    detector, console = load_detector("icecube86"), Console()
    table = Table(title=f"{events:,} events, batches of {BATCH}")
    for heading in ("block", "window", "unevenness", "same block", "far", "correlation", "events/s"):
        table.add_column(heading, justify="right")
    with tempfile.TemporaryDirectory() as name:
        path = make(Path(name), events)
        for block_events, window_blocks in SETTINGS:
            folder = Path(name) / f"store{block_events}"
            store = prepare(open_source(path), detector, folder, block_events=block_events)
            batches, rate = epoch(store, detector, window_blocks)
            row = figures(batches, events, block_events)
            table.add_row(f"{block_events:,}", f"{block_events * window_blocks:,}", *row, f"{rate:,.0f}")
        full = np.random.default_rng(0).permutation(events)
        table.add_row("full shuffle", "", *figures(np.array_split(full, events // BATCH), events, 256), "")
    console.print(table)


if __name__ == "__main__":
    main()

"""How fast a prepared store streams, beside plain reads of the same files and the machine's copy speed.

python benchmarks/bench_data.py --events 200000
"""

import argparse
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from icereco.data.sources import open_source
from icereco.data.store import Store, prepare
from icereco.data.stream import Budget, Stream
from icereco.detector import Detector, load_detector
from icereco.testing.random_events import likely_pulse_counts, random_events


def seconds(work: Callable[[], object]) -> float:
    """Wall time of one call."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def copy_rate() -> float:
    """Bytes copied per second, one core, larger than any cache."""
    block = np.ones(1 << 27, np.uint8)
    target = np.empty_like(block)
    return len(block) / min(seconds(lambda: np.copyto(target, block)) for _ in range(5))


def make(folder: Path, events: int) -> Path:
    """A parquet file of random events."""
    path = folder / "events.parquet"
    counts = likely_pulse_counts(events)
    with pq.ParquetWriter(path, random_events(counts[:1]).schema) as writer:
        for part, start in enumerate(range(0, events, 50_000)):
            writer.write_table(random_events(counts[start : start + 50_000], seed=part * 100))
    return path


def drain(stream: Stream, epoch: int) -> int:
    """Go through an epoch, touching every pulse once, as a model would."""
    return sum(int(batch.auxiliary.sum()) for batch in stream.epoch(epoch))


def report(name: str, events: int, elapsed: float, size: int) -> None:
    """One line of the table."""
    print(f"{name:<44} {events / elapsed:>12,.0f} events/s {size / elapsed / 1e9:>8.2f} GB/s")


def read_plain(store: Store) -> None:
    """Copy every value of the store once with pyarrow and NumPy alone."""
    for file in sorted(store.folder.glob("*.arrow")):
        table = pa.ipc.open_file(pa.memory_map(str(file))).read_all()
        for name in ("sensor_id", "time", "charge"):
            for chunk in table[name].chunks:
                chunk.values.to_numpy().copy()


def read_polars(store: Store) -> None:
    """Polars reads the same files and sums every pulse column."""
    for file in sorted(store.folder.glob("*.arrow")):
        frame = pl.read_ipc(file)
        frame.select(pl.col("time", "charge", "sensor_id").list.sum().sum())


def measure(folder: Path, events: int, detector: Detector) -> None:
    """Prepare a store in `folder` and print every rate."""
    path = make(folder, events)
    source = open_source(path)
    made: list[Store] = []
    elapsed = seconds(lambda: made.append(prepare(source, detector, folder / "store")))
    store = made[0]
    size = sum(shard.bytes for shard in store.manifest.shards)
    manifest = store.manifest
    print(
        f"{events:,} events, {manifest.pulses / events:.0f} pulses and {manifest.doms / events:.0f} DOMs on average"
    )
    print(f"{'memory copy (read + write once)':<44} {'':>21} {copy_rate() / 1e9:>8.2f} GB/s")
    report("parquet to store (read, check, sort, write)", events, elapsed, size)
    parquet_size = path.stat().st_size
    report(
        "  of which pyarrow reads the parquet",
        events,
        seconds(lambda: pq.read_table(path, use_threads=False)),
        parquet_size,
    )
    report(
        "plain pyarrow + NumPy copy of the store",
        events,
        min(seconds(lambda: read_plain(store)) for _ in range(3)),
        size,
    )
    report(
        "plain Polars read + sum of the store",
        events,
        min(seconds(lambda: read_polars(store)) for _ in range(3)),
        size,
    )
    for workers in (0, 4):
        stream = Stream(store, detector, budget=Budget(32_768, 16_384, 1_024), workers=workers)
        drain(stream, 0)
        best = min(seconds(lambda stream=stream, epoch=epoch: drain(stream, epoch)) for epoch in (1, 2, 3))
        report(
            f"stream, shuffled, {'one thread' if not workers else 'with prefetch'}",
            events,
            best,
            size,
        )
    report("batches_per_epoch (plan alone)", events, seconds(lambda: stream.batches_per_epoch(9)), 0)
    pulses = np.array([len(batch.time_ns) for batch in stream.epoch(0)])
    low, middle, high = np.percentile(pulses, [10, 50, 90])
    print(
        f"{len(pulses)} batches; pulses: 10 % {low:,.0f}, half {middle:,.0f}, 90 % {high:,.0f}, at most {pulses.max():,}"
    )


def main() -> None:
    """Measure in a temporary folder."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=100_000)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        measure(Path(folder), arguments.events, load_detector("icecube86"))


if __name__ == "__main__":
    main()

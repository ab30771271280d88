"""A store of tens of millions of small events: how long it takes to open, and the memory that training on it needs.

python benchmarks/bench_big_store.py --events 20000000

The events are small (20 pulses each) so that the disk holds many: what grows with their number is the same for any
size. The store is written from a few blocks of random events with ids of their own, and removed at the end.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import pyarrow as pa
from bench_start import resident, steps
from rich.console import Console

from icereco.data.store.manifest import Geometry, Manifest, shard_name
from icereco.data.store.shards import Shard, sorted_block, store_schema, write_shard
from icereco.data.store.split_by_hash import split
from icereco.data.store.store import Store, open_store
from icereco.data.stream.stream import Budget, Portion, Stream
from icereco.detector.detector import Detector, load_detector
from icereco.testing.random_events import random_events

PULSES, BLOCK, BLOCKS_PER_SHARD, PART = 20, 256, 128, 204_800
console = Console(highlight=False)


def templates() -> list[pa.RecordBatch]:
    """A few different blocks."""
    table = random_events(np.full(64 * BLOCK, PULSES))
    schema = store_schema(table.schema)
    return [sorted_block(batch, schema) for batch in table.to_batches(max_chunksize=BLOCK)]


def numbered(blocks: list[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """Endless blocks, with ids from 0 on."""
    first = 0
    while True:
        for block in blocks:
            yield block.set_column(0, block.schema.field(0), pa.array(np.arange(first, first + BLOCK)))
            first += BLOCK


def write(folder: Path, events: int, detector: Detector) -> None:
    """A store of about so many events, in parts of 200,000 like the files of the Kaggle competition."""
    folder.mkdir()
    blocks, shards, parts = numbered(templates()), list[Shard](), -(-events // PART)
    for part in range(parts):
        for number, start in enumerate(range(0, PART, BLOCK * BLOCKS_PER_SHARD)):
            some = islice(blocks, min(BLOCKS_PER_SHARD, (PART - start) // BLOCK))
            shards.append(write_shard(folder / shard_name(part, number), some, templates_schema()))
    geometry = Geometry(part_events=(PART,) * parts, block_events=BLOCK, blocks_per_shard=BLOCKS_PER_SHARD)
    manifest = Manifest(
        source="random events",
        source_fingerprint="0" * 64,
        reader="icereco",
        detector=detector.name,
        detector_fingerprint=detector.fingerprint,
        geometry=geometry,
        columns=tuple(templates_schema().names),
        shards=tuple(shards),
    )
    (folder / "store.json").write_text(manifest.model_dump_json())


def templates_schema() -> pa.Schema:
    """The schema of every block."""
    return store_schema(random_events(np.array([1])).schema)


def held() -> tuple[float, float]:
    """Anonymous memory of this process now, and the most it ever had in memory with all mapped pages, GiB."""
    lines = Path("/proc/self/status").read_text().splitlines()
    peak = next(int(line.split()[1]) for line in lines if line.startswith("VmHWM"))
    return resident(os.getpid()), peak / 2**20


def stream(store: Store, detector: Detector, events: int) -> None:
    """Open, split and stream part of an epoch, and print times and memory."""
    started = time.perf_counter()
    store = open_store(store.folder)
    parts = split(store, 20_000)
    opened = time.perf_counter() - started
    training = Stream([Portion(store, parts.train)], detector, Budget(100_000, 50_000, 1_024))
    seen, started = 0, time.perf_counter()
    for batch in training.epoch(0):
        if not seen:
            console.print(
                f"opened and split in {opened:.2f} s; first batch {time.perf_counter() - started:.2f} s later"
            )
        seen += len(batch)
        if seen >= events:
            break
    rate = seen / (time.perf_counter() - started)
    console.print(
        f"{seen:,} events streamed at {rate:,.0f} events/s; memory {held()[0]:.2f} GiB now, "
        f"{held()[1]:.2f} GiB at most with all mapped pages"
    )


def train(folder: Path, work: Path, seconds: float) -> None:
    """A real training on it for a while."""
    command = [sys.executable, "-m", "icereco", "train", "--profile", "quick", "--name", "big"]
    command += ["--data", str(folder), "-o", "train.validation_events=20000", "--wandb", "disabled"]
    process = subprocess.Popen(command, cwd=work, stderr=subprocess.DEVNULL)
    peak, first, started = 0.0, 0.0, time.monotonic()
    try:
        while process.poll() is None and time.monotonic() - started < seconds:
            peak = max(peak, _all_pages(process.pid))
            done = steps(work / "runs" / "big" / "status.json")
            first = first or (time.monotonic() - started if done else 0.0)
            time.sleep(0.1)
    finally:
        process.terminate()
        process.wait()
    console.print(
        f"icereco train: first step after {first:.1f} s; {done:,} steps in {seconds:.0f} s, {peak:.2f} GiB at most with all "
        "mapped pages"
    )


def _all_pages(pid: int) -> float:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return sum(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 2**20


def main() -> None:
    """Measure in a temporary folder."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=20_000_000)
    parser.add_argument("--seconds", type=float, default=60, help="how long to train")
    arguments = parser.parse_args()
    detector = load_detector("icecube86")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "store"
        started = time.perf_counter()
        write(folder, arguments.events, detector)
        store = open_store(folder)
        size = sum(shard.bytes for shard in store.manifest.shards) / 1e9
        console.print(
            f"{len(store):,} events, {store.manifest.pulses:,} pulses, {size:.1f} GB in {len(store.manifest.shards)} files, "
            f"written in {time.perf_counter() - started:.0f} s"
        )
        stream(store, detector, arguments.events)
        train(folder, Path(name), arguments.seconds)


if __name__ == "__main__":
    main()

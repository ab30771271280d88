"""How long it takes from typing `icereco train --data FOLDER` to the first step, for a folder of hundreds of files.

python benchmarks/bench_start.py --files 660

The folder is in the Kaggle competition's layout: 200,000 events in each file, and one meta table for all. To spare the
disk the files are links to one, so that event ids repeat from file to file; that is found when all are prepared, long
after the first step. Everything is removed at the end.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from bench_data import make_kaggle
from rich.console import Console

from icereco.detector.detector import load_detector

EVENTS = 200_000


def make(folder: Path, files: int) -> None:
    """One file of events, links to it, and the meta table of all."""
    make_kaggle(folder, EVENTS, load_detector("icecube86"))
    first = folder / "train" / "batch_1.parquet"
    meta = pq.read_table(folder / "train_meta.parquet").select(
        ["batch_id", "event_id", "first_pulse_index", "last_pulse_index", "azimuth", "zenith"]
    )
    with pq.ParquetWriter(folder / "all.parquet", meta.schema, compression="zstd") as writer:
        for number in range(1, files + 1):
            if number > 1:
                (folder / "train" / f"batch_{number}.parquet").symlink_to(first)
            ids = pa.array(np.full(len(meta), number, np.int64))
            writer.write_table(meta.set_column(0, "batch_id", ids))
    (folder / "all.parquet").replace(folder / "train_meta.parquet")


def first_step(folder: Path, work: Path) -> tuple[float, float]:
    """Seconds to the first step, and the peak of the resident memory of all processes until a minute later, GiB."""
    started, waited = time.monotonic(), 0.0
    environment = {**os.environ, "ICERECO_CACHE": str(work / "cache")}
    command = [sys.executable, "-m", "icereco", "train", "--profile", "quick", "--name", "start"]
    command += ["--data", str(folder), "-o", "train.events_per_batch=32", "--wandb", "disabled"]
    process = subprocess.Popen(command, cwd=work, env=environment, stderr=subprocess.DEVNULL)
    peak = 0.0
    try:
        while process.poll() is None and not (waited and time.monotonic() - started > waited + 60):
            if not waited and steps(work / "runs" / "start" / "status.json"):
                waited = time.monotonic() - started
            peak = max(peak, resident(process.pid))
            time.sleep(0.05)
    finally:
        process.terminate()
        process.wait()
    return waited, peak


def steps(status: Path) -> int:
    """Steps that a run has done."""
    try:
        return json.loads(status.read_text()).get("step") or 0
    except (OSError, ValueError):
        return 0


def resident(pid: int) -> float:
    """Anonymous memory of a process and its children, GiB; pages of mapped files can go at any time."""
    total = 0
    children = Path(f"/proc/{pid}/task/{pid}/children")
    try:
        family = [pid, *map(int, children.read_text().split())]
        for one in family:
            lines = Path(f"/proc/{one}/status").read_text().splitlines()
            total += sum(int(line.split()[1]) for line in lines if line.startswith("RssAnon"))
    except OSError:
        return 0.0
    return total / 2**20


def main() -> None:
    """Measure in a temporary folder."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", type=int, default=660)
    files = parser.parse_args().files
    console = Console(highlight=False)
    with tempfile.TemporaryDirectory() as name:
        work = Path(name)
        make(work / "kaggle", files)
        waited, peak = first_step(work / "kaggle", work)
        prepared = len(list((work / "cache").glob("stores/*/part-*.json")))
        console.print(
            f"{files} files, {files * EVENTS:,} events: first step after {waited:.1f} s; a minute later {prepared} files "
            f"are prepared, and all processes together held {peak:.2f} GiB at most"
        )


if __name__ == "__main__":
    main()

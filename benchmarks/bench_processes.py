"""Trainings of the same events by one process and by several, as a user starts them: events/s of their steps.

python benchmarks/bench_processes.py [--events N] [--repeats N] [--profile NAME] [--events-per-step N]

Each training is a command of its own, in turn; compared are medians with those of one process with one thread. The steps
hold the same events in all of them.
"""

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median

from common import console
from rich.table import Table

from icereco.runs.folder import RunFolder
from icereco.system.processors import available_processors


def cases(processors: int) -> list[tuple[int, int]]:
    """Processes, and threads of each."""
    each = [(1, 1), (1, processors), (processors, 1)]
    return each if processors > 1 else each[:1]


def rate(folder: Path, data: Path, profile: str, step: int, processes: int, threads: int) -> float:
    """Events a second of the steps of a training, without those before the first line of metrics."""
    run = RunFolder(folder / "runs" / f"{processes}-{threads}")
    options = (
        "validation_events=50",
        "calibration_events=0",
        "epochs=1",
        f"log_every_steps={-(-320 // step)}",
    )
    options += (f"events_per_batch={step}",)
    words = [word for option in options for word in ("-o", f"train.{option}")]
    counts = ["--processes", str(processes), "--threads", str(threads), "--wandb", "disabled"]
    command = [sys.executable, "-m", "icereco", "train", "--profile", profile, "--data", str(data)]
    named = ["--name", run.name, "--device", "cpu"]
    subprocess.run([*command, *named, *words, *counts], cwd=folder, check=True, capture_output=True)
    lines = [line for line in run.read_metrics() if "train/loss" in line]
    run.delete()
    seconds = lines[-1]["seconds"] - lines[0]["seconds"]
    return float((lines[-1]["events"] - lines[0]["events"]) / seconds)


def main() -> None:
    """Print the rates, and their ratios to one process with one thread."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=2_000)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--profile", default="hierarchical")
    parser.add_argument("--events-per-step", type=int, default=16)
    arguments = parser.parse_args()
    rates: dict[tuple[int, int], list[float]] = {}
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder) / "data"
        words = ["simulate", "--events", str(arguments.events), "--seed", "5", "-o", str(data)]
        subprocess.run([sys.executable, "-m", "icereco", *words], check=True, capture_output=True)
        for _ in range(arguments.repeats):
            for case in cases(available_processors()):
                found = rate(Path(folder), data, arguments.profile, arguments.events_per_step, *case)
                rates.setdefault(case, []).append(found)
    table = Table("processes", "threads each", "events/s", "lowest to highest", "ratio")
    base = median(rates[1, 1])
    for (processes, threads), found in rates.items():
        spread = f"{min(found):.0f} to {max(found):.0f}"
        ratio = f"{median(found) / base:.2f}"
        table.add_row(str(processes), str(threads), f"{median(found):.0f}", spread, ratio)
    console.print(table)


if __name__ == "__main__":
    main()

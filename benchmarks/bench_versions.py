"""Trainings by several versions of icereco in turn, as a user starts them: events/s of their steps, and seconds of the whole command.

python benchmarks/bench_versions.py [CHECKOUT ...] [--events N] [--repeats N] [--profile NAME] [--threads N]

Each CHECKOUT is a folder with another version (`git worktree add FOLDER COMMIT`), which runs in the environment of this one. All train on the
same events, simulated by this version, from a file to a checkpoint with validation. The first CHECKOUT is the baseline; the order
is turned around with each repeat, so that a machine that becomes slower is so for all.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

from common import console
from rich.table import Table

from icereco.runs.folder import RunFolder
from icereco.system.processors import available_processors

HERE = Path(__file__).resolve().parents[1]


def environment(checkout: Path) -> dict[str, str]:
    """Modules of a checkout are found before those that are installed."""
    return os.environ | {"PYTHONPATH": os.pathsep.join(map(str, (checkout, checkout / "plugins")))}


def measured(checkout: Path, folder: Path, data: Path, arguments: argparse.Namespace) -> tuple[float, float]:
    """Events a second of the steps of a training, and seconds of the command."""
    run = RunFolder(folder / "runs" / "measured")
    held_out = ("train.validation_events=500", "train.calibration_events=500", "train.epochs=1")
    options = [word for option in held_out for word in ("-o", option)]
    words = ["--profile", arguments.profile, "--data", str(data), "--name", run.name, "--device", "cpu"]
    started = time.perf_counter()
    subprocess.run(
        [sys.executable, "-m", "icereco", "train", *words, *options, "--threads", str(arguments.threads)],
        cwd=folder,
        env=environment(checkout),
        check=True,
        capture_output=True,
    )
    seconds = time.perf_counter() - started
    (*_, last) = (line for line in run.read_metrics() if "train/loss" in line)
    run.delete()
    return float(last["events"] / last["seconds"]), seconds


def main() -> None:
    """Print the rates, and their ratios to the first version."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("checkouts", type=Path, nargs="*")
    parser.add_argument("--events", type=int, default=4_000)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--profile", default="hierarchical")
    parser.add_argument("--threads", type=int, default=available_processors())
    arguments = parser.parse_args()
    versions = [*(path.resolve() for path in arguments.checkouts), HERE]
    found: dict[Path, list[tuple[float, float]]] = {version: [] for version in versions}
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder) / "data"
        words = ["simulate", "--events", str(arguments.events), "--seed", "7", "-o", str(data)]
        subprocess.run([sys.executable, "-m", "icereco", *words], check=True, capture_output=True)
        for repeat in range(arguments.repeats):
            for version in versions[:: -1 if repeat % 2 else 1]:
                found[version].append(measured(version, Path(folder), data, arguments))
    table = Table("version", "events/s of steps", "lowest to highest", "ratio", "seconds in all")
    base = median(rate for rate, _ in found[versions[0]])
    for version, pairs in found.items():
        rates = [rate for rate, _ in pairs]
        middle, spread = median(rates), f"{min(rates):.0f} to {max(rates):.0f}"
        whole = f"{median(seconds for _, seconds in pairs):.0f}"
        table.add_row(str(version), f"{middle:.0f}", spread, f"{middle / base:.2f}", whole)
    console.print(table)


if __name__ == "__main__":
    main()

"""`icereco simulate`, writing included: the rate of events, and the time until they begin.

Two lengths are run, the second ten times the first: their difference gives the rate, the rest is the start. Given the
interpreters of several installations, they take turns, so that a busy machine is as busy for each.

    python benchmarks/bench_simulation.py [--events 20000] [--workers 2] [--repeats 5] [PYTHON ...]
"""

import argparse
import statistics
import subprocess
import sys
import tempfile
import time


def seconds(python: str, events: int, workers: int, seed: int) -> float:
    """Of one run of the command."""
    with tempfile.TemporaryDirectory() as folder:
        command = [python, "-m", "icereco", "simulate", "--events", str(events), "--seed", str(seed)]
        started = time.perf_counter()
        subprocess.run(
            [*command, "--workers", str(workers), "-o", folder], check=True, stdout=subprocess.DEVNULL
        )
        return time.perf_counter() - started


def main() -> None:
    """Print the medians for each interpreter, and the rate beside that of the first."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("pythons", nargs="*", default=[sys.executable])
    parser.add_argument("--events", type=int, default=20_000)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=5)
    asked = parser.parse_args()
    few = asked.events // 10
    runs: dict[str, list[tuple[float, float]]] = {python: [] for python in asked.pythons}
    for repeat in range(asked.repeats):
        for python in asked.pythons:
            short, long = (seconds(python, events, asked.workers, repeat) for events in (few, asked.events))
            rate = (asked.events - few) / (long - short)
            runs[python].append((rate, short - few / rate))
    first = statistics.median(rate for rate, _ in runs[asked.pythons[0]])
    for python, figures in runs.items():
        rate, start = (statistics.median(column) for column in zip(*figures, strict=True))
        print(f"{python}: {rate:,.0f} events/s ({rate / first:.2f} of the first), start {start:.1f} s")


if __name__ == "__main__":
    main()

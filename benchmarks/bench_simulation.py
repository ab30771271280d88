"""`icereco simulate`, writing included: events a second, processor time of an event, and the time until they begin.

Two lengths are run, the second ten times the first: their difference gives the rate, the rest is the start. Given the
interpreters of several installations, they take turns, so that a busy machine is as busy for each; the processor time
of all processes together depends on that least.

    python benchmarks/bench_simulation.py [--events 30000] [--workers 2] [--repeats 5] [PYTHON ...]
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from typing import NamedTuple


class Cost(NamedTuple):
    """The cost of one run: wall time, and processor time of all its processes, both in s."""

    elapsed: float
    processors: float


class Figures(NamedTuple):
    """Rate, processor time of an event, and start-up time, from a short and a long run."""

    events_per_s: float
    processor_ms: float
    start_s: float


def cost(python: str, events: int, workers: int, seed: int) -> Cost:
    """Run the command once and measure its cost."""
    with tempfile.TemporaryDirectory() as folder:
        command = [python, "-m", "icereco", "simulate", "--events", str(events), "--seed", str(seed)]
        started, before = time.perf_counter(), os.times()
        subprocess.run(
            [*command, "--workers", str(workers), "-o", folder], check=True, stdout=subprocess.DEVNULL
        )
        after = os.times()
        spent = after.children_user + after.children_system - before.children_user - before.children_system
        return Cost(time.perf_counter() - started, spent)


def measure(python: str, events: int, workers: int, seed: int) -> Figures:
    """Measure a short run and a long one, and separate the rate from the start-up."""
    few = events // 10
    short, long = (cost(python, count, workers, seed) for count in (few, events))
    rate = (events - few) / (long.elapsed - short.elapsed)
    processors = (long.processors - short.processors) / (events - few)
    return Figures(rate, 1e3 * processors, short.elapsed - few / rate)


def main() -> None:
    """Print the medians for each interpreter, and the rate relative to that of the first."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("pythons", nargs="*", default=[sys.executable])
    parser.add_argument("--events", type=int, default=30_000)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=5)
    asked = parser.parse_args()
    runs: dict[str, list[Figures]] = {python: [] for python in asked.pythons}
    for repeat in range(asked.repeats):
        for python in asked.pythons:
            runs[python].append(measure(python, asked.events, asked.workers, repeat))
            print(python, " ".join(f"{figure:.3g}" for figure in runs[python][-1]), flush=True)
    first = statistics.median(one.events_per_s for one in runs[asked.pythons[0]])
    for python, all_figures in runs.items():
        median = Figures(*map(statistics.median, zip(*all_figures, strict=True)))
        print(
            f"{python}: {median.events_per_s:,.0f} events/s ({median.events_per_s / first:.2f} of the first), "
            f"{median.processor_ms:.2f} ms of a processor for an event, start {median.start_s:.1f} s"
        )


if __name__ == "__main__":
    main()

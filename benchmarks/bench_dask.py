"""Work in units: this process, processes of this machine, and Dask clusters of one and two workers.

python benchmarks/bench_dask.py --events 4000

Units that do nothing show what a unit costs besides its work; the same simulated events show what is gained. Clusters and
processes are started and have built the simulator before the clock starts; the least of three times is given.
"""

import argparse
import operator
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import partial

os.environ.setdefault("OMP_NUM_THREADS", "1")

from rich.console import Console
from rich.table import Table

from icereco.data.simulated import Simulation
from icereco.detector.detector import load_detector
from icereco.plugins.discovery import registry
from icereco.system.work.executor import Executor, Job
from icereco.system.work.processes import LocalProcesses
from icereco.system.work.schedulers import LOCAL, dask_cluster

UNITS = 400
REPEATS = 3
NOTHING = Job("nothing", partial(partial, operator.is_), str, "worker", "")
"""Its work is to compare a unit with the function that takes reports."""


def unit_seconds(executor: Executor) -> float:
    """Time from the outcome of the first unit to that of the last, for each unit."""
    least = float("inf")
    for _ in range(REPEATS):
        outcomes = executor.outcomes(NOTHING, range(UNITS), lambda *_: None, threading.Event())
        next(outcomes)
        start = time.perf_counter()
        for _ in outcomes:
            pass
        least = min(least, (time.perf_counter() - start) / (UNITS - 1))
    return least


def events_per_second(executor: Executor, events: int) -> float:
    """Of simulated events after the first block."""
    simulator = registry().find("simulator", "ice-telescope")
    simulation = Simulation(simulator, simulator.component.load_options()(), load_detector("icecube86"), 1)
    best = 0.0
    for _ in range(REPEATS):
        blocks = simulation.events(events, executor=executor)
        done, start = -next(blocks).num_rows, time.perf_counter()
        done += events
        for _ in blocks:
            pass
        best = max(best, done / (time.perf_counter() - start))
    return best


@contextmanager
def processes(count: int) -> Iterator[Executor]:
    """Processes of this machine."""
    yield LocalProcesses(count)


def main() -> None:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--events", type=int, default=4000)
    events = parser.parse_args().events
    ways: dict[str, Callable[[], AbstractContextManager[Executor]]] = {
        "this process": partial(processes, 1),
        "2 processes": partial(processes, 2),
        "Dask, 1 worker": partial(dask_cluster, LOCAL, 1),
        "Dask, 2 workers": partial(dask_cluster, LOCAL, 2),
    }
    table = Table("", "a unit besides its work, ms", "events/s", "of this process")
    first = 0.0
    for name, way in ways.items():
        with way() as executor:
            cost, rate = unit_seconds(executor), events_per_second(executor, events)
        first = first or rate
        table.add_row(name, f"{1000 * cost:.2f}", f"{rate:.0f}", f"{rate / first:.2f}")
    Console().print(table)


if __name__ == "__main__":
    main()

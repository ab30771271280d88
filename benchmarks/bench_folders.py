"""Converting and examining a folder by one process and by two, in turns.

python benchmarks/bench_folders.py EVENTS.parquet --repeats 5

The file is first cut into files of 5,000 events. Processes are started within the time, as for a command. As other programs may
run beside it, what counts is the ratio of two times that follow each other, of which the median is given.
"""

import argparse
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

from rich.console import Console
from rich.table import Table

from icereco.data.sources.source import open_source
from icereco.data.write.convert import Conversion, convert
from icereco.detector.detector import load_detector
from icereco.doctor.examine import examine
from icereco.doctor.files import FileWork
from icereco.doctor.sample import take_sample
from icereco.system.work.executor import Executor
from icereco.system.work.processes import LocalProcesses

EVENTS_PER_FILE = 5_000
Job = Callable[[Path, Executor | None], object]


def converted(layout: str) -> Job:
    """Converting, into a new folder."""

    def job(folder: Path, executor: Executor | None) -> None:
        with tempfile.TemporaryDirectory() as place:
            source = open_source(folder)
            out = Path(place) / "out"
            convert(
                Conversion(source, DETECTOR, out, layout, EVENTS_PER_FILE),  # type: ignore[arg-type]
                executor=executor,
            )

    return job


def read(folder: Path, executor: Executor | None) -> object:
    """What the doctor reads, of all events."""
    work = None if executor is None else FileWork(executor)
    return take_sample(open_source(folder), DETECTOR, 10**9, work)


def examined(folder: Path, executor: Executor | None) -> None:
    """The whole doctor, of all events, without the comparison with a training."""
    examine(read(folder, executor))  # type: ignore[arg-type]


DETECTOR = load_detector("icecube86")
JOBS: dict[str, Job] = {
    "data convert": converted("icereco"),
    "data convert --layout kaggle": converted("kaggle"),
    "doctor, reading alone": read,
    "doctor": examined,
}


def seconds(job: Job, folder: Path, executor: Executor | None) -> float:
    """Wall time of a job."""
    start = time.perf_counter()
    job(folder, executor)
    return time.perf_counter() - start


def main() -> None:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("events", type=Path)
    parser.add_argument("--repeats", type=int, default=5)
    given = parser.parse_args()
    table = Table("", "one process, s", "two, s", "ratio, median", "least and most")
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / "events"
        convert(Conversion(open_source(given.events), DETECTOR, folder, events_per_file=EVENTS_PER_FILE))
        for name, job in JOBS.items():
            pairs = [
                (seconds(job, folder, None), seconds(job, folder, LocalProcesses(2)))
                for _ in range(given.repeats)
            ]
            one, two = (statistics.median(times) for times in zip(*pairs, strict=True))
            ratios = sorted(first / second for first, second in pairs)
            span = f"{ratios[0]:.2f} {ratios[-1]:.2f}"
            table.add_row(name, f"{one:.1f}", f"{two:.1f}", f"{statistics.median(ratios):.2f}", span)
    Console().print(table)


if __name__ == "__main__":
    main()

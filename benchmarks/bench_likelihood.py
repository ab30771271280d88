"""The likelihood with its derivatives by machine code and by tensors, side by side, with one thread.

python benchmarks/bench_likelihood.py --events 100 --starts 20

Both compute log L, its gradient and its information for the same jobs: events as they come, each from so many starting points around
its true direction. Times are those of the processor, as other programs may run beside; the least of three.
"""

import argparse
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import torch
from common import console
from rich.table import Table

from icereco.data.simulated import simulate
from icereco.detector.detector import load_detector
from icereco.events.observations import Observer
from icereco.physics.light.light import LightModel
from icereco.physics.likelihood.climb import climb, climb_by_tensors
from icereco.physics.likelihood.likelihood import Likelihood
from icereco.physics.likelihood.observation import Observation
from icereco.physics.likelihood.sources import HYPOTHESES, Hypothesis, Sources

JITTER_NS = 15.0
REPEATS = 3


@dataclass(frozen=True)
class Group:
    """Jobs of events of similar size."""

    seen: Observation
    event: torch.Tensor
    start: Sources


def groups(events: int, starts: int) -> list[Group]:
    """Simulated events, with starting points around their true directions."""
    batch = simulate(events, seed=3)
    assert batch.truth is not None
    noise = torch.Generator().manual_seed(1)
    made = []
    for observed in Observer(load_detector("icecube86"), time_error=0.3)(batch):
        event = torch.arange(len(observed.event)).repeat_interleave(starts)
        travel = torch.from_numpy(-batch.truth.direction[observed.event])[event]
        travel = travel + 0.1 * torch.randn(travel.shape, dtype=travel.dtype, generator=noise)
        ones = torch.ones(len(event), dtype=torch.float64)
        place = torch.from_numpy(observed.centre_m)[event]
        start = Sources(
            travel / travel.norm(dim=1, keepdim=True), place, 0 * ones, ones, 6 * ones, 300 * ones
        )
        made.append(Group(observed.observation, event, start))
    return made


def seconds(job: Callable[[], object]) -> float:
    """Processor time of a job, the least of some."""
    times = []
    for _ in range(REPEATS):
        begun = time.process_time()
        job()
        times.append(time.process_time() - begun)
    return min(times)


def by_code(likelihood: Likelihood, hypothesis: Hypothesis, jobs: list[Group]) -> None:
    """What an event's climb begins with, by machine code."""
    for job in jobs:
        climb(likelihood, hypothesis, job.start, job.seen, job.event, JITTER_NS, 0)


def by_tensors(likelihood: Likelihood, hypothesis: Hypothesis, jobs: list[Group]) -> None:
    """The same by tensors, in float32."""
    for job in jobs:
        seen = job.seen.to(torch.device("cpu"), torch.float32)
        climb_by_tensors(likelihood, hypothesis, job.start, seen, job.event, JITTER_NS, 0)


def main() -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--events", type=int, default=100)
    parser.add_argument("--starts", type=int, default=20)
    given = parser.parse_args()
    torch.set_num_threads(1)
    jobs = groups(given.events, given.starts)
    likelihood = Likelihood(LightModel(load_detector("icecube86")), 0.3)
    single = Likelihood(LightModel(load_detector("icecube86")), 0.3).float()
    modules = sum(int((job.seen.weight > 0).sum()) for job in jobs) * given.starts
    count = sum(len(job.event) for job in jobs)
    table = Table("hypothesis", "tensors, µs a job", "machine code, µs a job", "ratio", "ns a module")
    for hypothesis in HYPOTHESES.values():
        code = seconds(partial(by_code, likelihood, hypothesis, jobs))
        tensors = seconds(partial(by_tensors, single, hypothesis, jobs))
        table.add_row(
            hypothesis.name,
            f"{tensors / count * 1e6:.0f}",
            f"{code / count * 1e6:.0f}",
            f"{tensors / code:.1f}",
            f"{code / modules * 1e9:.0f}",
        )
    console.print(f"{count:,} jobs, {modules / count:.0f} modules each")
    console.print(table)


if __name__ == "__main__":
    main()

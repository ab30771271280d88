"""What the benchmarks share: simulated events, medians, and the machine's own ceilings."""

import statistics
import time
from collections.abc import Callable

import pyarrow as pa
import torch
from rich.console import Console

from icereco.detector.detector import load_detector
from icereco.events.batch import EventBatch
from icereco.plugins.discovery import registry
from icereco.profiles import Profile, load_profile
from icereco.tables.assembly import event_batch

console = Console()


def simulated_table(count: int, seed: int = 7) -> pa.Table:
    """The first `count` events of the default simulation, as rows."""
    detector = load_detector("icecube86")
    component = registry().components("simulator")[0]
    simulator = component.load_factory()(component.load_options()(), detector)
    blocks, found = [], 0
    for block in simulator.blocks(seed):
        blocks.append(block)
        found += block.num_rows
        if found >= count:
            break
    return pa.Table.from_batches(blocks).slice(0, count)


def simulated_events(count: int, seed: int = 7) -> EventBatch:
    """The same as a batch."""
    return event_batch(simulated_table(count, seed), load_detector("icecube86"))


def median_seconds(work: Callable[[], object], repeats: int = 7) -> float:
    """The median time of `work`, after one run to warm up."""
    work()
    times = []
    for _ in range(repeats):
        started = time.perf_counter()
        work()
        times.append(time.perf_counter() - started)
    return statistics.median(times)


def matmul_rate(dtype: torch.dtype = torch.float32, size: int = 1536) -> float:
    """The machine's ceiling for matrix products, FLOP/s: the best of several sizes of the same work."""
    matrix = torch.randn(size, size).to(dtype)
    return 2 * size**3 / median_seconds(lambda: matrix @ matrix)


def copy_rate() -> float:
    """The machine's ceiling for moving memory, bytes/s read and written."""
    source = torch.randn(32_000_000)
    target = torch.empty_like(source)
    return 2 * source.numel() * 4 / median_seconds(lambda: target.copy_(source))


def flops_forward(batch: EventBatch, profile: Profile) -> float:
    """Arithmetic that T1 and T2 need for these events without any padding, forward, in FLOP.

    A token costs 24·width² in each layer (query, key, value, output: 8·width²; MLP: 16·width²), and a pair of tokens
    of one sequence 4·width (q·k and weights·v). Embeddings and head are left out.
    """
    aggregator, encoder = profile.role("aggregator").options, profile.role("encoder").options
    pulses = torch.from_numpy(batch.pulse_offsets).diff().double()
    doms = torch.from_numpy(batch.dom_offsets).diff().double() + 1  # the summary token
    width = aggregator.width
    return sum(
        options.layers * (24 * width**2 * float(lengths.sum()) + 4 * width * float((lengths**2).sum()))
        for options, lengths in ((aggregator, pulses), (encoder, doms))
    )


def hierarchical(*overrides: str) -> Profile:
    """The reference profile."""
    return load_profile("hierarchical", overrides)


def show_machine() -> tuple[float, float]:
    """Print and return the ceilings: float32 matmul FLOP/s and copy bytes/s."""
    matmul, copy = matmul_rate(), copy_rate()
    console.print(
        f"machine: {torch.get_num_threads()} threads, torch {torch.__version__}, "
        f"matmul {matmul / 1e9:.0f} GFLOP/s float32, copy {copy / 1e9:.1f} GB/s"
    )
    return matmul, copy

"""Does it pay to put events of one length into a batch? Training steps with batches by length, and with mixed ones.

python benchmarks/bench_buckets.py --events 1024

The same events in as many batches of the same size; only the grouping differs. Where batches are padded, length
bucketing spares the padding; here nothing is padded.
"""

import argparse
import time

import numpy as np
import pyarrow as pa
import torch
from common import console, hierarchical, show_machine

from icereco.data.simulated import Simulation
from icereco.detector.detector import load_detector
from icereco.events.batch import EventBatch
from icereco.events.tensors import to_tensors, truth_tensors
from icereco.model.model import Model, build_model
from icereco.plugins.discovery import registry
from icereco.tables.assembly import event_batch

BATCH = 32


def step(model: Model, batch: EventBatch) -> None:
    """Forward and backward."""
    assert batch.truth is not None  # simulated events have one
    outputs = model(to_tensors(batch, torch.device("cpu")))
    model.loss(outputs, truth_tensors(batch.truth, torch.device("cpu"))).mean().backward()
    model.zero_grad()


def run(model: Model, batches: list[EventBatch]) -> float:
    """Seconds for all batches."""
    started = time.perf_counter()
    for batch in batches:
        step(model, batch)
    return time.perf_counter() - started


def main() -> None:
    """Measure both orders in turn, several times."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=1024)
    count = parser.parse_args().events
    detector, simulator = load_detector("icecube86"), registry().find("simulator", "ice-telescope")
    simulation = Simulation(simulator, simulator.component.load_options()(), detector, 3)
    table = pa.Table.from_batches(list(simulation.events(count, workers=1)))
    pulses = event_batch(table, detector).pulse_count
    show_machine()
    orders = {"mixed": np.random.default_rng(0).permutation(count), "by length": np.argsort(pulses)}
    batches = {
        name: [event_batch(table.take(rows), detector) for rows in np.array_split(order, count // BATCH)]
        for name, order in orders.items()
    }
    model = build_model(hierarchical(), detector, 1)
    seconds = dict.fromkeys(batches, np.inf)
    for _ in range(3):
        for name, some in batches.items():
            seconds[name] = min(seconds[name], run(model, some))
    for name, some in batches.items():
        padded = sum(len(batch) * int(batch.pulse_count.max()) for batch in some) / pulses.sum()
        console.print(
            f"{name:<10} {count / seconds[name]:7.1f} events/s, {seconds['mixed'] / seconds[name]:.2f} of mixed; padded to "
            f"the longest they would be {padded:.1f} times as many pulses"
        )


if __name__ == "__main__":
    main()

"""T1 alone, forward and backward, on default simulated events: kernel against kernel.

Run: python benchmarks/bench_attention.py
Baseline: `packed`, rows of 512 pulses with a dense document mask.
"""

import numpy as np
import torch
from common import console, hierarchical, median_seconds, show_machine, simulated_events
from torch import Tensor

from icereco.detector import load_detector
from icereco.events import EventBatch
from icereco.model import build_model
from icereco.tensors import to_tensors


def seconds_per_event(kernel: str, batch: EventBatch, repeats: int) -> float:
    """Median time of a forward and backward pass of T1."""
    model = build_model(hierarchical(f"aggregator.kernel={kernel}"), load_detector("icecube86"))
    tensors = to_tensors(batch, torch.device("cpu"))
    features = model.normalizer(tensors).pulses

    def work() -> Tensor:
        vectors = model.aggregator(features, tensors.pulse_offsets)
        vectors.square().sum().backward()
        return vectors

    return median_seconds(work, repeats) / len(batch)


def main() -> None:
    """Print the rates and their ratios."""
    show_machine()
    batch = simulated_events(64)
    console.print(
        f"64 events, {len(batch.time_ns)} pulses, {len(batch.sensor_id)} DOMs, "
        f"longest DOM {np.diff(batch.pulse_offsets).max()} pulses"
    )
    baseline = seconds_per_event("packed", batch, 3)
    for kernel, repeats in (("packed", 0), ("reference", 1), ("bucketed", 5)):
        seconds = seconds_per_event(kernel, batch, repeats) if repeats else baseline
        console.print(f"{kernel:10} {1 / seconds:8.1f} events/s   {baseline / seconds:6.2f} × packed")


if __name__ == "__main__":
    main()

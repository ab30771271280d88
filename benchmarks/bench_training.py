"""Whole training steps and inference of `hierarchical`, as a part of the machine's matmul rate, and the fixed cost of a step.

Run: python benchmarks/bench_training.py
Baseline: the machine's own float32 matmul rate, measured in the same run.
"""

import torch
from common import console, flops_forward, hierarchical, median_seconds, show_machine, simulated_events

from icereco.detector.detector import load_detector
from icereco.events.batch import EventBatch
from icereco.events.tensors import to_tensors, truth_tensors
from icereco.model.model import Model, build_model
from icereco.model.precision import training_precision
from icereco.training.optimizer import Optimizers, build_optimizers

SMALL, LARGE = 16, 64
"""Events of a step: those of the profile, and many."""


def main() -> None:
    """Print events/s and the part of the ceiling, and what a step costs however few events it has."""
    matmul, _ = show_machine()
    profile, events = hierarchical(), simulated_events(4 * LARGE)
    model = build_model(profile, load_detector("icecube86"))
    optimizers = build_optimizers(model, profile.train)
    console.print(
        f"{sum(p.numel() for p in model.parameters()) / 1e6:.2f} M parameters; {len(events.time_ns) / len(events):.0f} "
        f"pulses and {len(events.sensor_id) / len(events):.0f} DOMs an event in the mean"
    )
    forward = flops_forward(events, profile) / len(events)
    console.print(f"needs {forward / 1e9:.3f} GFLOP forward per event, three times that to train")

    def report(name: str, seconds: float, count: int, factor: int) -> None:
        rate = factor * count * forward / seconds
        console.print(
            f"{name}: {count / seconds:6.1f} events/s   {rate / 1e9:6.1f} GFLOP/s   {rate / matmul:5.1%} of the matmul rate"
        )

    seconds = {count: training_seconds(model, optimizers, events, count) for count in (SMALL, LARGE)}
    for count, taken in seconds.items():
        report(f"train, steps of {count} events", taken, count, 3)
    each = (seconds[LARGE] - seconds[SMALL]) / (LARGE - SMALL)
    console.print(
        f"an event costs {1e3 * each:.2f} ms, a step {1e3 * (seconds[SMALL] - SMALL * each):.0f} ms besides"
    )
    report("infer", median_seconds(lambda: model.reconstruct(events)), len(events), 1)


def training_seconds(model: Model, optimizers: Optimizers, events: EventBatch, count: int) -> float:
    """Mean seconds of a training step on `count` events, over batches that differ in every length as those of a training."""
    device, options = torch.device("cpu"), hierarchical().train
    batches = [events[first : first + count] for first in range(0, len(events), count)]
    made = [(to_tensors(batch, device), truth_tensors(batch.truth, device)) for batch in batches]

    def steps() -> None:
        for tensors, truth in made:
            with training_precision(options, device):
                outputs = model(tensors)
            optimizers.zero_grad()
            model.loss(outputs, truth).mean().backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), options.gradient_clip)
            optimizers.step(1.0)

    return median_seconds(steps, repeats=5) / len(made)


if __name__ == "__main__":
    main()

"""A whole training step and inference of `hierarchical`, as a part of the machine's matmul rate.

Run: python benchmarks/bench_training.py
Baseline: the machine's own float32 matmul rate, measured in the same run.
"""

import torch
from common import console, flops_forward, hierarchical, median_seconds, show_machine, simulated_events

from icereco.detector.detector import load_detector
from icereco.events.tensors import to_tensors, truth_tensors
from icereco.model.model import build_model
from icereco.model.precision import training_precision
from icereco.training.optimizer import build_optimizers


def main() -> None:
    """Print events/s and the part of the ceiling."""
    matmul, _ = show_machine()
    profile, batch, device = hierarchical(), simulated_events(64), torch.device("cpu")
    model = build_model(profile, load_detector("icecube86"))
    optimizers = build_optimizers(model, profile.train)
    tensors, truth = to_tensors(batch, device), truth_tensors(batch.truth, device)
    console.print(
        f"{sum(p.numel() for p in model.parameters()) / 1e6:.2f} M parameters; 64 events, "
        f"{len(batch.time_ns) / 64:.0f} pulses and {len(batch.sensor_id) / 64:.0f} DOMs in the mean"
    )

    def step() -> None:
        with training_precision(profile.train, device):
            outputs = model(tensors)
        loss = model.loss(outputs, truth).mean()
        optimizers.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizers.step(1.0)

    def infer() -> None:
        with training_precision(profile.train, device):
            model.reconstruct(batch)

    forward = flops_forward(batch, profile)
    console.print(f"needs {forward / 64 / 1e9:.3f} GFLOP forward per event, three times that to train")
    for name, work, factor in (("train", step, 3), ("infer", infer, 1)):
        seconds = median_seconds(work)
        console.print(
            f"{name}: {64 / seconds:6.1f} events/s   {factor * forward / seconds / 1e9:6.1f} GFLOP/s   "
            f"{factor * forward / seconds / matmul:5.1%} of the matmul rate"
        )


if __name__ == "__main__":
    main()

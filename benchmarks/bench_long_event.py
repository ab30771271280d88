"""One event of 100,000 pulses on 2,200 DOMs, nothing cut.

Run: python benchmarks/bench_long_event.py
Baseline: the same arithmetic at the machine's float32 matmul rate.
"""

import resource

import numpy as np
import torch
from common import console, flops_forward, hierarchical, median_seconds, show_machine

from icereco.detector.detector import load_detector
from icereco.events.batch import EventBatch
from icereco.model.model import build_model
from icereco.model.precision import training_precision


def long_event(pulses: int = 100_000, doms: int = 2_200, seed: int = 1) -> EventBatch:
    """DOMs whose numbers of pulses fall off as they do near a bright track."""
    generator = np.random.default_rng(seed)
    detector = load_detector("icecube86")
    weights = generator.lognormal(sigma=1.7, size=doms)
    weights = np.minimum(
        weights, 8 * np.median(weights)
    )  # as in simulated events of this size: a few hundred at most
    counts = 1 + generator.multinomial(pulses - doms, weights / weights.sum())
    sensor_id = np.sort(generator.choice(5160, doms, replace=False)).astype(np.int32)
    offsets = np.concatenate([[0], np.cumsum(counts)])
    time_ns = np.concatenate([np.sort(generator.uniform(9_000, 20_000, count)) for count in counts])
    return EventBatch(
        event_id=np.array([1]),
        dom_offsets=np.array([0, doms]),
        sensor_id=sensor_id,
        position_m=detector.position_m[sensor_id],
        pulse_offsets=offsets,
        time_ns=time_ns,
        charge_pe=generator.exponential(1.0, pulses).astype(np.float32),
        auxiliary=np.zeros(pulses, bool),
    )


def main() -> None:
    """Print the time, the ceiling and the memory."""
    matmul, _ = show_machine()
    profile, batch = hierarchical(), long_event()
    model = build_model(profile, load_detector("icecube86"))

    def infer() -> None:
        with training_precision(profile.train, torch.device("cpu")):
            model.reconstruct(batch)

    seconds = median_seconds(infer, 3)
    ideal = flops_forward(batch, profile) / matmul
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    console.print(
        f"{seconds:.2f} s for 100,000 pulses on 2,200 DOMs (longest {np.diff(batch.pulse_offsets).max()}); "
        f"the arithmetic alone at the matmul rate: {ideal:.2f} s ({ideal / seconds:.0%}); peak {peak:.1f} GB"
    )


if __name__ == "__main__":
    main()

"""The arithmetic of training steps as torch's counter finds it, and what a training on many events would take of a card.

Run: python benchmarks/bench_flops.py [PROFILE [ROLE.KEY=VALUE…]]
Baseline: the arithmetic of the same layers by formula (`common.flops_forward`), and the peak rates of cards as sold.
No training of this size has been run: the hours are the arithmetic divided by an assumed part of the card's peak.
"""

import sys

import torch
from common import console, flops_forward, simulated_events
from torch.utils.flop_counter import FlopCounterMode

from icereco.detector.detector import load_detector
from icereco.events.batch import EventBatch
from icereco.events.tensors import to_tensors, truth_tensors
from icereco.model.model import Model, build_model
from icereco.profiles import Profile, load_profile
from icereco.training.optimizer import Optimizers, build_optimizers

EVENTS, COUNTED_AT_ONCE = 2_048, 64
TRAINED_EVENTS = 130_200_000
"""Of the Kaggle competition: 651 files of 200,000, without those to validate and to test on."""

KAGGLE_PULSES = 172
"""Pulses of an event in the mean, where the numbers of pulses are those of IceCube's data (docs/performance.md)."""

CARDS = {"H100 or H200": 989e12, "A100": 312e12}
"""Peak rates of dense bfloat16 products in FLOP/s, of NVIDIA's data sheets."""

PARTS = (0.03, 0.1)
"""Assumed parts of the peak: nothing here measures them."""

CPU = torch.device("cpu")


def main() -> None:
    """Print FLOP per event and per step of a profile, and hours of cards."""
    name, *overrides = sys.argv[1:] or ["hierarchical"]
    torch.set_num_threads(1)
    events = simulated_events(EVENTS)
    console.print(
        f"{len(events)} events; {len(events.time_ns) / len(events):.0f} pulses and "
        f"{len(events.sensor_id) / len(events):.0f} DOMs an event in the mean"
    )
    report(load_profile(name, overrides), events)


def report(profile: Profile, events: EventBatch) -> None:
    """Print the figures of a profile."""
    model = build_model(profile, load_detector("icecube86"))
    forward, backward = flops_of(model, events)
    step = flops_of_optimizers(build_optimizers(model, profile.train))
    size = sum(parameter.numel() for parameter in model.parameters()) / 1e6
    console.print(
        f"[bold]{profile.name}[/]: {size:.2f} M parameters, steps of {profile.train.events_per_batch} events"
    )
    console.print(
        f"  an event: forward {forward / 1e9:.3f} GFLOP, backward {backward / 1e9:.3f} ({backward / forward:.2f} ×)"
    )
    if profile.role("aggregator").component.name == "flex-attention":
        formula = flops_forward(events, profile) / len(events)
        console.print(
            f"  forward by formula: {formula / 1e9:.3f} GFLOP; counted {forward / formula:.2f} of it"
        )
    of_step = step / profile.train.events_per_batch
    console.print(f"  optimizer: {step / 1e9:.2f} GFLOP a step, {of_step / 1e9:.3f} an event")
    brighter = KAGGLE_PULSES * len(events) / len(events.time_ns)
    needed = (
        brighter * (2 * forward + backward) + of_step
    )  # large batches run forward again in the backward pass
    console.print(
        f"  as bright as Kaggle's ({brighter:.2f} ×), forward twice: {needed / 1e9:.2f} GFLOP an event"
    )
    show_hours(TRAINED_EVENTS * needed)


def flops_of(model: Model, events: EventBatch) -> tuple[float, float]:
    """FLOP per event, forward and backward, in float32 without any padding."""
    forward = backward = 0
    for first in range(0, len(events), COUNTED_AT_ONCE):
        batch = events[first : first + COUNTED_AT_ONCE]
        tensors, truth = to_tensors(batch, CPU), truth_tensors(batch.truth, CPU)
        with FlopCounterMode(display=False) as counter:
            loss = model.loss(model(tensors), truth).mean()
        forward += counter.get_total_flops()
        with FlopCounterMode(display=False) as counter:
            loss.backward()
        backward += counter.get_total_flops()
    return forward / len(events), backward / len(events)


def flops_of_optimizers(optimizers: Optimizers) -> float:
    """FLOP of a step of the optimizers, which does not depend on the events."""
    with FlopCounterMode(display=False) as counter:
        optimizers.step(1.0)
    return float(counter.get_total_flops())


def show_hours(flops: float) -> None:
    """Print how long cards would take for an epoch of all events."""
    console.print(f"  an epoch of {TRAINED_EVENTS:,} events: {flops:.2e} FLOP")
    for card, peak in CARDS.items():
        hours = ", ".join(f"{flops / (part * peak) / 3600:.1f} h at {part:.0%} of the peak" for part in PARTS)
        console.print(f"  {card}: {hours}")


if __name__ == "__main__":
    main()

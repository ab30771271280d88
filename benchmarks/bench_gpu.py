"""Training steps and inference of a profile on a GPU, by kernel, precision and size of the step, as rows for docs/performance.md.

Run: python benchmarks/bench_gpu.py [--device cuda:0] [--profile hierarchical] [--events 16 64 256 1024]
Baseline: the device's own rate of matrix products in the same precision, measured in the same run. First the directions of
the same model here and on the CPU are compared.
"""

import argparse
import statistics
import time
from collections.abc import Callable

import numpy as np
import torch
from common import console, flops_forward, simulated_events

from icereco.detector.detector import load_detector
from icereco.errors import IcerecoError
from icereco.events.batch import EventBatch
from icereco.events.tensors import to_tensors, truth_tensors
from icereco.model.model import Model, build_model
from icereco.physics.sphere import opening_angle
from icereco.profiles import Profile, load_profile
from icereco.system.devices import find_device
from icereco.training.optimizer import build_optimizers

KERNELS = {"cuda": ("flex", "bucketed"), "cpu": ("auto",)}
PRECISIONS = ("float32", "bfloat16")
BATCHES = 8
"""Of each size, all different: the shapes of a training."""


def main() -> None:
    """Print one row for each kernel, precision and number of events."""
    arguments = parsed()
    try:
        device = find_device(arguments.device)
    except IcerecoError as error:
        raise SystemExit(f"error: {error}") from error
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else "CPU"
    ceilings = {precision: matmul_rate(device, getattr(torch, precision)) for precision in PRECISIONS}
    rates = ", ".join(f"{precision} {rate / 1e12:.1f}" for precision, rate in ceilings.items())
    console.print(f"{name}, torch {torch.__version__}; matrix products in TFLOP/s: {rates}")
    events = simulated_events(BATCHES * max(arguments.events))
    compare(arguments.profile, events[:200], device)
    console.print(
        "| kernel | precision | events a step | compiling | train | of ceiling | memory | infer | of ceiling |"
    )
    console.print("|---|---|---|---|---|---|---|---|---|")
    for kernel in KERNELS[device.type]:
        for precision in PRECISIONS:
            for count in arguments.events:
                line = row(arguments.profile, kernel, precision, events, count, device, ceilings[precision])
                console.print(line, soft_wrap=True)


def parsed() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--profile", default="hierarchical", help="with attention in T1 and T2")
    parser.add_argument("--events", type=int, nargs="+", default=[16, 64, 256, 1024])
    return parser.parse_args()


def profile_of(name: str, kernel: str) -> Profile:
    """The profile with one kernel in T1 and T2."""
    return load_profile(name, [f"aggregator.kernel={kernel}", f"encoder.kernel={kernel}"])


def compare(name: str, events: EventBatch, device: torch.device) -> None:
    """Print how far directions of one model on the device are from those on the CPU."""
    profile, detector = profile_of(name, "auto"), load_detector("icecube86")
    here, there = build_model(profile, detector), build_model(profile, detector).to(device)
    apart = np.degrees(opening_angle(here.reconstruct(events).direction, there.reconstruct(events).direction))
    console.print(
        f"directions of {len(events)} events on the device and on the CPU: {np.nanmax(apart):.2g}° apart at most"
    )


def row(
    name: str,
    kernel: str,
    precision: str,
    events: EventBatch,
    count: int,
    device: torch.device,
    ceiling: float,
) -> str:
    """Measure steps and inference of so many events, in the precision of both."""
    profile = profile_of(name, kernel)
    model = build_model(profile, load_detector("icecube86")).to(device)
    parts = [events[first : first + count] for first in range(0, BATCHES * count, count)]
    flops = flops_forward(events[: BATCHES * count], profile) / BATCHES
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
    started = time.perf_counter()
    steps = training(model, profile, parts, precision, device)
    steps()
    synchronize(device)
    compiling = time.perf_counter() - started
    train = median_seconds(steps, device) / BATCHES
    memory = torch.cuda.max_memory_allocated(device) / 2**30 if device.type == "cuda" else float("nan")
    rounded = precision == "bfloat16"
    infer = (
        median_seconds(lambda: [model.reconstruct(part, rounded=rounded) for part in parts], device) / BATCHES
    )
    return (
        f"| {kernel} | {precision} | {count} | {max(compiling - BATCHES * train, 0.0):.0f} s | {count / train:,.0f} events/s | "
        f"{3 * flops / train / ceiling:.1%} | {memory:.1f} GiB | {count / infer:,.0f} events/s | {flops / infer / ceiling:.1%} |"
    )


def training(
    model: Model, profile: Profile, parts: list[EventBatch], precision: str, device: torch.device
) -> Callable[[], None]:
    """A step on each batch, from arrays on."""
    optimizers = build_optimizers(model, profile.train)

    def steps() -> None:
        for part in parts:
            tensors, truth = to_tensors(part, device), truth_tensors(part.truth, device)
            with torch.autocast(device.type, torch.bfloat16, enabled=precision == "bfloat16"):
                outputs = model(tensors)
            optimizers.zero_grad()
            model.loss(outputs, truth).mean().backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), profile.train.gradient_clip)
            optimizers.step(1.0)

    return steps


def matmul_rate(device: torch.device, dtype: torch.dtype) -> float:
    """The device's rate of matrix products, FLOP/s."""
    size = 8192 if device.type == "cuda" else 1024
    matrix = torch.randn(size, size, device=device).to(dtype)
    return 2 * size**3 / median_seconds(lambda: matrix @ matrix, device)


def median_seconds(work: Callable[[], object], device: torch.device, repeats: int = 5) -> float:
    """The median time of `work`, which the device has then done, after one run to warm up."""
    times = []
    for _ in range(repeats + 1):
        started = time.perf_counter()
        work()
        synchronize(device)
        times.append(time.perf_counter() - started)
    return statistics.median(times[1:])


def synchronize(device: torch.device) -> None:
    """Wait until the device has done all."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


if __name__ == "__main__":
    main()

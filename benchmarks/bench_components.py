"""Every aggregator, encoder, loss and normalizer in place of that of `hierarchical`, and against itself with padding.

Run: python benchmarks/bench_components.py [ROLE…]
Baselines: a training step and inference of `hierarchical`; for T1 and T2 also a straightforward padded implementation
of the same component, forward and backward (`padded.py`; for `transformer` itself, on events filled up to the longest;
`flex-attention` has `bench_attention.py`, as padding it takes tens of gigabytes).
"""

import sys
import time
from collections.abc import Callable

import torch
from common import console, hierarchical, show_machine, simulated_events
from padded import PADDED_AGGREGATORS, PADDED_ENCODERS, filled_up
from torch import Tensor

from icereco.detector.detector import load_detector
from icereco.errors import IcerecoError
from icereco.events.batch import EventBatch
from icereco.events.tensors import TensorBatch, to_tensors, truth_tensors
from icereco.model.model import Model, build_model
from icereco.model.precision import training_precision
from icereco.plugins.component import ROLES
from icereco.plugins.discovery import registry
from icereco.protocols import takes_batch
from icereco.training.optimizer import build_optimizers

EVENTS, REPEATS = 32, 3
CPU = torch.device("cpu")


def model_with(role: str, name: str) -> tuple[Model, object]:
    """`hierarchical` with another component, at its default size, and the profile's training options."""
    profile = hierarchical(f"{role}.use={name}")
    model = build_model(profile, load_detector("icecube86"))
    return model, profile.train


def cpu_seconds(work: Callable[[], object]) -> float:
    """The least time that the processor spends on `work`, after one run to warm up; other processes do not count."""
    work()
    times = []
    for _ in range(REPEATS):
        started = time.process_time()
        work()
        times.append(time.process_time() - started)
    return min(times)


def rates(model: Model, options: object, batch: EventBatch) -> tuple[float, float]:
    """Events per second of processor time, of training steps and of inference."""
    optimizers = build_optimizers(model, options)
    tensors, truth = to_tensors(batch, CPU), truth_tensors(batch.truth, CPU)

    def step() -> None:
        model.train()
        with training_precision(options, CPU):
            outputs = model(tensors)
        optimizers.zero_grad()
        model.loss(outputs, truth).mean().backward()
        optimizers.step(1.0)

    return tuple(len(batch) / cpu_seconds(work) for work in (step, lambda: model.reconstruct(batch)))


def seconds_forward_and_backward(work: Callable[[], Tensor]) -> float:
    """The time of a forward and backward pass."""
    return cpu_seconds(lambda: work().square().sum().backward())


def against_padded(role: str, name: str, model: Model, batch: TensorBatch) -> float | None:
    """How many times faster a component is than itself with padding; None where that has no meaning."""
    if role not in ("aggregator", "encoder") or name == "flex-attention":
        return None
    features = model.normalizer(batch)
    doms = torch.randn(len(batch.sensor_id), hierarchical().role("aggregator").options.width)
    network = getattr(model, role).eval()
    inputs, offsets = (
        ((features.pulses,), batch.pulse_offsets)
        if role == "aggregator"
        else ((doms, features.positions), batch.dom_offsets)
    )
    padded = (PADDED_AGGREGATORS if role == "aggregator" else PADDED_ENCODERS).get(name)
    more = {"batch": batch} if takes_batch(network) else {}

    def ours() -> Tensor:
        return network(*inputs, offsets, **more)

    def padded_loss() -> Tensor:
        if padded is not None:
            return padded(network, *inputs, offsets, batch)
        filled = [filled_up(one, offsets)[0] for one in inputs]
        return network(*filled, filled_up(inputs[0], offsets)[1])

    if padded is not None:
        with torch.no_grad():
            torch.testing.assert_close(padded_loss(), ours(), rtol=1e-3, atol=1e-3)
    return seconds_forward_and_backward(padded_loss) / seconds_forward_and_backward(ours)


def main() -> None:
    """Print a table."""
    torch.set_num_threads(1)  # processor time is that of one thread
    show_machine()
    batch = simulated_events(EVENTS)
    console.print(f"{EVENTS} events, {len(batch.time_ns)} pulses, {len(batch.sensor_id)} DOMs")
    base = rates(*model_with("aggregator", "flex-attention"), batch)
    console.print(f"hierarchical: train {base[0]:.1f} events/s, infer {base[1]:.1f} events/s")
    for role in sys.argv[1:] or ROLES:
        console.print(f"[bold]{role}[/]")
        for name in registry().names(role):
            try:
                console.print(row(role, name, batch, base), soft_wrap=True)
            except IcerecoError as error:  # such as a loss of a third party that needs options
                console.print(f"{role} {name}: {error}")


def row(role: str, name: str, batch: EventBatch, base: tuple[float, float]) -> str:
    """The figures of one component, in a line."""
    model, options = model_with(role, name)
    train, infer = rates(model, options, batch)
    ratio = against_padded(role, name, model, to_tensors(batch, CPU))
    size = sum(value.numel() for value in model.parameters()) / 1e6
    padded = f"{ratio:5.1f} × padded" if ratio else ""
    return f"{role:10} {name:20} train {train / base[0]:5.2f} ×  infer {infer / base[1]:5.2f} ×  {size:5.2f} M  {padded}"


if __name__ == "__main__":
    main()

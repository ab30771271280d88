"""Every aggregator, encoder, loss and normalizer in place of that of `hierarchical`, and against itself with padding.

Run: python benchmarks/bench_components.py [NAME…]
Baselines: a training step and inference of `hierarchical`; for T1 and T2 also a straightforward padded implementation
of the same component, forward and backward (`padded.py`; for `flex-attention` and `transformer` themselves, on sequences
filled up to the longest).
"""

import sys
from collections.abc import Callable

import torch
from common import console, hierarchical, median_seconds, show_machine, simulated_events
from padded import PADDED_AGGREGATORS, PADDED_ENCODERS, filled_up
from rich.table import Table
from torch import Tensor

from icereco.components import ROLES
from icereco.detector import load_detector
from icereco.errors import IcerecoError
from icereco.events import EventBatch
from icereco.model import Model, build_model
from icereco.plugins import registry
from icereco.roles import TensorBatch, asked_for
from icereco.tensors import to_tensors
from icereco.training.optimizer import build_optimizers
from icereco.training.precision import autocast

EVENTS, REPEATS = 48, 3
CPU = torch.device("cpu")


def model_with(role: str, name: str) -> tuple[Model, object]:
    """`hierarchical` with another component, at its default size, and the profile's training options."""
    profile = hierarchical(f"{role}.use={name}")
    model = build_model(profile, load_detector("icecube86"))
    return model, profile.train


def rates(model: Model, options: object, batch: EventBatch) -> tuple[float, float]:
    """Events/s of training steps and of inference."""
    optimizers = build_optimizers(model, options)
    tensors, truth = to_tensors(batch, CPU), torch.from_numpy(batch.truth.direction).float()

    def step() -> None:
        model.train()
        with autocast(options, CPU):
            outputs = model(tensors)
        optimizers.zero_grad()
        model.loss(outputs, truth).mean().backward()
        optimizers.step(1.0)

    return tuple(
        len(batch) / median_seconds(work, REPEATS) for work in (step, lambda: model.reconstruct(batch))
    )


def seconds_forward_and_backward(work: Callable[[], Tensor]) -> float:
    """The median time of a forward and backward pass."""
    return median_seconds(lambda: work().square().sum().backward(), REPEATS)


def against_padded(role: str, name: str, model: Model, batch: TensorBatch) -> float | None:
    """How many times faster a component is than itself with padding; None for roles without ragged sequences."""
    if role not in ("aggregator", "encoder"):
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
    more = asked_for(network, batch)

    def ours() -> Tensor:
        return network(*inputs, offsets, **more)

    def theirs() -> Tensor:
        if padded is not None:
            return padded(network, *inputs, offsets, batch)
        filled = [filled_up(one, offsets)[0] for one in inputs]
        return network(*filled, filled_up(inputs[0], offsets)[1])

    if padded is not None:
        with torch.no_grad():
            torch.testing.assert_close(theirs(), ours(), rtol=1e-3, atol=1e-3)
    return seconds_forward_and_backward(theirs) / seconds_forward_and_backward(ours)


def main() -> None:
    """Print a table."""
    show_machine()
    batch = simulated_events(EVENTS)
    console.print(f"{EVENTS} events, {len(batch.time_ns)} pulses, {len(batch.sensor_id)} DOMs")
    base = rates(*model_with("aggregator", "flex-attention"), batch)
    console.print(f"hierarchical: train {base[0]:.1f} events/s, infer {base[1]:.1f} events/s")
    table = Table("role", "component", "train", "infer", "× padded", "million")
    for role in ROLES:
        for name in registry().names(role):
            if sys.argv[1:] and name not in sys.argv[1:]:
                continue
            try:
                model, options = model_with(role, name)
            except IcerecoError as error:
                console.print(f"{role} {name}: {error}")
                continue
            train, infer = rates(model, options, batch)
            ratio = against_padded(role, name, model, to_tensors(batch, CPU))
            size = sum(value.numel() for value in model.parameters()) / 1e6
            cells = [f"{train / base[0]:.2f} ×", f"{infer / base[1]:.2f} ×"]
            table.add_row(role, name, *cells, f"{ratio:.1f}" if ratio else "", f"{size:.2f}")
    console.print(table)


if __name__ == "__main__":
    main()

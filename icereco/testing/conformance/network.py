"""The promises that aggregators and encoders share, as networks over ragged sequences."""

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from icereco.testing.conformance.subject import Subject, require, require_close

__all__ = [
    "Sequences",
    "evaluate",
    "gradient_per_token",
    "require_all_gradients",
    "require_finite_half_precision",
    "require_repeatable",
    "require_round_trip",
    "require_seeded",
    "seeded",
]

INPUT_WIDTH = 7
COUNTS = (1, 1, 5, 1, 2, 40, 3, 1, 130)
"""Lengths of sequences as in real events: most have one token, a few have many."""

LONG = 5
"""The sequence of `COUNTS` that checks change, to see which outputs depend on it."""


@dataclass(frozen=True)
class Sequences:
    """Random sequences in CSR form: `features[offsets[i]:offsets[i+1]]` are the tokens of sequence `i`."""

    features: Tensor
    positions: Tensor
    offsets: Tensor

    @classmethod
    def random(cls, counts: tuple[int, ...] = COUNTS, width: int = INPUT_WIDTH) -> "Sequences":
        """Normal features and positions."""
        generator = torch.Generator().manual_seed(0)
        lengths = torch.tensor(counts, dtype=torch.int64)
        total = int(lengths.sum())
        return cls(
            torch.randn(total, width, generator=generator),
            torch.randn(total, 3, generator=generator),
            torch.cat([lengths.new_zeros(1), lengths.cumsum(0)]),
        )

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def tokens(self, sequence: int) -> slice:
        """The rows of one sequence."""
        return slice(int(self.offsets[sequence]), int(self.offsets[sequence + 1]))

    def only(self, sequence: int) -> "Sequences":
        """Return one of the sequences alone."""
        rows = self.tokens(sequence)
        count = rows.stop - rows.start
        return Sequences(self.features[rows], self.positions[rows], torch.tensor([0, count]))

    def reordered(self, order: list[int]) -> "Sequences":
        """The sequences in another order."""
        rows = torch.cat([torch.arange(len(self.features))[self.tokens(one)] for one in order])
        lengths = self.offsets.diff()[order]
        offsets = torch.cat([lengths.new_zeros(1), lengths.cumsum(0)])
        return Sequences(self.features[rows], self.positions[rows], offsets)

    def shuffled_inside(self) -> "Sequences":
        """Every sequence with its tokens in another order."""
        generator = torch.Generator().manual_seed(5)
        parts = [
            self.tokens(one).start
            + torch.randperm(self.tokens(one).stop - self.tokens(one).start, generator=generator)
            for one in range(len(self))
        ]
        rows = torch.cat(parts)
        return Sequences(self.features[rows], self.positions[rows], self.offsets)

    def changed(self, sequence: int) -> "Sequences":
        """Other features in one sequence."""
        features = self.features.clone()
        features[self.tokens(sequence)] = features[self.tokens(sequence)] * -2 + 3
        return Sequences(features, self.positions, self.offsets)


Call = Callable[[Any, Sequences], Tensor]
"""How a network of some kind is called with sequences."""


def seeded(subject: Subject, *needs: Any, seed: int = 1, **changes: Any) -> Any:
    """Build the component after seeding, and perturb its weights slightly.

    Layers that start at zero, as many good ones do, would hide a leak, and let no gradient through at first.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = subject.build(*needs, **changes)
    generator = torch.Generator().manual_seed(11)
    with torch.no_grad():
        for weight in network.parameters():
            weight.add_(0.02 * torch.randn(weight.shape, generator=generator))
    return network


def evaluate(network: Any, call: Call, sequences: Sequences) -> Tensor:
    """Its vectors, without dropout or gradients."""
    network.eval()
    with torch.no_grad():
        return call(network, sequences)


def gradient_per_token(network: Any, call: Call, sequences: Sequences, sequence: int | None) -> Tensor:
    """How much the vector of one sequence (of all if None) depends on each token, `[token]`."""
    network.eval()
    features = sequences.features.clone().requires_grad_()
    vectors = call(network, Sequences(features, sequences.positions, sequences.offsets))
    wanted = vectors if sequence is None else vectors[sequence]
    (gradient,) = torch.autograd.grad(wanted.square().sum(), features, materialize_grads=True)
    return gradient.abs().sum(-1)


def require_all_gradients(network: Any, call: Call, sequences: Sequences) -> None:
    """Every parameter gets a finite gradient that is not zero."""
    network.train()
    call(network, sequences).square().sum().backward()
    gradients = {key: value.grad for key, value in network.named_parameters() if value.requires_grad}
    dead = [key for key, gradient in gradients.items() if gradient is None or not gradient.any()]
    require(not dead, f"no gradient reaches {', '.join(dead)}")
    broken = [key for key, gradient in gradients.items() if not gradient.isfinite().all()]
    require(not broken, f"the gradient of {', '.join(broken)} is not finite")


def require_finite_half_precision(network: Any, call: Call, sequences: Sequences) -> None:
    """Under bfloat16 autocast its vectors are finite and near those of float32."""
    full = evaluate(network, call, sequences)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        half = evaluate(network, call, sequences).float()
    require(half.isfinite().all(), "a vector is not finite under bfloat16 autocast")
    apart = float((half - full).norm() / full.norm().clamp(min=1e-6))
    require(apart < 0.1, f"under bfloat16 autocast the vectors differ by {apart:.0%} from those of float32")


def require_round_trip(first: Any, second: Any, call: Call, sequences: Sequences) -> None:
    """The weights of one, saved and loaded into another, make it the same."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "weights.safetensors"
        save_file(first.state_dict(), path)
        second.load_state_dict(load_file(path))
    require_close(
        evaluate(second, call, sequences),
        evaluate(first, call, sequences),
        "with the saved state of another one it does not give the same vectors; is a weight or constant "
        "neither a parameter nor a buffer?",
        relative=0,
        absolute=0,
    )


def require_seeded(first: Any, again: Any, other: Any) -> None:
    """The same seed gives the same weights, another seed others."""
    weights = [dict(network.named_parameters()) for network in (first, again, other)]
    same = all(torch.equal(value, weights[1][key]) for key, value in weights[0].items())
    require(same, "built twice after the same seed it has different weights")
    trained = any(value.requires_grad for value in weights[0].values())
    differs = any(not torch.equal(value, weights[2][key]) for key, value in weights[0].items())
    require(differs or not trained, "another seed gives the same weights")


def require_repeatable(network: Any, call: Call, sequences: Sequences) -> None:
    """Evaluated twice it gives the same vectors."""
    require_close(
        evaluate(network, call, sequences),
        evaluate(network, call, sequences),
        "evaluated twice, it gives different vectors; is something random without regard to eval()?",
        relative=0,
        absolute=0,
    )

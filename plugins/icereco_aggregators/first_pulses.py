"""The first pulses of each DOM side by side, as in the flat model of iceaggr (github.com/timinar/iceaggr)."""

from itertools import count, pairwise, takewhile

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from icereco_aggregators.options import FirstPulsesOptions

__all__ = ["FirstPulses", "FirstPulsesAggregator"]


class FirstPulses(nn.Module):
    """A linear layer on the features of the first pulses of each DOM, [pulse 1, pulse 2, …], and on their number.

    Most DOMs have one pulse, so most of that row would be empty. DOMs are therefore taken in classes, of one pulse, of
    up to 4, to 16 and so on, and each class has a row of its own length. A bias of each place distinguishes an absent
    pulse from one of zeros.
    """

    def __init__(self, pulses: int, feature_count: int, width: int) -> None:
        super().__init__()
        self.width = width
        self.lengths = [*takewhile(lambda length: length < pulses, (4**power for power in count())), pulses]
        self.blocks = nn.Parameter(torch.empty(pulses, feature_count, width))
        self.biases = nn.Parameter(torch.zeros(pulses, width))
        self.count = nn.Linear(1, width)
        nn.init.normal_(self.blocks, std=feature_count**-0.5)

    def forward(
        self, features: Float[Tensor, "pulse feature"], pulse_offsets: Int[Tensor, "dom_plus_1"]
    ) -> Float[Tensor, "dom width"]:
        """One vector per DOM, in the order of the DOMs."""
        counts = pulse_offsets.diff()
        known = self.count(torch.log1p(counts.to(features.dtype))[:, None])
        if len(features) == 0:
            return known  # type: ignore[no-any-return]  # modules return Any
        used, order, vectors = counts.clamp(max=self.lengths[-1]), [], []
        for shorter, length in pairwise([-1, *self.lengths]):
            doms = ((used > shorter) & (used <= length)).nonzero().squeeze(1)
            order.append(doms)
            vectors.append(self._rows(features, pulse_offsets[doms], used[doms], length))
        place = torch.empty_like(counts)
        place[torch.cat(order)] = torch.arange(len(counts), device=counts.device)
        return known + torch.cat(vectors)[place]  # type: ignore[no-any-return]  # modules return Any

    def _rows(
        self,
        features: Float[Tensor, "pulse feature"],
        starts: Int[Tensor, "dom"],
        used: Int[Tensor, "dom"],
        length: int,
    ) -> Float[Tensor, "dom width"]:
        """The layer for DOMs of at most `length` pulses."""
        place = torch.arange(length, device=features.device)
        real = place < used[:, None]
        index = (starts[:, None] + place).clamp(max=len(features) - 1)
        rows = torch.where(real[..., None], features[index], 0.0).flatten(1)
        return rows @ self.blocks[:length].flatten(0, 1) + real.to(rows.dtype) @ self.biases[:length]


class FirstPulsesAggregator(nn.Module):
    """The first pulses of each DOM through one linear layer, and hidden layers if asked for.

    Pulses after the first `pulses` count only by their number: `pulse_limit` declares it.
    """

    def __init__(self, options: FirstPulsesOptions, feature_count: int) -> None:
        super().__init__()
        self.width = options.width
        self.pulse_limit = options.pulses
        self.first = FirstPulses(options.pulses, feature_count, options.width)
        hidden = [nn.Sequential(nn.GELU(), nn.Linear(self.width, self.width)) for _ in range(options.hidden)]
        self.hidden = nn.Sequential(*hidden)

    def forward(
        self, features: Float[Tensor, "pulse feature"], pulse_offsets: Int[Tensor, "dom_plus_1"]
    ) -> Float[Tensor, "dom width"]:
        """One vector per DOM, in the order of the DOMs."""
        return self.hidden(self.first(features, pulse_offsets))  # type: ignore[no-any-return]  # modules return Any

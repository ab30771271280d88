"""Statistics of each DOM instead of its pulses: the input of dnn_reco and of most of IceCube's networks since."""

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.compiler import is_exporting

from icereco.events.tensors import TensorBatch
from icereco_aggregators.options import StatisticsSet, SummaryOptions
from icereco_aggregators.statistics import CHARGES, NAMES, SHARES, summary_statistics

__all__ = ["Statistics", "SummaryAggregator"]

_FIRST = "first_ns"


class Statistics(nn.Module):
    """Statistics of each DOM as features of order one, behind the features of its first pulse.

    Times are those since the DOM's first pulse. Time and position of that pulse are in its features, as the
    normalizer gives them: an aggregator does not see the event, so it has no other zero of time.
    """

    def __init__(self, chosen: StatisticsSet, feature_count: int) -> None:
        super().__init__()
        self.chosen = chosen
        self.feature_count = feature_count + len(NAMES[chosen]) - 1

    def forward(
        self, features: Float[Tensor, "pulse feature"], batch: TensorBatch
    ) -> Float[Tensor, "dom statistic"]:
        """Features `[D, feature_count]`, float32."""
        names = NAMES[self.chosen]
        values = summary_statistics(
            batch.time_ns, batch.charge_pe, batch.auxiliary, batch.pulse_offsets, self.chosen
        )
        first = values[:, names.index(_FIRST)]
        columns = [_scaled(name, values[:, i], first) for i, name in enumerate(names) if name != _FIRST]
        return torch.cat(
            [_first_features(features, batch.pulse_offsets), torch.stack(columns, -1).float()], -1
        )


def _scaled(name: str, value: Float[Tensor, "dom"], first_ns: Float[Tensor, "dom"]) -> Float[Tensor, "dom"]:
    """log10 of amounts of light; times since the first pulse linear to 100 ns, then logarithmic."""
    if name in SHARES:
        return torch.asinh(value)
    if name in CHARGES:
        return torch.log10(value + 1e-2) / 2
    since = value if name == "std_ns" else value - first_ns
    return torch.asinh(since / 100) / 3


def _first_features(
    features: Float[Tensor, "pulse feature"], pulse_offsets: Int[Tensor, "dom_plus_1"]
) -> Float[Tensor, "dom feature"]:
    if not is_exporting() and len(features) == 0:
        return features.new_zeros(len(pulse_offsets) - 1, features.shape[1])
    first = features[pulse_offsets[:-1].clamp(max=features.shape[0] - 1)]
    return torch.where((pulse_offsets.diff() > 0)[:, None], first, 0.0)


class SummaryAggregator(nn.Module):
    """Statistics and the first pulse's features through a network with one hidden layer."""

    exportable = True

    def __init__(self, options: SummaryOptions, feature_count: int) -> None:
        super().__init__()
        self.width = options.width
        self.statistics = Statistics(options.statistics, feature_count)
        self.dom = nn.Sequential(
            nn.Linear(self.statistics.feature_count, self.width), nn.GELU(), nn.Linear(self.width, self.width)
        )

    def forward(
        self,
        features: Float[Tensor, "pulse feature"],
        pulse_offsets: Int[Tensor, "dom_plus_1"],  # noqa: ARG002 -- the role's signature; the batch has them too
        batch: TensorBatch,
    ) -> Float[Tensor, "dom width"]:
        """One vector per DOM, in the order of the DOMs."""
        return self.dom(self.statistics(features, batch))  # type: ignore[no-any-return]  # modules return Any

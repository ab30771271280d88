"""First pulses one by one, and statistics of all of them: the hybrid token of iceaggr (github.com/timinar/iceaggr)."""

from jaxtyping import Float, Int
from torch import Tensor, nn

from icereco.events.tensors import TensorBatch
from icereco_aggregators.first_pulses import FirstPulses
from icereco_aggregators.options import HybridOptions
from icereco_aggregators.summary import Statistics

__all__ = ["HybridAggregator"]


class HybridAggregator(nn.Module):
    """A linear layer on both, [first pulses, statistics], and a hidden layer: no pulse is left out of the statistics."""

    def __init__(self, options: HybridOptions, feature_count: int) -> None:
        super().__init__()
        self.width = options.width
        self.first = FirstPulses(options.pulses, feature_count, options.width)
        self.statistics = Statistics(options.statistics, feature_count)
        self.linear = nn.Linear(self.statistics.feature_count, options.width)
        self.out = nn.Sequential(nn.GELU(), nn.Linear(options.width, options.width))

    def forward(
        self,
        features: Float[Tensor, "pulse feature"],
        pulse_offsets: Int[Tensor, "dom_plus_1"],
        batch: TensorBatch,
    ) -> Float[Tensor, "dom width"]:
        """One vector per DOM, in the order of the DOMs."""
        pulses = self.first(features, pulse_offsets)
        return self.out(pulses + self.linear(self.statistics(features, batch)))  # type: ignore[no-any-return]  # modules return Any

"""Deep sets (Zaheer et al., arXiv:1703.06114) over the pulses of each DOM."""

import itertools

from jaxtyping import Float, Int
from torch import Tensor, nn

from icereco.nn.pooling import pooled
from icereco_aggregators.options import DeepSetsOptions

__all__ = ["DeepSetsAggregator"]


class DeepSetsAggregator(nn.Module):
    """Each pulse through a network, mean and maximum over the DOM's pulses and their number, and a network again."""

    exportable = True

    def __init__(self, options: DeepSetsOptions, feature_count: int) -> None:
        super().__init__()
        self.width = options.width
        widths = [feature_count, *[options.width] * options.layers]
        layers = [
            nn.Sequential(nn.Linear(before, after), nn.GELU()) for before, after in itertools.pairwise(widths)
        ]
        self.pulse = nn.Sequential(*layers)
        self.dom = nn.Sequential(
            nn.Linear(2 * options.width + 1, options.width),
            nn.GELU(),
            nn.Linear(options.width, options.width),
        )

    def forward(
        self, features: Float[Tensor, "pulse feature"], pulse_offsets: Int[Tensor, "dom_plus_1"]
    ) -> Float[Tensor, "dom width"]:
        """One vector per DOM, in the order of the DOMs; a DOM without pulses gets that of zeros."""
        # In half precision a sum over thousands of pulses would stop growing.
        return self.dom(pooled(self.pulse(features).float(), pulse_offsets))  # type: ignore[no-any-return]

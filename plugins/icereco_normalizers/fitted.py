"""Centre and spread of each column, learned from the training events."""

from collections.abc import Iterable

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from icereco.detector.detector import Detector
from icereco.events.tensors import TensorBatch
from icereco.protocols import Features
from icereco_normalizers.cleaning import cleaned
from icereco_normalizers.columns import auxiliary_feature, charge_feature, soften
from icereco_normalizers.detector_scaled import light_time_ns, middle_and_radius_m
from icereco_normalizers.extras import ExtraFeatures
from icereco_normalizers.options import FittedOptions
from icereco_normalizers.zero import time_zero

__all__ = ["FittedNormalizer"]

QUANTILES = (0.1587, 0.5, 0.8413)
"""One sigma below, the median, one sigma above, of a normal distribution."""

MOST_VALUES = 1_000_000
"""Values used for a quantile: accurate enough, in bounded memory."""


class FittedNormalizer(nn.Module):
    """Six features per pulse and those asked for besides: time from the event's zero, charge, auxiliary, x, y, z.

    Each is taken from the median over the training events in units of half the distance between the quantiles at one
    sigma, which a few absurd pulses do not move (as `RobustScaler` in the IceMix and ISeeCube models). The numbers are
    buffers, so they travel in the checkpoint. Until it is fitted it uses sizes from the detector card.
    """

    exportable = True
    centre: Tensor
    spread: Tensor

    def __init__(self, options: FittedOptions, detector: Detector) -> None:
        super().__init__()
        self.options = options
        self.extra = ExtraFeatures(options, detector)
        self.exportable = self.extra.exportable
        self.feature_count = 6 + self.extra.count
        middle, radius = middle_and_radius_m(detector)
        self.register_buffer("centre", torch.tensor([0.0, 0.0, *middle], dtype=torch.float64))
        spread = [light_time_ns(detector) / 3, 0.5, radius / 2, radius / 2, radius / 2]
        self.register_buffer("spread", torch.tensor(spread, dtype=torch.float64))

    def cleaned(self, batch: TensorBatch) -> TensorBatch:
        """Leave out noise, as the options say."""
        return cleaned(batch, self.options)

    def forward(self, batch: TensorBatch) -> Features:
        """Features `[P, feature_count]` and positions `[D, 3]`, float32."""
        event = batch.event_of_pulse
        pulses = ((self._pulses(batch, event) - self.centre[:2]) / self.spread[:2]).float()
        positions = ((batch.position_m - self.centre[2:]) / self.spread[2:]).float()
        columns = [
            soften(pulses),
            auxiliary_feature(batch.auxiliary)[:, None],
            positions[batch.dom_of_pulse],
            *self.extra(batch, positions, event),
        ]
        return Features(pulses=torch.cat(columns, -1), positions=positions)

    @torch.no_grad()
    def fit(self, batches: Iterable[TensorBatch]) -> None:
        """Take the quantiles from the first `fit_events` events of training data."""
        pulses, positions, events = [], [], 0
        for batch in (self.cleaned(one) for one in batches):
            pulses.append(self._pulses(batch, batch.event_of_pulse))
            positions.append(batch.position_m.double())
            events += len(batch.dom_offsets) - 1
            if events >= self.options.fit_events:
                break
        for columns, part in ((pulses, slice(0, 2)), (positions, slice(2, 5))):
            values = torch.cat(columns)
            if len(values):
                self.centre[part], self.spread[part] = _robust(values)

    def _pulses(self, batch: TensorBatch, event: Int[Tensor, "pulse"]) -> Float[Tensor, "pulse 2"]:
        """Time in ns from the event's zero, and log10 of the charge, float64."""
        late = batch.time_ns - time_zero(batch, event, self.options.zero)[event]
        return torch.stack([late, charge_feature(batch.charge_pe, floor_pe=1e-2).double()], -1)


def _robust(values: Float[Tensor, "row column"]) -> tuple[Float[Tensor, "column"], Float[Tensor, "column"]]:
    """The median and the robust sigma of each column; a column of equal values has a sigma of one."""
    some = values[:: -(-len(values) // MOST_VALUES)]
    low, middle, high = torch.quantile(some, values.new_tensor(QUANTILES), dim=0)
    sigma = (high - low) / 2
    return middle, torch.where(sigma > 1e-6, sigma, 1.0)

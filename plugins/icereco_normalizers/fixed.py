"""The same constants for every event."""

import torch
from torch import Tensor, nn

from icereco.detector.detector import Detector
from icereco.events.tensors import TensorBatch
from icereco.protocols import Features
from icereco_normalizers.cleaning import cleaned
from icereco_normalizers.columns import auxiliary_feature, charge_feature, constant
from icereco_normalizers.extras import ExtraFeatures
from icereco_normalizers.options import FixedOptions

__all__ = ["FixedNormalizer"]


class FixedNormalizer(nn.Module):
    """Seven features per pulse and those asked for besides: time, charge, auxiliary, x, y, z and number of its DOM.

    (t − 10⁴ ns)/(3·10⁴ ns), log10(q + 10⁻⁸)/3, ±0.5, position/500 m, sensor_id over the number of sensors (5,160 in
    IceCube): the constants common to the models of the Kaggle competition "IceCube - Neutrinos in Deep Ice".
    """

    exportable = True
    time_zero_ns: Tensor
    time_scale_ns: Tensor
    position_scale_m: Tensor
    sensor_count: Tensor

    def __init__(self, options: FixedOptions, detector: Detector) -> None:
        super().__init__()
        self.options = options
        self.extra = ExtraFeatures(options, detector)
        self.exportable = self.extra.exportable
        self.feature_count = 7 + self.extra.count
        self.register_buffer("time_zero_ns", constant(options.time_zero_ns))
        self.register_buffer("time_scale_ns", constant(options.time_scale_ns))
        self.register_buffer("position_scale_m", constant(options.position_scale_m))
        self.register_buffer("sensor_count", constant(len(detector.position_m)))

    def cleaned(self, batch: TensorBatch) -> TensorBatch:
        """Leave out noise, as the options say."""
        return cleaned(batch, self.options)

    def forward(self, batch: TensorBatch) -> Features:
        """Features `[P, feature_count]` and positions `[D, 3]`, float32."""
        positions = (batch.position_m / self.position_scale_m).float()
        dom = batch.dom_of_pulse
        columns = [
            ((batch.time_ns - self.time_zero_ns) / self.time_scale_ns).float(),
            charge_feature(batch.charge_pe, floor_pe=1e-8) / 3,
            auxiliary_feature(batch.auxiliary),
            *positions[dom].unbind(-1),
            (batch.sensor_id / self.sensor_count).float()[dom],
        ]
        more = self.extra(batch, positions, batch.event_of_pulse)
        return Features(pulses=torch.cat([torch.stack(columns, -1), *more], -1), positions=positions)

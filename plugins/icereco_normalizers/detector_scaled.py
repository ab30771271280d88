"""Lengths in units of the detector, and times in those that light takes through it."""

import numpy as np
import torch
from torch import Tensor, nn

from icereco.detector.detector import LIGHT_M_PER_NS, Detector
from icereco.events.tensors import TensorBatch
from icereco.protocols import Features
from icereco_normalizers.cleaning import cleaned
from icereco_normalizers.columns import auxiliary_feature, charge_feature, constant, soften
from icereco_normalizers.extras import ExtraFeatures
from icereco_normalizers.options import DetectorScaledOptions
from icereco_normalizers.zero import time_zero

__all__ = ["DetectorScaledNormalizer", "light_time_ns", "middle_and_radius_m"]

FINE = 0.1


class DetectorScaledNormalizer(nn.Module):
    """Seven features per pulse and those asked for besides: time, time magnified around zero, charge, auxiliary, x, y, z.

    The card gives the units: positions from the middle of the sensors over the distance of the farthest of them, times
    from the event's zero over the time that light takes along that radius. The same numbers then mean the same shape in
    a detector of 100 m and in one of 1,000 m.
    """

    exportable = True
    middle_m: Tensor
    radius_m: Tensor
    light_time_ns: Tensor

    def __init__(self, options: DetectorScaledOptions, detector: Detector) -> None:
        super().__init__()
        self.options = options
        self.extra = ExtraFeatures(options, detector)
        self.exportable = self.extra.exportable
        self.feature_count = 7 + self.extra.count
        middle, radius = middle_and_radius_m(detector)
        self.register_buffer("middle_m", torch.from_numpy(middle))
        self.register_buffer("radius_m", constant(radius))
        self.register_buffer("light_time_ns", constant(light_time_ns(detector)))

    def cleaned(self, batch: TensorBatch) -> TensorBatch:
        """Leave out noise, as the options say."""
        return cleaned(batch, self.options)

    def forward(self, batch: TensorBatch) -> Features:
        """Features `[P, feature_count]` and positions `[D, 3]`, float32."""
        positions = ((batch.position_m - self.middle_m) / self.radius_m).float()
        event = batch.event_of_pulse
        late = batch.time_ns - time_zero(batch, event, self.options.zero)[event]
        time = soften((late / self.light_time_ns).float())
        columns = [
            time[:, None],
            torch.asinh(time / FINE)[:, None],
            charge_feature(batch.charge_pe, floor_pe=1e-2)[:, None],
            auxiliary_feature(batch.auxiliary)[:, None],
            positions[batch.dom_of_pulse],
            *self.extra(batch, positions, event),
        ]
        return Features(pulses=torch.cat(columns, -1), positions=positions)


def middle_and_radius_m(detector: Detector) -> tuple[np.ndarray, float]:
    """The middle of the box that holds all sensors, float64 `[3]`, and the distance of the farthest sensor from it."""
    position = detector.position_m.astype(np.float64)
    middle = (position.min(0) + position.max(0)) / 2
    return middle, max(float(np.linalg.norm(position - middle, axis=1).max()), 1.0)


def light_time_ns(detector: Detector) -> float:
    """The time that light takes in the medium along the detector's radius."""
    return middle_and_radius_m(detector)[1] * detector.medium.refractive_index_group / LIGHT_M_PER_NS

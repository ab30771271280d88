"""Further features of each pulse: other columns of the data, the ice and the sensor at its DOM, the event's centre."""

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from icereco.detector.detector import Detector
from icereco.errors import IcerecoError
from icereco.events.tensors import TensorBatch
from icereco.nn.segments import segment_mean
from icereco_normalizers.options import DomFeature, ExtraOptions
from icereco_normalizers.zero import counted_pulses

__all__ = ["ExtraFeatures"]


class ExtraFeatures(nn.Module):
    """The features that `options` asks for; none by default."""

    def __init__(self, options: ExtraOptions, detector: Detector) -> None:
        super().__init__()
        self.options = options
        names = options.dom_features
        self.exportable = not options.pulse_columns  # an exported model takes no further columns
        self.count = len(options.pulse_columns) + len(names) + 3 * options.charge_centre
        # Without such features there is no buffer, so that older checkpoints without them can still be loaded.
        if options.pulse_columns:
            self.register_buffer(
                "scales", torch.tensor([*options.pulse_columns.values()], dtype=torch.float32)
            )
        if names:
            columns = np.stack([_sensor_feature(name, detector) for name in names], -1)
            self.register_buffer("sensors", torch.from_numpy(columns.astype(np.float32)))

    def forward(
        self, batch: TensorBatch, positions: Float[Tensor, "dom 3"], event: Int[Tensor, "pulse"]
    ) -> list[Float[Tensor, "pulse column"]]:
        """Blocks of columns, float32, `count` in all; `positions` are the normalised ones.

        Raises:
            IcerecoError: the data lacks a column that is asked for.
        """
        blocks, dom = [], batch.dom_of_pulse
        if self.options.pulse_columns:
            columns = [self._column(batch, name) for name in self.options.pulse_columns]
            blocks.append(torch.stack(columns, -1) / self.get_buffer("scales"))
        if self.options.dom_features:
            blocks.append(self.get_buffer("sensors")[batch.sensor_id][dom])
        if self.options.charge_centre:
            blocks.append(positions[dom] - _charge_centre(batch, positions[dom], event)[event])
        return blocks

    @staticmethod
    def _column(batch: TensorBatch, name: str) -> Float[Tensor, "pulse"]:
        if name in batch.pulse_extras:
            return batch.pulse_extras[name].float()
        known = ", ".join(batch.pulse_extras) or "none"
        raise IcerecoError(
            f"normalizer.pulse_columns names {name!r}, which these events lack; their further columns: {known}"
        )


def _sensor_feature(name: DomFeature, detector: Detector) -> Float[np.ndarray, "sensor"]:
    """Of each sensor: relative efficiency from a standard module's, or the logarithm of a length over its median."""
    if name == "quantum_efficiency":
        return detector.quantum_efficiency - 1
    scattering, absorption = detector.medium.lengths_m()
    lengths = scattering if name == "scattering" else absorption
    here = np.interp(detector.position_m[:, 2], detector.medium.z_m, lengths)
    feature: np.ndarray = np.log(here / np.median(here))
    return feature


def _charge_centre(
    batch: TensorBatch, position: Float[Tensor, "pulse 3"], event: Int[Tensor, "pulse"]
) -> Float[Tensor, "event 3"]:
    """The charge-weighted mean position of each event's pulses in local coincidence (all, where it has none)."""
    weight = (batch.charge_pe.clamp(0.0, 1e6) + 1e-6) * counted_pulses(batch, event)
    return segment_mean(position, weight[:, None], batch.event_offsets)

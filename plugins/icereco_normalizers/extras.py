"""Further features of each pulse: other columns of the data, fits, the ice and the sensor at its DOM, the event's centre."""

from collections.abc import Collection

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from icereco.detector.detector import Detector
from icereco.errors import IcerecoError, did_you_mean
from icereco.events.official_fits import fit_names
from icereco.events.tensors import TensorBatch
from icereco.nn.segments import segment_mean
from icereco_normalizers.options import DomFeature, ExtraOptions
from icereco_normalizers.zero import counted_pulses

__all__ = ["ExtraFeatures"]

_ADD_FIT = "; to add the results of a fit: icereco data convert EVENTS OUT --fit NAME=FILE"


class ExtraFeatures(nn.Module):
    """The features that `options` asks for; none by default."""

    def __init__(self, options: ExtraOptions, detector: Detector) -> None:
        super().__init__()
        self.options = options
        names = options.dom_features
        # An exported model takes no further columns.
        self.exportable = not (options.pulse_columns or options.event_columns or options.fits)
        of_events = len(options.event_columns) + 3 * len(options.fits)
        self.count = len(options.pulse_columns) + of_events + len(names) + 3 * options.charge_centre
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
        if self.options.event_columns:
            columns = [
                self._event_column(batch, name, usual) for name, usual in self.options.event_columns.items()
            ]
            blocks.append(torch.stack(columns, -1)[event])
        blocks += [self._fit(batch, name)[event] for name in self.options.fits]
        if self.options.dom_features:
            blocks.append(self.get_buffer("sensors")[batch.sensor_id][dom])
        if self.options.charge_centre:
            blocks.append(positions[dom] - _charge_centre(batch, positions[dom], event)[event])
        return blocks

    @staticmethod
    def _column(batch: TensorBatch, name: str) -> Float[Tensor, "pulse"]:
        if name in batch.pulse_extras:
            return batch.pulse_extras[name].float()
        raise _lacking("pulse_columns", name, batch.pulse_extras, "further columns")

    @staticmethod
    def _event_column(batch: TensorBatch, name: str, usual: float) -> Float[Tensor, "event"]:
        if name in batch.event_extras:
            return torch.asinh(batch.event_extras[name].nan_to_num(0.0, 0.0, 0.0) / usual).float()
        raise _lacking("event_columns", name, batch.event_extras, "further columns of events", _ADD_FIT)

    @staticmethod
    def _fit(batch: TensorBatch, name: str) -> Float[Tensor, "event 3"]:
        """The direction of a fit; zero where it has none."""
        columns = batch.event_extras
        if name not in (known := fit_names(columns)):
            raise _lacking("fits", name, known, "fits", _ADD_FIT)
        azimuth, zenith = columns[f"fit_{name}_azimuth"], columns[f"fit_{name}_zenith"]
        across = zenith.sin()
        return (
            torch.stack([across * azimuth.cos(), across * azimuth.sin(), zenith.cos()], -1)
            .nan_to_num(0.0)
            .float()
        )


def _lacking(option: str, name: str, known: Collection[str], what: str, hint: str = "") -> IcerecoError:
    return IcerecoError(
        f"normalizer.{option} names {name!r}, which these events lack{did_you_mean(name, known)}; their {what}: "
        f"{', '.join(known) or 'none'}{hint}"
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

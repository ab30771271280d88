"""A model as one computation from the columns of pulses to what is decoded, for torch.export to follow."""

from typing import Any

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn
from torch.nn.functional import pad

from icereco.detector.detector import Detector
from icereco.events.tensors import TensorBatch
from icereco.export.decoded import Decoder
from icereco.model.model import Model
from icereco.nn.segments import segment_of
from icereco.protocols import CleansHits, takes_batch

__all__ = ["ExportedModel"]


class ExportedModel(nn.Module):
    """Pulses of events, in any order inside each event → columns of reconstructions by name.

    The pulses are sorted by (event, sensor, time) here, as data are when they are prepared.
    """

    position_m: Tensor

    def __init__(self, model: Model, detector: Detector) -> None:
        super().__init__()
        self.model = model
        self.decoder = Decoder(model)
        self.register_buffer("position_m", torch.from_numpy(detector.position_m.copy()))

    def forward(
        self,
        sensor_id: Int[Tensor, "pulse"],
        time_ns: Float[Tensor, "pulse"],
        charge_pe: Float[Tensor, "pulse"],
        auxiliary: Bool[Tensor, "pulse"],
        event_offsets: Int[Tensor, "event_plus_1"],
    ) -> dict[str, Tensor]:
        """Columns of each event by the names of `icereco.export.decoded.COLUMNS`, float64."""
        model, batch = self.model, self._batch(sensor_id, time_ns, charge_pe, auxiliary, event_offsets)
        if isinstance(model.normalizer, CleansHits):
            batch = model.normalizer.cleaned(batch)
        features = model.normalizer(batch)
        doms = model.aggregator(features.pulses, batch.pulse_offsets, **_more(model.aggregator, batch))
        events = model.encoder(doms, features.positions, batch.dom_offsets, **_more(model.encoder, batch))
        estimates = model.loss.decode(model.head(events.float()))
        columns: dict[str, Tensor] = self.decoder(estimates, event_offsets.diff())
        return columns

    def _batch(
        self,
        sensor_id: Int[Tensor, "pulse"],
        time_ns: Float[Tensor, "pulse"],
        charge_pe: Float[Tensor, "pulse"],
        auxiliary: Bool[Tensor, "pulse"],
        event_offsets: Int[Tensor, "event_plus_1"],
    ) -> TensorBatch:
        """Sort the pulses, and find the hit DOMs."""
        pulses = time_ns.shape[0]
        event = segment_of(event_offsets, pulses)
        by_time = torch.sort(time_ns, stable=True).indices
        place, within = torch.sort((event * self.position_m.shape[0] + sensor_id)[by_time], stable=True)
        order = by_time[within]
        starts = pad(place.diff() != 0, (1, 0), value=True).nonzero().squeeze(1)
        torch._check(starts.shape[0] >= 1)
        torch._check(starts.shape[0] <= pulses)
        sensor, of_dom = sensor_id[order][starts], event[starts]
        count = torch.zeros_like(event_offsets[1:]).index_add(0, of_dom, torch.ones_like(of_dom))
        return TensorBatch(
            pad(count.cumsum(0), (1, 0)),
            sensor,
            self.position_m[sensor],
            torch.cat([starts, event_offsets[-1:]]),
            time_ns[order],
            charge_pe[order],
            auxiliary[order],
        )


def _more(component: Any, batch: TensorBatch) -> dict[str, TensorBatch]:
    return {"batch": batch} if takes_batch(component) else {}

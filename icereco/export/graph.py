"""A model as one computation from the columns of pulses to what is decoded, for torch.export to follow."""

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from icereco.detector.detector import Detector
from icereco.events.tensors import TensorBatch
from icereco.export.decoded import Decoder
from icereco.model.model import Model
from icereco.nn.segments import segment_of

__all__ = ["ExportedModel"]


class ExportedModel(nn.Module):
    """Pulses of events in any order inside each event → columns of reconstructions by name.

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
        *extras: Float[Tensor, "pulse"],
    ) -> dict[str, Tensor]:
        """Columns by name, of each event."""
        event = segment_of(event_offsets, time_ns.shape[0])
        by_time = torch.sort(time_ns, stable=True).indices
        place = event * len(self.position_m) + sensor_id
        place, within = torch.sort(place[by_time], stable=True)
        order = by_time[within]
        first = torch.nn.functional.pad(place.diff() != 0, (1, 0), value=True)
        starts = first.nonzero().squeeze(1)
        doms = starts.shape[0]
        torch._check(doms >= 1)
        torch._check(doms <= time_ns.shape[0])
        sensor, of_dom = sensor_id[order][starts], event[starts]
        events = event_offsets.shape[0] - 1
        dom_count = torch.zeros_like(event_offsets[1:]).index_add(0, of_dom, torch.ones_like(of_dom))
        batch = TensorBatch(
            torch.nn.functional.pad(dom_count.cumsum(0), (1, 0)),
            sensor,
            self.position_m[sensor],
            torch.cat([starts, event_offsets[-1:]]),
            time_ns[order],
            charge_pe[order],
            auxiliary[order],
        )
        features = self.model.normalizer(batch)
        vectors = self.model.aggregator(features.pulses, batch.pulse_offsets)
        outputs = self.model.head(self.model.encoder(vectors, features.positions, batch.dom_offsets).float())
        columns: dict[str, Tensor] = self.decoder(self.model.loss.decode(outputs), event_offsets.diff())
        return columns

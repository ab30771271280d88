"""What each kind of component promises. Factories are called with the options first, then what the kind needs.

An aggregator or encoder whose `forward` names `batch` is handed the `TensorBatch` too, by that name: a way to the
pulses in ns and p.e. for those that need physical units. As with hooks, arguments that are not named are not passed.
"""

import inspect
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from jaxtyping import Float, Int

from icereco.detector.detector import Detector
from icereco.events.batch import EventBatch
from icereco.events.reconstruction import Reconstruction
from icereco.events.tensors import TensorBatch

if TYPE_CHECKING:
    import pyarrow as pa
    from torch import Tensor
else:  # torch is slow to import and most commands never need it
    Tensor = Any

__all__ = [
    "Features",
    "Decoded",
    "Normalizer",
    "Aggregator",
    "Encoder",
    "Loss",
    "Reader",
    "Simulator",
    "Reconstructor",
    "asked_for",
]


@dataclass(frozen=True, slots=True)
class Features:
    """What a normalizer hands on: float32, of order one."""

    pulses: Float[Tensor, "pulse feature"]
    positions: Float[Tensor, "dom 3"]


@dataclass(frozen=True, slots=True)
class Decoded:
    """Directions (unit vectors) and, where the loss gives one, the von Mises-Fisher concentration."""

    direction: Float[Tensor, "event 3"]
    kappa: Float[Tensor, "event"] | None


@runtime_checkable
class Normalizer(Protocol):
    """`factory(options, detector)`, a torch module. Its constants are buffers, so they travel in the checkpoint.

    One with a method `fit(batches)` is given training events as an iterator of `TensorBatch` once, before the first
    step; it takes as many as it needs and sets its buffers.
    """

    feature_count: int

    def __call__(self, batch: TensorBatch) -> Features:
        """Features of every pulse and position of every DOM."""
        ...


@runtime_checkable
class Aggregator(Protocol):
    """T1. `factory(options, feature_count)`, a torch module.

    Pulses of one DOM never see another DOM; any number of pulses; the order of DOMs does not matter. One that looks
    only at the first pulses of a DOM says at how many in its attribute `pulse_limit`.
    """

    width: int

    def __call__(
        self, features: Float[Tensor, "pulse feature"], pulse_offsets: Int[Tensor, "dom_plus_1"]
    ) -> Float[Tensor, "dom width"]:
        """One vector per DOM."""
        ...


@runtime_checkable
class Encoder(Protocol):
    """T2. `factory(options, input_width)`, a torch module.

    Events never see each other; the order of the DOMs of an event does not matter; one DOM works, and so do all.
    """

    width: int

    def __call__(
        self,
        dom_vectors: Float[Tensor, "dom width"],
        positions: Float[Tensor, "dom 3"],
        dom_offsets: Int[Tensor, "event_plus_1"],
    ) -> Float[Tensor, "event out"]:
        """One vector per event."""
        ...


@runtime_checkable
class Loss(Protocol):
    """`factory(options)`, a torch module. It says how many outputs it needs and what they mean."""

    output_count: int

    def __call__(
        self, outputs: Float[Tensor, "event output"], direction: Float[Tensor, "event 3"]
    ) -> Float[Tensor, "event"]:
        """The loss of each event against its true direction."""
        ...

    def decode(self, outputs: Float[Tensor, "event output"]) -> Decoded:
        """Outputs as directions."""
        ...


@runtime_checkable
class Reader(Protocol):
    """`factory(options)`. A foreign file to event tables, in input order, with our conventions.

    A reader of folders may also have `parts(path)`: paths that can be read on their own, in this order. They are then
    prepared by several processes, and a damaged one can be left out.

    Batches may name the file they came from in their schema's metadata (`icereco.tables.columns.FILE_KEY`), which
    then is what messages about bad events name.
    """

    def sniff(self, path: Path) -> bool:
        """Whether this file or folder is of the reader's format; cheap, never raises for a file of another format."""
        ...

    def files(self, path: Path) -> list[Path]:
        """Every file that is read for `path`, so that a change of any is noticed (`icereco.data.sources.fingerprint.fingerprint`)."""
        ...

    def count(self, path: Path) -> int:
        """The number of events, without reading the pulses."""
        ...

    def read(self, path: Path, detector: Detector, rows_per_batch: int = 4096) -> Iterator["pa.RecordBatch"]:
        """Events in input order as record batches of `icereco.tables.schema.SCHEMA` (truth columns may be absent).

        Sensors are rows of the detector's table; formats that name them otherwise find them by what the card says
        (`icereco.detector.sensor_finder`), and give -1 for a sensor that the detector does not have.
        """
        ...


@runtime_checkable
class Simulator(Protocol):
    """`factory(options, detector)`. The same seed gives the same events, however they are asked for."""

    def blocks(self, seed: int, first_block: int = 0) -> Iterator["pa.RecordBatch"]:
        """An endless sequence of blocks of triggered events with truth; block `k` depends on (seed, k) alone."""
        ...


@runtime_checkable
class Reconstructor(Protocol):
    """`factory(options)`. A method that needs no training."""

    def __call__(self, batch: EventBatch) -> Reconstruction:
        """A direction for each event; NaN where the method cannot give one."""
        ...


def asked_for(component: Any, batch: TensorBatch) -> dict[str, TensorBatch]:
    """The further arguments of an aggregator or encoder: `batch`, if its `forward` names that."""
    return {"batch": batch} if "batch" in inspect.signature(component.forward).parameters else {}

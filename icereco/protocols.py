"""What each kind of component promises. Factories are called with the options first, then what the kind needs.

What only some components can do has a protocol of its own: a normalizer may be `Fittable`, an aggregator may be one that
`LimitsPulses`, a reader may be `Divisible`, and an aggregator or encoder may ask for the raw batch (`takes_batch`).
"""

import inspect
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from jaxtyping import Float, Int

from icereco.detector.detector import Detector
from icereco.events.batch import EventBatch
from icereco.events.reconstruction import Estimates, Reconstruction
from icereco.events.tensors import TensorBatch, TruthTensors
from icereco.events.truth import Target

if TYPE_CHECKING:
    import pyarrow as pa
    from torch import Tensor
else:  # torch is slow to import and most commands never need it
    Tensor = Any

__all__ = [
    "Features",
    "Normalizer",
    "Aggregator",
    "Encoder",
    "Loss",
    "Reader",
    "Simulator",
    "Reconstructor",
    "Fittable",
    "LimitsPulses",
    "Divisible",
    "takes_batch",
]


@dataclass(frozen=True, slots=True)
class Features:
    """What a normalizer hands on: float32, of order one."""

    pulses: Float[Tensor, "pulse feature"]
    positions: Float[Tensor, "dom 3"]


@runtime_checkable
class Normalizer(Protocol):
    """`factory(options, detector)`, a torch module. Its constants are buffers, so they travel in the checkpoint."""

    feature_count: int

    def __call__(self, batch: TensorBatch) -> Features:
        """Features of every pulse and position of every DOM."""
        ...


@runtime_checkable
class Aggregator(Protocol):
    """T1. `factory(options, feature_count)`, a torch module.

    Pulses of one DOM never see another DOM; any number of pulses; the order of DOMs does not matter.
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
    """`factory(options)`, a torch module. It says how many outputs it needs, of which targets, and what they mean.

    Truth that it is given is known for each of its targets: events without are left out before.
    """

    output_count: int
    targets: tuple[Target, ...]

    def __call__(self, outputs: Float[Tensor, "event output"], truth: TruthTensors) -> Float[Tensor, "event"]:
        """The loss of each event against its truth, at least float32."""
        ...

    def decode(self, outputs: Float[Tensor, "event output"]) -> Estimates:
        """What the outputs say of each event."""
        ...


@runtime_checkable
class Reader(Protocol):
    """`factory(options)`. A foreign file to event tables, in input order, with our conventions.

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


@runtime_checkable
class Fittable(Protocol):
    """A normalizer that learns its constants from training events."""

    def fit(self, batches: Iterable[TensorBatch]) -> None:
        """Set its buffers from as many batches as it needs; called once, before the first step."""
        ...


@runtime_checkable
class LimitsPulses(Protocol):
    """An aggregator that looks only at the first `pulse_limit` pulses of a DOM; results then say how many were used."""

    pulse_limit: int


@runtime_checkable
class Divisible(Protocol):
    """A reader of folders whose files can be read one by one: by several processes, and without a damaged one."""

    def parts(self, path: Path) -> Sequence[Path]:
        """Paths that, read in this order, give the events of `path`."""
        ...


def takes_batch(component: Aggregator | Encoder) -> bool:
    """Whether it is handed the `TensorBatch` too, as `batch`: if its `forward` has an argument of that name.

    That is a way to the pulses in ns and p.e. for those that need physical units. As with hooks, what is not named is
    not passed.
    """
    return "batch" in inspect.signature(getattr(component, "forward", component)).parameters

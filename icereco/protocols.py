"""The protocol of each kind of component. Factories are called with the options first, then what the kind needs.

Optional capabilities have protocols of their own: a normalizer may be `Fittable` or one that `CleansHits`, an aggregator may be one that
`LimitsPulses`, a loss may be `SelfSupervised`, a reader may be `Divisible`, `Tabular`, `Checksummed`, `Annotating`, `Locating` or one with a `Preface`, an aggregator or encoder may
ask for the raw batch (`takes_batch`), and a reconstructor for the detector (`detector_for`) and for seeds (`takes_seeds`); one
with a likelihood may be `Scannable`. Normalizers, aggregators, encoders and losses may be `Exportable`.
"""

import inspect
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from jaxtyping import Float, Int
from numpy import ndarray

from icereco.detector.detector import Detector
from icereco.detector.geometry_file import Geometry
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
    "SelfSupervised",
    "Reader",
    "Simulator",
    "Reconstructor",
    "Fittable",
    "CleansHits",
    "LimitsPulses",
    "Exportable",
    "Divisible",
    "Tabular",
    "Peaks",
    "ProfileLikelihood",
    "Scannable",
    "Checksummed",
    "Annotating",
    "Preface",
    "Locating",
    "Suggesting",
    "detector_for",
    "is_self_supervised",
    "takes_batch",
    "takes_seeds",
]


@dataclass(frozen=True, slots=True)
class Features:
    """The output of a normalizer: float32, of order one."""

    pulses: Float[Tensor, "pulse feature"]
    positions: Float[Tensor, "dom 3"]


@runtime_checkable
class Normalizer(Protocol):
    """`factory(options, detector)`, a torch module. Its constants are buffers, so they are stored in the checkpoint."""

    feature_count: int

    def __call__(self, batch: TensorBatch) -> Features:
        """Return features of every pulse and the position of every DOM."""
        ...


@runtime_checkable
class Aggregator(Protocol):
    """T1. `factory(options, feature_count)`, a torch module.

    Pulses of one DOM never affect another DOM; any number of pulses is allowed; the order of DOMs does not matter.
    """

    width: int

    def __call__(
        self, features: Float[Tensor, "pulse feature"], pulse_offsets: Int[Tensor, "dom_plus_1"]
    ) -> Float[Tensor, "dom width"]:
        """Return one vector per DOM."""
        ...


@runtime_checkable
class Encoder(Protocol):
    """T2. `factory(options, input_width)`, a torch module.

    Events never affect each other; the order of the DOMs of an event does not matter; any number of DOMs is allowed.
    """

    width: int

    def __call__(
        self,
        dom_vectors: Float[Tensor, "dom width"],
        positions: Float[Tensor, "dom 3"],
        dom_offsets: Int[Tensor, "event_plus_1"],
    ) -> Float[Tensor, "event out"]:
        """Return one vector per event."""
        ...


@runtime_checkable
class Loss(Protocol):
    """`factory(options)`, a torch module. It declares how many outputs it needs and its targets, and decodes the outputs.

    The truth it receives is known for all of its targets: events with unknown ones are left out before.
    """

    output_count: int
    targets: tuple[Target, ...]

    def __call__(self, outputs: Float[Tensor, "event output"], truth: TruthTensors) -> Float[Tensor, "event"]:
        """Compute the loss of each event, at least float32."""
        ...

    def decode(self, outputs: Float[Tensor, "event output"]) -> Estimates:
        """Decode the outputs to estimates for each event."""
        ...


@runtime_checkable
class SelfSupervised(Protocol):
    """A loss that needs no truth: it hides DOMs from the model, and predicts them from the outputs for the others.

    It has no targets, and decodes to directions that are NaN; a model with it is a start for other trainings (`icereco train --from`).
    """

    output_count: int

    def hide(self, batch: EventBatch, draw: int) -> tuple[EventBatch, EventBatch]:
        """Divide the DOMs of each event into those that the model sees and those that are hidden.

        What is hidden of an event depends on the event and on `draw` alone, not on the others of the batch. An event with
        DOMs keeps at least one of them.
        """
        ...

    def of_hidden(
        self, outputs: Float[Tensor, "event output"], visible: TensorBatch, hidden: TensorBatch
    ) -> Float[Tensor, "event"]:
        """Compute the loss of each event, at least float32, from the outputs for `visible`; 0 where nothing is hidden."""
        ...


@runtime_checkable
class Reader(Protocol):
    """`factory(options)`. Converts a file of another format to event tables, in input order, with our conventions.

    Batches may name the file they came from in their schema's metadata (`icereco.tables.columns.FILE_KEY`), which
    is then named in messages about bad events.
    """

    def sniff(self, path: Path) -> bool:
        """Return whether a file or folder has the reader's format; cheap, never raises for a file of another format."""
        ...

    def files(self, path: Path) -> list[Path]:
        """Return every file that is read for `path`, so that a change of any is detected (`icereco.data.sources.fingerprint.fingerprint`)."""
        ...

    def count(self, path: Path) -> int:
        """Return the number of events, without reading the pulses."""
        ...

    def read(self, path: Path, detector: Detector, rows_per_batch: int = 4096) -> Iterator["pa.RecordBatch"]:
        """Yield events in input order as record batches of `icereco.tables.schema.SCHEMA` (truth columns may be absent).

        Sensor ids are rows of the detector's table; formats with other ids find the sensors through the card
        (`icereco.detector.sensor_finder`), and give -1 for a sensor that the detector does not have.
        """
        ...


@runtime_checkable
class Suggesting(Protocol):
    """A `Reader` that needs options to read a file, and knows which they are for files like many others."""

    def suggest(self, path: Path) -> str | None:
        """Return the options as text, KEY=VALUE,KEY=VALUE, that would read a file or folder; None if it cannot say. Never raises."""
        ...


@runtime_checkable
class Simulator(Protocol):
    """`factory(options, detector)`. The same seed gives the same events, independent of how blocks are requested."""

    def blocks(self, seed: int, first_block: int = 0) -> Iterator["pa.RecordBatch"]:
        """Yield an endless sequence of blocks of triggered events with truth; block `k` depends on (seed, k) alone."""
        ...


@runtime_checkable
class Reconstructor(Protocol):
    """`factory(options)`, or `factory(options, detector)` if it has an argument `detector`. A method that needs no training.

    It may have an attribute `events_per_batch`, how many events are read at once, and `pulses_per_call`, how many pulses
    a call gets at most (one event alone may have more): a slow method that reads few reports its progress often.
    """

    def __call__(self, batch: EventBatch) -> Reconstruction:
        """Reconstruct the direction of each event, all of which have pulses; NaN where the method fails.

        A method with an argument `seeds: Sequence[Reconstruction]` also receives what other methods say of these events,
        to start from: in any number, also none, with NaN for an event where that method failed.
        """
        ...


@dataclass(frozen=True, slots=True)
class Peaks:
    """Maxima of the likelihood of one event.

    Attributes:
        direction: unit vectors to where the neutrino came from.
        log_likelihood: as of `ProfileLikelihood`.
        sigma_rad: standard deviation of the direction where it is determined best, of the tempered likelihood.
    """

    direction: Float[ndarray, "peak 3"]
    log_likelihood: Float[ndarray, "peak"]
    sigma_rad: Float[ndarray, "peak"]


@runtime_checkable
class ProfileLikelihood(Protocol):
    """The log likelihood of one event as a function of its direction, maximised over everything else.

    Attributes:
        temperature: the likelihood is raised to its inverse for the probability of a direction.
        peaks: the maxima that the ordinary fit reached; the profile is at least as high there, and falls from there.
        fitted: the ordinary reconstruction of the event; its direction is NaN if the event cannot be fitted.
    """

    temperature: float
    peaks: Peaks
    fitted: Reconstruction

    def __call__(self, direction: Float[ndarray, "point 3"]) -> Float[ndarray, "point"]:
        """Return the log likelihood at directions of origin; climbs start also from the maxima at earlier ones near by."""
        ...


@runtime_checkable
class Scannable(Protocol):
    """A reconstructor with a likelihood that can be scanned over the sky."""

    def profile(self, batch: EventBatch) -> ProfileLikelihood:
        """Return the profile likelihood of a batch of one event, which has pulses."""
        ...


@runtime_checkable
class Fittable(Protocol):
    """A normalizer that learns its constants from training events."""

    def fit(self, batches: Iterable[TensorBatch]) -> None:
        """Fit its buffers to as many batches as it needs; called once, before the first step."""
        ...


@runtime_checkable
class CleansHits(Protocol):
    """A normalizer that leaves out pulses of noise before the rest of the model sees an event."""

    def cleaned(self, batch: TensorBatch) -> TensorBatch:
        """Return the same events without some of their pulses; an event with pulses keeps at least one."""
        ...


@runtime_checkable
class LimitsPulses(Protocol):
    """An aggregator that uses only the first `pulse_limit` pulses of a DOM; results then record how many were used."""

    pulse_limit: int


@runtime_checkable
class Exportable(Protocol):
    """A normalizer, aggregator, encoder or loss that `icereco export` can write into a file, with the options that it has.

    torch.export follows its `forward`, and `decode` of a loss: operations of torch on tensors alone, whose number does not depend on
    values. Sums over segments and attention go through `icereco.nn`, which has such forms; where a component needs another way,
    `torch.compiler.is_exporting()` says so. A loss then decodes a posterior to an `icereco.events.tensor_mixture.TensorMixture`.
    Operations that ONNX lacks are named when a model is exported to it.
    """

    exportable: bool


@runtime_checkable
class Divisible(Protocol):
    """A reader of folders whose files can be read separately: by several processes, and skipping damaged ones."""

    def parts(self, path: Path) -> Sequence[Path]:
        """Return paths that, read in this order, give the events of `path`."""
        ...


@runtime_checkable
class Tabular(Protocol):
    """A reader of files of one kind that have different columns of events, and say so without being read."""

    def schema(self, path: Path) -> "pa.Schema":
        """Return the columns of a file that is one of the parts, as it will be read."""
        ...


@runtime_checkable
class Checksummed(Protocol):
    """A reader whose files have checksums that it does not look at while it reads."""

    def damaged(self, path: Path) -> Sequence[str]:
        """Read everything, and name each piece that differs from its checksum."""
        ...


@runtime_checkable
class Annotating(Protocol):
    """A reader that can write its files again, with what a method says of each event in them."""

    def annotated(self, paths: Sequence[Path], output: Path, method: str) -> AbstractContextManager[Any]:
        """Open a copy of all `paths` in one file; it has `write(rows)` for rows of reconstructions, in input order."""
        ...


@runtime_checkable
class Preface(Protocol):
    """A reader of files that need another one, such as one with the geometry, which may be given before them."""

    def preface(self, path: Path) -> str | None:
        """Return the option, KEY=VALUE, with which the files after this one are read; None if it has events of its own."""
        ...


@runtime_checkable
class Locating(Protocol):
    """A reader of files with which the places of the modules may come, such as IceTray's with a GCD file."""

    def geometry(self, path: Path) -> Geometry | None:
        """Return the modules; None if there are none, and the events are of the reader's usual detector.

        Raises:
            IcerecoError: the file with them is damaged.
        """
        ...


def takes_batch(component: Aggregator | Encoder) -> bool:
    """Return whether it also receives the `TensorBatch`, as `batch`: if its `forward` has an argument of that name.

    This gives access to the pulses in ns and p.e. for components that need physical units. As with hooks, arguments that
    are not named are not passed.
    """
    return _names(getattr(component, "forward", component), "batch")


def is_self_supervised(factory: Callable[..., Loss]) -> bool:
    """Return whether a factory of losses makes `SelfSupervised` ones, so that data need no truth."""
    return hasattr(factory, "hide") and hasattr(factory, "of_hidden")


def takes_seeds(reconstructor: Reconstructor) -> bool:
    """Return whether it also receives the reconstructions of other methods, as `seeds`: if it has an argument of that name."""
    return _names(getattr(reconstructor, "forward", reconstructor), "seeds")


def detector_for(factory: Callable[..., Reconstructor], detector: Detector) -> tuple[Detector, ...]:
    """Return what a reconstructor's factory is called with after its options: the detector, if it has an argument `detector`."""
    return (detector,) if _names(factory, "detector") else ()


def _names(function: Callable[..., Any], argument: str) -> bool:
    try:
        return argument in inspect.signature(function).parameters
    except ValueError:  # a function in C may have no signature
        return False

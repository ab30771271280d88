"""What the user wants events reconstructed with: the options `--run`, `--model`, `--method` and `--detector`, made a method."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from icereco.data.catalog import DEFAULT_DETECTOR, DataSet
from icereco.data.sources.detector_of import detector_of
from icereco.data.sources.source import Source
from icereco.detector.detector import Detector
from icereco.errors import IcerecoError, did_you_mean
from icereco.plugins.discovery import registry
from icereco.plugins.options import named_options
from icereco.reconstruction.choice import Choice, Events, choose
from icereco.reconstruction.ensemble import ensemble
from icereco.reconstruction.hybrid import hybrid
from icereco.reconstruction.method_names import HYBRID
from icereco.reconstruction.methods import Method, untrained_method
from icereco.reconstruction.models import Weights, trained_method
from icereco.runs.folder import resolve, runs_dir
from icereco.runs.provenance import provenance
from icereco.system.devices import find_device
from icereco.system.log import get_logger
from icereco.trained.library import Library

__all__ = ["Precision", "Wanted", "result_provenance"]

logger = get_logger(__name__)

Precision = Literal["float32", "bfloat16", "auto"]


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is named; nothing of the first three leaves the choice to `icereco.reconstruction.choice.choose`.

    Attributes:
        runs: names or folders of training runs; together with the models they are averaged.
        models: names of trained models, or checkpoint files.
        method: a method without training, maybe with options.
        detector: name of the detector of the events; None where nobody says.
        options: of the method, by name, which win over those in its text.
        device: as for `icereco.system.devices.find_device`.
        precision: of the matrix products of models; auto is bfloat16 where the device has instructions for it.
    """

    runs: Sequence[str] = ()
    models: Sequence[str] = ()
    method: str | None = None
    detector: str | None = None
    options: Mapping[str, str] = field(default_factory=dict)
    device: str | None = None
    precision: Precision = "float32"

    @property
    def names_nothing(self) -> bool:
        """Whether the choice is left to us."""
        return not self.runs and not self.models and self.method is None

    @property
    def needs_events(self) -> bool:
        """Whether the choice depends on the events: on their detector."""
        return not self.runs and not self.models and self.detector is None

    def choice(self, data: Sequence[DataSet] = (), sources: Sequence[Source] = ()) -> Choice:
        """What is used, and in words what it is.

        Args:
            data: the data sets; may be missing unless the choice `needs_events`.
            sources: each of them, opened.

        Raises:
            IcerecoError: there is no such run, model, method or detector, or the options exclude each other; or what is
                chosen has no network to compute in bfloat16.
        """
        self._require_consistent()
        found = self._found(data, sources)
        return replace(found, method=self._precise(found.method))

    def _found(self, data: Sequence[DataSet], sources: Sequence[Source]) -> Choice:
        if self.runs or self.models:
            return self._trained()
        if self.method is None:
            events = Events.of(data, sources, self.detector)
            return choose(events, runs_dir(), Library.of_user(), self.options, self.device)
        name, given = named_options(self.method)
        if name == HYBRID:
            detector = self.detector if sources else self.detector or DEFAULT_DETECTOR
            events = Events.of(data, sources, detector)
            return hybrid(events, runs_dir(), Library.of_user(), given | dict(self.options), self.device)
        if name not in registry().names("reconstructor") and (meant := did_you_mean(name, [HYBRID])):
            raise IcerecoError(f"no method is called {name!r}{meant}")
        options = "".join(f", {key}={value}" for key, value in self.options.items())
        card = self.detector or _declared_or_seen(data, sources) or DEFAULT_DETECTOR
        used = untrained_method(self.method, card, self.options, self.device)
        return Choice(used, f"method {self.method}{options}")

    def _precise(self, method: Method) -> Method:
        """The method in the precision that is wanted."""
        if self.precision == "float32" or (self.precision == "auto" and method.rounded is None):
            return method
        from icereco.model.precision import has_fast_bfloat16

        fast = has_fast_bfloat16(find_device(self.device))
        if not fast and self.precision == "bfloat16":
            logger.warning(
                "this device only emulates bfloat16, which is slower; --precision auto takes float32 then"
            )
        return method.in_bfloat16() if fast or self.precision == "bfloat16" else method

    def _require_consistent(self) -> None:
        given = {"--run": self.runs, "--model": self.models, "--method": self.method}
        chosen = [name for name, value in given.items() if value]
        if self.method is not None and len(chosen) > 1:
            raise IcerecoError(f"{' and '.join(chosen)} cannot be combined: give one of them")
        if self.detector is not None and chosen and self.method is None:
            raise IcerecoError(
                f"--detector and {chosen[0]} cannot be combined: a checkpoint knows its detector"
            )

    def _trained(self) -> Choice:
        """The trained model, or the average of several."""
        found = [_weights_of_run(run) for run in self.runs]
        found += [_weights_of_model(model) for model in self.models]
        words = [words for words, _ in found]
        repeated = [name for name in words if words.count(name) > 1]
        if repeated:
            raise IcerecoError(f"{repeated[0]} is given more than once")
        label = words[0] if len(words) == 1 else f"the average of {', '.join(words)}"
        return Choice(ensemble([trained_method(weights, self.device) for _, weights in found]), label)


def result_provenance(sources: Sequence[Source], method: Method, **facts: Any) -> dict[str, Any]:
    """The provenance of reconstructions: how they are made, of what, and where."""
    inputs = [source.facts() for source in sources]
    detector = {"name": method.detector.name, "fingerprint": method.detector.fingerprint}
    if method.detector.place is not None:
        detector["place"] = str(method.detector.place)
    return provenance(method=method.name, **method.provenance, detector=detector, inputs=inputs, **facts)


def _declared_or_seen(data: Sequence[DataSet], sources: Sequence[Source]) -> str | Detector | None:
    """The detector that the data sets declare, or that the first file names."""
    declared = {one.detector for one in data if one.detector is not None}
    if len(declared) > 1 or not sources:
        return None
    return declared.pop() if declared else detector_of(sources[0])


def _weights_of_run(run: str) -> tuple[str, Weights]:
    """What a run is in words, and its weights."""
    try:
        folder = resolve(run, runs_dir())
    except IcerecoError as error:
        known = run in Library.of_user().names()
        hint = f"; the trained model of that name is: --model {run}" if known else ""
        raise IcerecoError(f"{error}{hint}") from None
    return f"run {folder.name}", Weights.of_run(folder)


def _weights_of_model(model: str) -> tuple[str, Weights]:
    """What a trained model or a checkpoint is in words, and its weights."""
    path = Path(model)
    if path.is_file() or path.suffix == ".safetensors":
        return f"checkpoint {path}", Weights(path)
    trained = Library.of_user().find(model)
    return f"model {trained.name}", Weights.of_model(trained)

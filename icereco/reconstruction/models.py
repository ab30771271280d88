"""Models by name or path, and their reconstructions of events in memory; for notebooks and scripts."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any, Self

from icereco.data.catalog import DEFAULT_DETECTOR
from icereco.errors import IcerecoError, did_you_mean
from icereco.events.batch import EventBatch
from icereco.events.reconstruction import Reconstruction
from icereco.plugins.discovery import registry
from icereco.reconstruction.methods import Method, model_method, untrained_method
from icereco.runs.folder import RunFolder, list_runs, resolve, runs_dir
from icereco.trained.library import Library, TrainedModel

__all__ = [
    "Weights",
    "find_weights",
    "is_method",
    "load_model",
    "reconstruct",
    "trained_method",
    "weights_of",
]


@dataclass(frozen=True, slots=True)
class Weights:
    """A checkpoint, and where it comes from.

    Attributes:
        path: the checkpoint.
        run: whose best weights these are; None for those of no run.
        facts: JSON-able facts for the provenance of results: the name of the run, or of the model.
    """

    path: Path
    run: RunFolder | None = None
    facts: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def of_run(cls, run: RunFolder) -> Self:
        """The best of a run; raises an IcerecoError where it has none yet."""
        return cls(run.best_weights(), run, {"run": run.name})

    @classmethod
    def of_model(cls, model: TrainedModel) -> Self:
        """Those of a model in a library; raises an IcerecoError where they are damaged."""
        return cls(model.weights(), facts={"model": model.name})


def load_model(name_or_path: str | Path, device: str | None = None) -> Method:
    """A trained model, or a method without training, ready to reconstruct.

    >>> import icereco
    >>> icereco.load_model("linefit").name
    'linefit'

    Args:
        name_or_path: the name of an installed reconstructor, such as "linefit" or with options "linefit:weight_by_charge=true";
            or else what is found first of: a checkpoint file, the name of a run in `runs` or its folder, the name of a
            trained model that comes with icereco or that you added (`icereco models`). A run that is called as a
            reconstructor is given as "runs/NAME".
        device: "cpu", "cuda", "cuda:1"; by default the first GPU if there is one.

    Returns:
        An object with `name`, `detector` and `provenance`, called with an `EventBatch` of any size.

    Raises:
        IcerecoError: there is none of that name (with the nearest), it has no such option, the checkpoint cannot be
            used, or this machine has no such device (with those that it has).
    """
    text = str(name_or_path)
    if is_method(text):
        return untrained_method(text, DEFAULT_DETECTOR, device=device)
    return _for_its_detector(trained_method(weights_of(name_or_path), device))


def weights_of(name_or_path: str | Path) -> Weights:
    """Return the weights that a name or path means: a checkpoint file, the best of a run, or those of a trained model.

    Raises:
        IcerecoError: there are none, with the nearest name; or the run has none yet, or those of the model are damaged.
    """
    found = find_weights(name_or_path)
    if found is not None:
        return found
    text, models = str(name_or_path), Library.of_user().names()
    runs = [run.name for run in list_runs(runs_dir())]
    near = did_you_mean(text.partition(":")[0], [*sorted(_untrained_names()), *runs, *models])
    raise IcerecoError(
        f"{text!r} is neither a checkpoint, a run, a trained model nor a method{near}\n"
        f"  runs: {', '.join(runs) or f'none in {runs_dir()}; train one: icereco train'}\n"
        f"  models: {', '.join(models) or 'none'}\n  methods: {', '.join(registry().names('reconstructor'))}"
    )


def find_weights(name_or_path: str | Path, runs: Path | None = None) -> Weights | None:
    """Return the weights as `weights_of`, or None where nothing has that name.

    Args:
        name_or_path: of a checkpoint, a run or a trained model.
        runs: folder of the runs; None for `runs` in the working directory.

    Raises:
        IcerecoError: as `weights_of`, and where a name that ends in .safetensors is that of no file.
    """
    text, path = str(name_or_path), Path(name_or_path)
    if path.is_file():
        return Weights(path)
    if path.suffix == ".safetensors":
        raise IcerecoError(f"there is no checkpoint {path}{_near_file(path)}")
    try:
        run = resolve(name_or_path, runs or runs_dir())
    except IcerecoError:
        library = Library.of_user()
        return Weights.of_model(library.find(text)) if text in library.names() else None
    return Weights.of_run(run)


def reconstruct(events: EventBatch, model: Method | str | Path) -> Reconstruction:
    """Reconstruct events with a model, in their order; NaN for events that have no pulses.

    >>> import icereco
    >>> icereco.reconstruct(icereco.simulate(3), "linefit").direction.shape
    (3, 3)

    Args:
        events: of the model's detector.
        model: from `load_model`, or what `load_model` takes.

    Raises:
        IcerecoError: as `load_model`; the events are of another detector than the model; or the method fails.
    """
    method = model if isinstance(model, Method) else load_model(model)
    return method(events)


def is_method(text: str) -> bool:
    """Return whether a text names an installed reconstructor, with or without options."""
    return text.partition(":")[0].strip() in _untrained_names()


def trained_method(weights: Weights, device: str | None = None) -> Method:
    """Load a model; on a device as for `model_method`.

    Raises:
        IcerecoError: the checkpoint cannot be used.
    """
    method = model_method(weights.path, device)
    return replace(method, provenance=weights.facts | method.provenance)


def _for_its_detector(method: Method) -> Method:
    """Wrap the method so that it refuses events of another detector, whose positions the model was not trained on."""

    def require_its_detector(batch: EventBatch) -> None:
        if not method.detector.has(batch.sensor_id, batch.position_m):
            raise IcerecoError(
                f"model {method.name!r} was trained for {method.detector.name}, and these events are of another "
                "detector; read them with detector=model.detector, or train a model for that detector: "
                "icereco train -o detector.use=NAME"
            )

    def reconstruct(given: Callable[[EventBatch], Reconstruction], batch: EventBatch) -> Reconstruction:
        require_its_detector(batch)
        return given(batch)

    return replace(
        method,
        reconstruct=partial(reconstruct, method.reconstruct),
        rounded=method.rounded and partial(reconstruct, method.rounded),
    )


def _untrained_names() -> set[str]:
    declared = registry().of_kind("reconstructor")
    names = {declaration.component.name for declaration in declared}
    return names | {f"{one.plugin.distribution}/{one.component.name}" for one in declared}


def _near_file(path: Path) -> str:
    return did_you_mean(path.name, [entry.name for entry in path.parent.glob("*")])

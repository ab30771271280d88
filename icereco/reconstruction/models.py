"""Models by name or path, and their reconstructions of events in memory; for notebooks and scripts."""

from dataclasses import replace
from pathlib import Path

from icereco.data.catalog import DEFAULT_DETECTOR
from icereco.errors import IcerecoError, did_you_mean
from icereco.events.batch import EventBatch
from icereco.events.reconstruction import Reconstruction
from icereco.plugins.discovery import registry
from icereco.reconstruction.methods import Method, model_method, untrained_method
from icereco.runs.folder import RunFolder, list_runs, resolve, runs_dir

__all__ = ["is_method", "load_model", "reconstruct", "run_method"]


def load_model(name_or_path: str | Path, device: str | None = None) -> Method:
    """A trained model, or a method without training, ready to reconstruct.

    >>> import icereco
    >>> icereco.load_model("linefit").name
    'linefit'

    Args:
        name_or_path: a checkpoint file, the folder of a run, the name of a run in `runs`, or the name of an installed
            reconstructor, such as "linefit" or with options "linefit:weight_by_charge=true". A run that is called as a
            reconstructor is given as "runs/NAME".
        device: "cpu", "cuda", "cuda:1"; by default the first GPU if there is one.

    Returns:
        An object with `name`, `detector` and `provenance`, called with an `EventBatch` of any size.

    Raises:
        IcerecoError: there is none of that name (with the nearest), it has no such option, the checkpoint cannot be
            used, or this machine has no such device (with those that it has).
    """
    text, path = str(name_or_path), Path(name_or_path)
    if is_method(text):
        return untrained_method(text, DEFAULT_DETECTOR, device=device)
    if path.is_file():
        return _for_its_detector(model_method(path, device))
    if path.suffix == ".safetensors":
        raise IcerecoError(f"there is no checkpoint {path}{_near_file(path)}")
    try:
        run = resolve(name_or_path, runs_dir())
    except IcerecoError as error:
        name = text.partition(":")[0]
        known = [*_untrained_names(), *(run.name for run in list_runs(runs_dir()))]
        raise IcerecoError(
            f"{text!r} is neither a checkpoint, a run nor a method{did_you_mean(name, known)}\n"
            f"  runs: {error}\n  methods: {', '.join(registry().names('reconstructor'))}"
        ) from None
    return _for_its_detector(run_method(run, device))


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


def run_method(run: RunFolder, device: str | None = None) -> Method:
    """Load the best model of a run; on a device as for `model_method`.

    Raises:
        IcerecoError: it has none yet, or one that cannot be used.
    """
    if not run.best.is_file():
        raise IcerecoError(f"run {run.name!r} has no checkpoint yet ({run.best} is missing); let it train on")
    method = model_method(run.best, device)
    return replace(method, provenance={"run": run.name} | method.provenance)


def _for_its_detector(method: Method) -> Method:
    """Wrap the method so that it refuses events of another detector, whose positions the model was not trained on."""

    def reconstruct(batch: EventBatch) -> Reconstruction:
        if not method.detector.has(batch.sensor_id, batch.position_m):
            raise IcerecoError(
                f"model {method.name!r} was trained for {method.detector.name}, and these events are of another "
                "detector; read them with detector=model.detector, or train a model for that detector: "
                "icereco train -o detector.use=NAME"
            )
        return method.reconstruct(batch)

    return replace(method, reconstruct=reconstruct)


def _untrained_names() -> set[str]:
    declared = registry().of_kind("reconstructor")
    names = {declaration.component.name for declaration in declared}
    return names | {f"{one.plugin.distribution}/{one.component.name}" for one in declared}


def _near_file(path: Path) -> str:
    return did_you_mean(path.name, [entry.name for entry in path.parent.glob("*")])

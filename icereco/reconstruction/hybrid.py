"""The method `hybrid`: the likelihood fit from the posterior of a trained model, calibrated where its calibration is known."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path

from icereco.errors import IcerecoError
from icereco.reconstruction.calibration_file import CalibrationFile
from icereco.reconstruction.choice import Choice, Events, choose
from icereco.reconstruction.method_names import HYBRID, WITHOUT_MODEL
from icereco.reconstruction.methods import Method, untrained_method
from icereco.reconstruction.seeding import started_from
from icereco.system.resources import calibrations_dir
from icereco.trained.library import Library

__all__ = ["hybrid"]

_CALIBRATION = f"{HYBRID}.json"
"""Of fits from the model `fast`; its facts say to which events it was fitted."""


def hybrid(
    events: Events, runs: Path, library: Library, options: Mapping[str, str], device: str | None = None
) -> Choice:
    """Choose the trained model as where nothing is named, and fit each event from its posterior.

    Args:
        events: which are reconstructed.
        runs: folder of runs.
        library: of trained models.
        options: of the likelihood fit.
        device: as for `icereco.system.devices.find_device`.

    Raises:
        IcerecoError: there is no trained model for the detector; or an option is wrong.
    """
    seed = choose(events, runs, library, {}, device)
    if seed.method.with_seeds is not None:
        raise IcerecoError(
            f"--method {HYBRID} fits from the posterior of a trained model, and there is none for {events.label}: "
            f"--method {WITHOUT_MODEL} searches the whole sky instead"
        )
    fit = untrained_method(WITHOUT_MODEL, seed.method.detector, options, device)
    known = seed.method.provenance
    started = started_from(fit, seed.method, str(known.get("model") or known.get("run") or seed.method.name))
    again = None if started.again is None else partial(_again, started.again)
    method = replace(started, name=HYBRID, again=again)
    return Choice(_calibrated(method, seed.method), f"method {HYBRID}, from {seed.words}")


def _again(started: Callable[[], Method]) -> Method:
    """The method, in another process."""
    return replace(started(), name=HYBRID)


def _calibrated(method: Method, seed: Method) -> Method:
    """Apply the calibration that comes with icereco, if it is of this model and of these options."""
    path = calibrations_dir() / _CALIBRATION
    if not path.is_file():
        return method
    known = CalibrationFile.read(path)
    seeds = [one.get("checkpoint_sha256") for one in known.facts["seeds"]]
    same = seeds == [seed.provenance.get("checkpoint_sha256")] and not known.other_options(method)
    return known.applied(method, path) if same else method

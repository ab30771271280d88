"""The method `hybrid`: the likelihood fit from the posterior of a trained model, which adds what it knows of energy and kind."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from icereco.errors import IcerecoError
from icereco.events.batch import EventBatch
from icereco.events.reconstruction import Reconstruction
from icereco.events.vmf_mixture import VmfMixture
from icereco.plugins.discovery import registry
from icereco.plugins.options import options_from
from icereco.reconstruction.calibration_file import CalibrationFile
from icereco.reconstruction.choice import Choice, Events, choose
from icereco.reconstruction.combination import Combination, densest, parts_of
from icereco.reconstruction.method_names import HYBRID, WITHOUT_MODEL
from icereco.reconstruction.methods import Method, untrained_method
from icereco.reconstruction.seeding import seed_facts
from icereco.system.files import file_hash
from icereco.system.resources import calibrations_dir
from icereco.trained.library import Library

__all__ = ["COMBINATION", "hybrid"]

_OF_MODEL = (
    "energy_gev",
    "energy_log10_sigma",
    "energy_interval_gev",
    "kind_probability",
    "inelasticity",
    "inelasticity_sigma",
)
"""What a trained model knows better than the fit, or alone."""

_SHARE_OF_MODEL = 0.25
"""Of the posterior, where there is no network that weighs: where the fit is at a wrong maximum, the model may still know. Fitted to
13,600 simulated events (seed 31), 0.26 has the largest mean log density at the true directions: of 2,400 others 1.159, with 0.2 1.158,
with 0.1 1.140, without 1.053."""

COMBINATION = f"{HYBRID}_combination.json"
"""Of fits from the model `fast`: the network that weighs both posteriors; its facts say what it was trained on."""

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
    fit_itself = registry().find("reconstructor", WITHOUT_MODEL).component
    # Checked here, so that errors name the method that was asked for.
    options_from("reconstructor", fit_itself, options, f"the method {HYBRID!r}")
    seed = choose(events, runs, library, {}, device)
    if seed.method.with_seeds is not None:
        raise IcerecoError(
            f"--method {HYBRID} fits from the posterior of a trained model, and there is none for {events.label}: "
            f"--method {WITHOUT_MODEL} searches the whole sky instead"
        )
    fit = untrained_method(WITHOUT_MODEL, seed.method.detector, options, device)
    return Choice(_calibrated(_both(fit, seed.method), seed.method), f"method {HYBRID}, from {seed.words}")


def _both(fit: Method, model: Method) -> Method:
    """The method without a calibration of its own."""
    known, combination = model.provenance, _combination_of(fit, model)
    name = str(known.get("model") or known.get("run") or model.name)
    again = None if fit.again is None or model.again is None else partial(_again, fit.again, model.again)
    made_with = {"seeds": [seed_facts(name, model)], "trained": known.get("trained", {})}
    if combination is not None:
        made_with["combination"] = {"sha256": file_hash(_combination_path()), **combination.facts}
    return replace(
        fit,
        name=HYBRID,
        reconstruct=partial(_reconstruct, fit, model, combination),
        with_seeds=None,
        profile=None,
        again=again,
        provenance=fit.provenance | made_with,
    )


def _again(fit: Callable[[], Method], model: Callable[[], Method]) -> Method:
    """The method, in another process."""
    return _both(fit(), model())


def _combination_path() -> Path:
    return calibrations_dir() / COMBINATION


def _combination_of(fit: Method, model: Method) -> Combination | None:
    """Return the network that weighs both posteriors, if it was trained on fits from this model and with these options."""
    if not _combination_path().is_file():
        return None
    known = Combination.read(_combination_path())
    options, trained = fit.provenance.get("method_options", {}), known.facts["options"]
    same = all(options.get(name) == trained.get(name) for name in {*options, *trained} - {"device"})
    return known if same and _is_from(known.facts, model) else None


def _is_from(facts: Mapping[str, Any], model: Method) -> bool:
    """Whether what these facts are of was fitted to fits from this model."""
    seeds = [one.get("checkpoint_sha256") for one in facts["seeds"]]
    return seeds == [model.provenance.get("checkpoint_sha256")]


def _reconstruct(
    fit: Method, model: Method, combination: Combination | None, batch: EventBatch
) -> Reconstruction:
    """Fit from the model, which knows more of energy, kind and inelasticity, and takes the place of fits that fail."""
    assert fit.with_seeds is not None, "the likelihood fit takes seeds"
    seed = model(batch)
    fitted = fit.with_seeds(batch, [seed])
    known = {name: column for name in _OF_MODEL if (column := getattr(seed, name)) is not None}
    failed, direction = np.isnan(fitted.direction).any(1), fitted.direction
    if fitted.posterior is not None and seed.posterior is not None:
        of_model = seed.posterior.as_mixture()
        if combination is None:
            both = fitted.posterior.as_mixture().mixed(of_model, _SHARE_OF_MODEL)
        else:
            parts = parts_of(fitted, seed, batch.pulse_count)
            both = combination.of(parts.mixture, parts.features)
            direction = densest(both)
        either = VmfMixture.joined([both, of_model])
        known["posterior"] = either.take(np.arange(len(failed)) + len(failed) * failed)
    known["direction"] = np.where(failed[:, None], seed.direction, direction)
    return replace(fitted, **known)


def _calibrated(method: Method, seed: Method) -> Method:
    """Apply the calibration that comes with icereco, if it is of this model and of these options."""
    path = calibrations_dir() / _CALIBRATION
    if not path.is_file():
        return method
    known = CalibrationFile.read(path)
    same = _is_from(known.facts, seed) and not known.other_options(method)
    return known.applied(method, path) if same else method

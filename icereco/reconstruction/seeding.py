"""Seeds: what other methods say of the same events, for a method to start from."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from icereco.detector.detector import Detector
from icereco.errors import IcerecoError, did_you_mean
from icereco.events.batch import EventBatch
from icereco.events.official_fits import fit_names, official_fits
from icereco.events.reconstruction import Reconstruction
from icereco.plugins.discovery import registry
from icereco.reconstruction.methods import Method, untrained_method
from icereco.reconstruction.models import find_weights, is_method, trained_method
from icereco.runs.folder import list_runs, runs_dir
from icereco.trained.library import Library

__all__ = ["require_fits", "seed_facts", "seeded"]

_FACTS = ("run", "model", "checkpoint", "checkpoint_sha256", "method_options")
"""What provenance holds of the method of a seed."""


_Reconstruct = Callable[[EventBatch], Reconstruction]
_WithSeeds = Callable[[EventBatch, Sequence[Reconstruction]], Reconstruction]


@dataclass(frozen=True, slots=True)
class _Seed:
    """How a seed is made, also in another process, JSON-able facts of it, and the name of the fit if it comes with the events."""

    reconstruct: _Reconstruct
    facts: dict[str, Any]
    again: "Callable[[], _Reconstruct] | None"
    fit: str | None = None


def seeded(method: Method, seeds: Sequence[str], device: str | None = None) -> Method:
    """Start a method from the reconstructions of others; where one of them fails its directions are NaN.

    Args:
        method: takes seeds.
        seeds: each a method without training (`NAME` or `NAME:KEY=VALUE`), a checkpoint file, a run by name or folder,
            a trained model by name, or else a fit that comes with the events, as `NAME` of their columns `fit_NAME_azimuth` and `fit_NAME_zenith`.
        device: where models among the seeds compute; as for `icereco.system.devices.find_device`.

    Raises:
        IcerecoError: the method takes no seeds; or a seed is of another detector, or cannot be used. A fit that the
            events do not have is found missing when events are reconstructed.
    """
    with_seeds = method.with_seeds
    if with_seeds is None:
        raise IcerecoError(
            f"{method.name!r} takes no seeds, so it cannot start from {', '.join(map(repr, seeds))}; leave the seeds out"
        )
    sources = [_seed(text, method.detector, device) for text in seeds]
    return replace(
        method,
        reconstruct=_started(with_seeds, [source.reconstruct for source in sources]),
        again=_again(method, sources),
        needed_fits=tuple(source.fit for source in sources if source.fit is not None),
        provenance=method.provenance | {"seeds": [source.facts for source in sources]},
    )


def _started(with_seeds: _WithSeeds, seeds: Sequence[_Reconstruct]) -> _Reconstruct:
    def reconstruct(batch: EventBatch) -> Reconstruction:
        return with_seeds(batch, [seed(batch) for seed in seeds])

    return reconstruct


def _again(method: Method, seeds: Sequence[_Seed]) -> Callable[[], Method] | None:
    """What makes the method with its seeds in another process."""
    known = [seed.again for seed in seeds if seed.again is not None]
    if method.again is None or len(known) < len(seeds):
        return None
    return partial(_seeded_by, method.again, known)


def _seeded_by(method: Callable[[], Method], seeds: Sequence[Callable[[], _Reconstruct]]) -> Method:
    made = method()
    assert made.with_seeds is not None, "it took seeds before it was sent here"
    return replace(made, reconstruct=_started(made.with_seeds, [seed() for seed in seeds]))


def require_fits(needed: Sequence[str], columns: Collection[str], where: Path | str) -> None:
    """Check that fits come with events that have some further columns.

    Args:
        needed: names of the fits.
        columns: names of the columns of the events.
        where: the file or the event, for the message.

    Raises:
        IcerecoError: a fit is missing; the message names what could have been meant.
    """
    fits = fit_names(columns)
    missing = [name for name in needed if name not in fits]
    if not missing:
        return
    runs, methods = [run.name for run in list_runs(runs_dir())], registry().names("reconstructor")
    models = Library.of_user().names()
    raise IcerecoError(
        f"the seed {missing[0]!r} is neither a method, a checkpoint, a run nor a trained model, and {where} has no fit of that name"
        f"{did_you_mean(missing[0], [*fits, *runs, *models, *methods])}\n  fits there: {', '.join(fits) or 'none'}\n"
        f"  runs: {', '.join(runs) or 'none'}\n  models: {', '.join(models) or 'none'}\n"
        f"  methods: {', '.join(methods) or 'none'}"
    )


def _seed(text: str, detector: Detector, device: str | None) -> _Seed:
    seed = _method(text, detector, device)
    if seed is None:
        facts = {"name": text, "from": f"fit_{text}_azimuth"}
        fit = partial(_official_fit, text)
        return _Seed(fit, facts, partial(partial, _official_fit, text), fit=text)
    if seed.detector.fingerprint != detector.fingerprint:
        raise IcerecoError(
            f"the seed {text!r} is of the detector {seed.detector.name}, and the events are of {detector.name}; choose a "
            "seed of the same detector, or another --detector"
        )
    return _Seed(seed, seed_facts(text, seed), seed.again)


def seed_facts(name: str, seed: Method) -> dict[str, Any]:
    """Return what provenance holds of a seed."""
    return {"name": name} | {key: seed.provenance[key] for key in _FACTS if key in seed.provenance}


def _method(text: str, detector: Detector, device: str | None) -> Method | None:
    """The method without training, checkpoint, run or trained model of this name, in this order."""
    if is_method(text):
        return untrained_method(text, detector)
    weights = find_weights(text)
    return None if weights is None else trained_method(weights, device)


def _official_fit(name: str, batch: EventBatch) -> Reconstruction:
    require_fits([name], batch.event_extras, f"event {batch.event_id[0]}")
    return official_fits(batch)[name]

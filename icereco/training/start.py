"""The trained model that a training goes on from: which of its weights fit, and what is said and recorded of it."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import torch
from torch import Tensor

from icereco.detector.detector import Detector
from icereco.errors import IcerecoError, did_you_mean
from icereco.model.checkpoint import Checkpoint, load_checkpoint
from icereco.model.head import Head
from icereco.model.model import Model
from icereco.model.names import listed
from icereco.model.several_losses import DIRECTION
from icereco.profiles import Choice, Profile, parse_profile
from icereco.reconstruction.models import find_weights, is_method
from icereco.runs.folder import list_runs
from icereco.system.log import get_logger
from icereco.trained.library import Library
from icereco.training.data_choice import DataChoice

__all__ = ["Loaded", "Start"]

logger = get_logger(__name__)

_RECORDED = ("run", "model", "imported", "step", "train_events", "data", "data_fingerprint", "start")
"""The facts of a checkpoint that a training which goes on from it keeps."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """What a model has of the one that its training goes on from.

    Attributes:
        heads: names of the losses whose heads are trained.
        normalizer: whether the normalizer has the constants of the checkpoint.
    """

    heads: frozenset[str] = frozenset()
    normalizer: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Start:
    """A checkpoint that a training goes on from.

    Attributes:
        label: what the user called it.
        checkpoint: its content.
        facts: what is known of it besides: the name of its run, or of the model.
    """

    label: str
    checkpoint: Checkpoint
    facts: dict[str, Any]

    @classmethod
    def find(cls, name_or_path: str, runs: Path) -> Self:
        """Open a checkpoint file, the best of a run, or a trained model by name.

        Raises:
            IcerecoError: there is none, with the nearest name; or it cannot be used.
        """
        weights = find_weights(name_or_path, runs)
        if weights is None:
            raise IcerecoError(_unknown(name_or_path, runs))
        return cls(name_or_path, load_checkpoint(weights.path), weights.facts)

    def profile(self, overrides: Sequence[str] = ()) -> Profile:
        """Return the profile of the checkpoint with changes, such as "train.epochs=2".

        Raises:
            ProfileError: a change is not valid, or the detector of the checkpoint has no card here.
        """
        profile = self.checkpoint.profile
        return parse_profile(profile.resolved_toml(), profile.name, overrides)

    def data(self) -> list[DataChoice]:
        """Return the data that the checkpoint was trained on, opened; empty for simulated events.

        Raises:
            IcerecoError: they are not on this machine.
        """
        chosen = DataChoice.recorded(self.checkpoint.provenance.get("data_sets", []))
        for choice in chosen:
            try:
                choice.open()
            except IcerecoError as error:
                raise IcerecoError(
                    f"{self.label!r} was trained on {choice.absolute()}, which cannot be read here ({error}); "
                    "name events to train on with --data"
                ) from error
        if chosen:
            logger.info("data: %s, as of %s", ", ".join(one.absolute() for one in chosen), self.label)
        return chosen

    def record(self) -> dict[str, Any]:
        """Return JSON-able facts for the provenance of the training, with those of the start of this start."""
        known = self.checkpoint.provenance | self.facts
        own = {
            "from": self.label,
            "path": str(self.checkpoint.path.resolve()),
            "sha256": self.checkpoint.sha256,
            "profile": self.checkpoint.profile.name,
            "detector": self.checkpoint.detector.name,
        }
        return (
            own
            | {"events": self.events}
            | {key: known[key] for key in _RECORDED if known.get(key) is not None}
        )

    @property
    def events(self) -> int | None:
        """How many events the weights have seen, each as often as it was seen; None if that is unknown."""
        facts = self.checkpoint.provenance
        before = facts.get("start", {}).get("events", 0)
        return None if "events" not in facts or before is None else facts["events"] + before

    def load_into(self, model: Model, profile: Profile, detector: Detector) -> Loaded:
        """Load every weight that fits, say which do and which do not, and return what that means for the first step.

        Weights are matched by name and shape; a head is loaded as a whole, and only for the same loss. The constants of
        normalizer and losses are loaded if these have the same options, and those of the normalizer for the same
        detector alone. Of weights imported from another program, those that are new are not loaded.

        Raises:
            IcerecoError: no weight of aggregator or encoder fits.
        """
        same_detector = detector.fingerprint == self.checkpoint.detector.fingerprint
        normalizer = same_detector and _same(
            profile.role("normalizer"), self.checkpoint.profile.role("normalizer")
        )
        own, stored = _by_name(model), self._stored()
        fitting = {name for name, value in own.items() if _fits(value, stored.get(name))}
        fitting -= self._constants(model, profile, keep_normalizer=normalizer)
        heads = frozenset(
            name for name in model.heads if self._has_loss(name, profile) and _head(name, own) <= fitting
        )
        new = tuple(
            f"{part}.{name}."
            for name in model.heads
            if name not in heads
            for part in ("head.heads", "loss.losses")
        )
        fitting = {name for name in fitting if not name.startswith(new)}
        if not any(name.startswith(("aggregator.", "encoder.")) for name in fitting):
            raise IcerecoError(self._nothing_fits(profile))
        with torch.no_grad():
            for name in fitting:
                own[name].copy_(stored[name])
        self._say(own, stored, fitting, None if same_detector else detector.name)
        return Loaded(heads, normalizer)

    def _training(self) -> str:
        peer = self.checkpoint.provenance.get("imported", {}).get("from")
        if peer is not None:
            return f"with weights imported from {peer}"
        return "of unknown training" if self.events is None else f"which has seen {self.events:,} events"

    def _stored(self) -> dict[str, Tensor]:
        """The tensors of the checkpoint, without the weights of an import that were never trained."""
        model = self.checkpoint.model
        names = self.checkpoint.provenance.get("imported", {}).get("new", ())
        new = {_canonical(name, model) for name in names}
        return {name: value for name, value in _by_name(model).items() if name not in new}

    def _constants(self, model: Model, profile: Profile, *, keep_normalizer: bool) -> set[str]:
        """The buffers that say what other options, or another detector, mean."""
        before, now = _losses(self.checkpoint.profile), _losses(profile)
        kept = {f"loss.losses.{name}." for name in now if name in before and _same(now[name], before[name])}
        kept |= {"normalizer."} if keep_normalizer else set()
        buffers = _by_name(model).keys() - {_canonical(name, model) for name, _ in model.named_parameters()}
        of_options = {name for name in buffers if name.startswith(("normalizer.", "loss."))}
        return {name for name in of_options if not name.startswith(tuple(kept))}

    def _has_loss(self, name: str, profile: Profile) -> bool:
        before, now = _losses(self.checkpoint.profile), _losses(profile)
        return name in before and before[name].component.name == now[name].component.name

    def _nothing_fits(self, profile: Profile) -> str:
        before = self.checkpoint.profile
        parts = ", ".join(
            f"{role} {before.role(role).component.name!r} there, {profile.role(role).component.name!r} here"
            for role in ("aggregator", "encoder")
        )
        return (
            f"nothing of {self.label!r} fits the profile {profile.name!r}: no weight of its aggregator or encoder has the same "
            f"name and shape ({parts}); leave out --profile to train the model as it is, or train without --from"
        )

    def _say(
        self,
        own: Mapping[str, Tensor],
        stored: Mapping[str, Tensor],
        fitting: Collection[str],
        new_detector: str | None,
    ) -> None:
        checkpoint = self.checkpoint
        logger.info(
            "starting from %s (profile %s, %s; sha256 %s): %d of %d tensors loaded",
            self.label,
            checkpoint.profile.name,
            self._training(),
            checkpoint.sha256[:12],
            len(fitting),
            len(own),
        )
        if new_detector is not None:
            logger.info(
                "trained for %s, going on with %s; the constants of the normalizer are those of %s",
                checkpoint.detector.name,
                new_detector,
                new_detector,
            )
        said = () if new_detector is None else ("normalizer.",)
        left, unused = (
            {name for name in names.keys() - fitting if not name.startswith(said)} for names in (own, stored)
        )
        if left or unused:
            logger.warning(
                "left at their first values: %s; not used: %s",
                listed(left, own),
                listed(unused, stored),
            )


def _unknown(text: str, runs: Path) -> str:
    if is_method(text):
        return f"{text!r} is a method without weights, so no training can start from it"
    names, models = [run.name for run in list_runs(runs)], Library.of_user().names()
    return (
        f"{text!r} is neither a checkpoint, a run nor a trained model{did_you_mean(text, [*names, *models])}\n"
        f"  runs: {', '.join(names) or f'none in {runs}'}\n  models: {', '.join(models) or 'none'}"
    )


def _losses(profile: Profile) -> dict[str, Choice]:
    return {DIRECTION: profile.role("loss")} | {name: loss.choice for name, loss in profile.losses.items()}


def _same(choice: Choice, other: Choice) -> bool:
    return choice.component.name == other.component.name and choice.options == other.options


def _by_name(model: Model) -> dict[str, Tensor]:
    return {_canonical(name, model): value for name, value in model.state_dict().items()}


def _canonical(name: str, model: Model) -> str:
    """The name of a tensor in a model with several losses, so that it is found whether there are several or one."""
    if isinstance(model.head, Head):
        for part, plural in (("head.", "head.heads."), ("loss.", "loss.losses.")):
            if name.startswith(part):
                return f"{plural}{DIRECTION}.{name.removeprefix(part)}"
    return name


def _head(loss: str, names: Iterable[str]) -> set[str]:
    return {name for name in names if name.startswith(f"head.heads.{loss}.")}


def _fits(value: Tensor, stored: Tensor | None) -> bool:
    return stored is not None and value.shape == stored.shape and value.dtype == stored.dtype

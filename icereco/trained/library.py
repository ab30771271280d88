"""The trained models of this machine: a folder of those that come with icereco, and one of the user's own.

Each model is a folder by its name:

    NAME/
        model.safetensors        a checkpoint: weights, normalizer constants, recalibration, detector, profile
        card.toml                what it was trained on, how good it is (`icereco.trained.card`)
"""

import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Self

from icereco.errors import IcerecoError, did_you_mean
from icereco.system.cache import config_dir
from icereco.system.files import explaining, file_hash, sync, write_text
from icereco.system.resources import models_dir
from icereco.trained.card import ModelCard, card_text, read_card

__all__ = ["CARD", "WEIGHTS", "Library", "Origin", "TrainedModel"]

CARD, WEIGHTS = "card.toml", "model.safetensors"

Origin = Literal["built in", "yours"]
"""Whether a model comes with icereco, or the user has added it."""


@dataclass(frozen=True, slots=True)
class TrainedModel:
    """A trained model in a library.

    Attributes:
        card: what there is to know of it.
        folder: with its files.
        origin: whose it is.
    """

    card: ModelCard
    folder: Path
    origin: Origin

    @property
    def name(self) -> str:
        """By which it is chosen."""
        return self.card.name

    def weights(self) -> Path:
        """The file with the weights, after a comparison with the checksum of the card.

        Raises:
            IcerecoError: it is not there, cannot be read, or is not the file that the card describes.
        """
        path = self.folder / WEIGHTS
        try:
            sound = file_hash(path) == self.card.sha256
        except OSError as error:
            raise IcerecoError(
                f"the weights of the model {self.name!r} cannot be read: {path}: {error.strerror}; {self._repair}"
            ) from None
        if not sound:
            raise IcerecoError(
                f"the model {self.name!r} is damaged: {path} is not the file that its card describes "
                f"(its sha256 is another); {self._repair}"
            )
        return path

    @property
    def _repair(self) -> str:
        if self.origin == "built in":
            return "install icereco again, or use another: icereco models"
        return f"add it again: icereco models add PATH --name {self.name} --replace"


@dataclass(frozen=True, slots=True)
class Library:
    """The models of two folders; where both have a name, the user's own is meant.

    Attributes:
        built_in: folder of the models that come with icereco, which is never changed.
        own: folder of the user's models; None where there is no place for one, as the user has no home.
    """

    built_in: Path
    own: Path | None

    @classmethod
    def of_user(cls) -> Self:
        """The models that come with this installation, and those of this user, which are kept beside the settings file."""
        own = None
        with suppress(IcerecoError):
            own = config_dir() / "models"
        return cls(models_dir(), own)

    def names(self) -> list[str]:
        """List the names of all models, without reading their cards."""
        return sorted({folder.name for _, folder in self._folders()})

    def models(self, problems: list[str] | None = None) -> list[TrainedModel]:
        """List all models by name.

        Args:
            problems: receives a message for each model whose card cannot be used; None to leave these out silently.
        """
        models = {}
        for origin, folder in self._folders():
            try:
                models[folder.name] = _read(folder, origin)
            except IcerecoError as error:
                if problems is not None:
                    problems.append(str(error))
        return [models[name] for name in sorted(models)]

    def find(self, name: str) -> TrainedModel:
        """Return the model of this name.

        Raises:
            IcerecoError: there is none, with the nearest name; or its card cannot be used.
        """
        origin, folder = self._folder(name)
        return _read(folder, origin)

    def add(self, card: ModelCard, weights: Path, *, replace: bool = False) -> TrainedModel:
        """Copy a checkpoint into the user's folder, with a card; the model appears whole or not at all.

        Args:
            card: of the model, with the checksum of the checkpoint.
            weights: the checkpoint.
            replace: whether a model of the user's by that name is replaced.

        Raises:
            IcerecoError: the name is taken, there is no place for models, or they cannot be written.
        """
        root = self._own()
        self._require_free(card.name, replace=replace)
        place = root / card.name
        with _new_folder(place) as temporary:
            with explaining(place / WEIGHTS):
                shutil.copyfile(weights, temporary / WEIGHTS)
                sync(temporary / WEIGHTS)
            write_text(temporary / CARD, card_text(card))
            _read(temporary, "yours", card.name).weights()  # what has been written is what was meant
        return _read(place, "yours")

    def remove(self, name: str) -> Path:
        """Delete a model of the user's, also one whose card is damaged, and return where it was.

        Raises:
            IcerecoError: there is none of that name, it comes with icereco, or it cannot be deleted.
        """
        origin, folder = self._folder(name)
        if origin == "built in":
            raise IcerecoError(
                f"the model {name!r} comes with icereco, and is not removed; yours are: {self._yours()}"
            )
        with explaining(folder):
            _discard(folder)
        return folder

    def _folder(self, name: str) -> tuple[Origin, Path]:
        folders = {folder.name: (origin, folder) for origin, folder in self._folders()}
        if name not in folders:
            raise IcerecoError(f"no model is called {name!r}{self._hint(name)}")
        return folders[name]

    def _folders(self) -> Iterator[tuple[Origin, Path]]:
        """The folders of models with their origin, the user's last."""
        roots: tuple[tuple[Origin, Path | None], ...] = (("built in", self.built_in), ("yours", self.own))
        for origin, root in roots:
            for card in sorted(root.glob(f"*/{CARD}")) if root is not None else ():
                if not card.parent.name.startswith("."):
                    yield origin, card.parent

    def _own(self) -> Path:
        if self.own is None:
            raise IcerecoError("this user has no home folder for models; set ICERECO_CONFIG to a folder")
        return self.own

    def _require_free(self, name: str, *, replace: bool) -> None:
        origins = {folder.name: origin for origin, folder in self._folders()}
        if origins.get(name) == "built in":
            raise IcerecoError(f"a model that comes with icereco is called {name!r}; give another --name")
        if name in origins and not replace:
            raise IcerecoError(f"you have a model {name!r} already; give another --name, or --replace")

    def _yours(self) -> str:
        return ", ".join(folder.name for origin, folder in self._folders() if origin == "yours") or "none"

    def _hint(self, name: str) -> str:
        names = self.names()
        known = ", ".join(names) or "none yet"
        return (
            f"{did_you_mean(name, names)} (known: {known}; add one with: icereco models add RUN|CHECKPOINT)"
        )


def _read(folder: Path, origin: Origin, name: str | None = None) -> TrainedModel:
    card = read_card(folder / CARD)
    if card.name != (name or folder.name):
        raise IcerecoError(
            f"{folder / CARD}: is the card of {card.name!r}, in the folder of a model {folder.name!r}; rename the folder"
        )
    return TrainedModel(card, folder, origin)


@contextmanager
def _new_folder(place: Path) -> Iterator[Path]:
    """Yield a temporary folder beside `place`, which takes its place, and that of an older one, when the block ends."""
    temporary = place.with_name(f".{place.name}.{secrets.token_hex(4)}.partial")
    with explaining(place):
        temporary.mkdir(parents=True)
    try:
        yield temporary
        with explaining(place):
            if place.exists():
                _discard(place)
            temporary.rename(place)
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise


def _discard(folder: Path) -> None:
    """Delete a folder, which is out of sight at once."""
    hidden = folder.with_name(f".{folder.name}.{secrets.token_hex(4)}.partial")
    folder.rename(hidden)
    shutil.rmtree(hidden)

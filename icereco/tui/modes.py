"""The screens by the key that opens them, each imported only when it is opened."""

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING

from icereco.tui.keys import APP_KEYS, Key
from icereco.tui.settings import Settings

if TYPE_CHECKING:
    from textual.screen import Screen

__all__ = ["MODES", "Mode", "all_keys", "keys_of_screens"]


@dataclass(frozen=True, slots=True)
class Mode:
    """One of the main screens: its title and "module:Class"."""

    title: str
    target: str

    def load(self) -> "Callable[[Settings], Screen[None]]":
        """Import the screen's class."""
        module, _, name = self.target.partition(":")
        screen: Callable[[Settings], Screen[None]] = getattr(import_module(module), name)
        return screen

    def make(self, settings: Settings) -> "Screen[None]":
        """Import and build the screen."""
        return self.load()(settings)

    def bound_keys(self) -> tuple[Key, ...]:
        """The keys of the screen."""
        keys: tuple[Key, ...] = getattr(import_module(self.target.partition(":")[0]), "KEYS", ())
        return keys


MODES = {
    "train": Mode("Train", "icereco.tui.runs.train_screen:TrainScreen"),
    "events": Mode("Events", "icereco.tui.events.framed_screen:FramedEventScreen"),
    "profiles": Mode("Profiles", "icereco.tui.profiles.screen:ProfilesScreen"),
    "components": Mode("Components", "icereco.tui.profiles.components_screen:ComponentsScreen"),
    "data": Mode("Data", "icereco.tui.data.screen:DataScreen"),
    "jobs": Mode("Jobs", "icereco.tui.jobs.screen:JobsScreen"),
    "models": Mode("Models", "icereco.tui.models.screen:ModelsScreen"),
}


def all_keys() -> list[Key]:
    """Every binding that a user's keymap may change."""
    return [*APP_KEYS, *(key for keys in keys_of_screens() for key in keys)]


def keys_of_screens() -> list[tuple[Key, ...]]:
    """The keys of each screen."""
    further = import_module("icereco.tui.runs.table_screen")
    return [*(mode.bound_keys() for mode in MODES.values()), further.RUN_TABLE_KEYS]

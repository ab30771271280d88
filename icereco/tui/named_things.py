"""What the command palette finds besides keys: runs, events, filters, data sets, profiles, models, sessions and themes, by name."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

from textual.app import App
from textual.command import Hit, Hits, Provider
from textual.markup import escape
from textual.screen import Screen
from textual.types import IgnoreReturnCallbackType

from icereco.data.catalog import data_sets
from icereco.errors import IcerecoError
from icereco.profiles import profile_names
from icereco.tui.events.kept_filters import forget_filter, kept_filters
from icereco.tui.host import host_of, may
from icereco.tui.memory import Sessions
from icereco.tui.settings import Settings
from icereco.tui.themes import TERMINAL_THEMES, THEMES

__all__ = ["NamedThings"]


@dataclass(frozen=True, slots=True)
class _Thing:
    """Something with a name, what can be done with it, and a word about that."""

    title: str
    help: str
    open: IgnoreReturnCallbackType


class NamedThings(Provider):
    """Things by name; they are found once something is typed, as there may be thousands."""

    async def startup(self) -> None:
        """List what there is when the palette is opened."""
        screen = self.screen
        self._things = [
            *_runs(screen),
            *_data(screen),
            *_filters(screen),
            *_profiles(screen),
            *_models(screen),
            *_sessions(screen),
            *_themes(self.app),
        ]

    async def search(self, query: str) -> Hits:
        """Yield the things whose name matches, and the event whose id has been typed."""
        matcher = self.matcher(query)
        for thing in (*_event(self.screen, query), *self._things):
            score = matcher.match(thing.title)
            if score > 0:
                yield Hit(score, matcher.highlight(thing.title), thing.open, help=escape(thing.help))


def _runs(screen: Screen[Any]) -> Iterator[_Thing]:
    for run in host_of(screen).runs:
        show = partial(host_of(screen).open_in, "train", "go_to_run", run.path)
        yield _Thing(f"Run: {run.name}", run.state, show)


def _data(screen: Screen[Any]) -> Iterator[_Thing]:
    try:
        names = [*data_sets()]
    except IcerecoError:  # the screen Data says what is wrong with the settings
        return
    for name in names:
        yield _Thing(
            f"Data: {name}", "look at its events", partial(host_of(screen).open_in, "events", "open", name)
        )


def _filters(screen: Screen[Any]) -> Iterator[_Thing]:
    try:
        kept = kept_filters()
    except IcerecoError:  # as above
        return
    host = host_of(screen)
    for name, condition in kept.items():
        yield _Thing(f"Filter: {name}", condition, partial(host.open_in, "events", "use_filter", name))
        if may(screen, "keep_filter"):
            yield _Thing(f"Delete filter: {name}", "forget it", partial(_forget, screen.app, name))


def _forget(app: App[Any], name: str) -> None:
    try:
        forget_filter(name)
    except IcerecoError as error:
        app.notify(str(error), severity="error", timeout=10, markup=False)
    else:
        app.notify(name, title="deleted", markup=False)


def _profiles(screen: Screen[Any]) -> Iterator[_Thing]:
    for name in profile_names():
        show = partial(host_of(screen).open_in, "profiles", "go_to_profile", name)
        yield _Thing(f"Profile: {name}", "read or copy it", show)


def _models(screen: Screen[Any]) -> Iterator[_Thing]:
    from icereco.trained.library import Library  # a start has no need of cards

    for name in Library.of_user().names():
        show = partial(host_of(screen).open_in, "models", "go_to_model", name)
        yield _Thing(f"Model: {name}", "its card", show)


def _sessions(screen: Screen[Any]) -> Iterator[_Thing]:
    settings = getattr(screen.app, "settings", None)
    if not isinstance(settings, Settings):
        return
    for name in Sessions.of(settings.runs).names():
        host = host_of(screen)
        yield _Thing(f"Session: {name}", "look at everything as in it", partial(host.restore_session, name))
        if not settings.read_only:
            yield _Thing(f"Delete session: {name}", "forget it", partial(host.delete_session, name))


def _themes(app: App[Any]) -> Iterator[_Thing]:
    for theme in (*THEMES, *TERMINAL_THEMES):
        yield _Thing(f"Theme: {theme.name}", "change the colours", partial(setattr, app, "theme", theme.name))


def _event(screen: Screen[Any], query: str) -> Iterator[_Thing]:
    find = getattr(screen, "row_of_event", None)
    row = None if find is None else find(query)
    if row is not None:
        yield _Thing(f"Event: {query.strip()}", "of this file", partial(screen.show_event, row))  # type: ignore[attr-defined]  # of screens with events

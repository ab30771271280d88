"""What is installed: components, their options, and plugins that are not loaded."""

from collections.abc import Iterator
from functools import lru_cache

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text
from textual import on, work
from textual.app import ComposeResult
from textual.containers import Horizontal, VerticalScroll
from textual.screen import Screen
from textual.widgets import DataTable, Static

from icereco.errors import IcerecoError
from icereco.plugins.component import KINDS, ROLES, Kind
from icereco.plugins.discovery import Declaration, Plugin, registry
from icereco.plugins.registry import CardFolder
from icereco.profiles import load_profile, profile_names
from icereco.profiles.toml_format import format_value
from icereco.tui.common.ask import AskScreen
from icereco.tui.common.fit_table import FitTable
from icereco.tui.common.key_bar import KeyBar
from icereco.tui.common.mode_bar import ModeBar
from icereco.tui.keys import Key, bindings
from icereco.tui.settings import Settings
from icereco.tui.themes import themed

__all__ = ["KEYS", "ComponentsScreen"]

KEYS: tuple[Key, ...] = (Key("slash", "filter", "Filter", "Components", shown=True),)


_USES: dict[Kind, str] = {
    **{role: f'[{role}]\nuse = "{{}}"' for role in ROLES},
    "reader": "icereco train --data PATH --reader {0}\nicereco reconstruct PATH --reader {0}",
    "simulator": '[simulation]\nuse = "{}"',
    "reconstructor": "icereco reconstruct PATH --method {}",
}
"""What to write or type to use a component."""

Row = Plugin | Declaration | CardFolder


class ComponentsScreen(Screen[None]):
    """A table of everything that plugins provide, with plugins that failed to load first."""

    BINDINGS = bindings(KEYS)
    KEYS = KEYS

    def __init__(self, settings: Settings) -> None:
        super().__init__()
        del settings
        self.wanted = ""
        self.rows: list[Row] = []

    def compose(self) -> ComposeResult:
        """Show the table on the left, and what is under its cursor on the right."""
        yield ModeBar()
        with Horizontal():
            yield FitTable(("kind", "name", "plugin"), giving=("plugin", "name"), id="components")
            with VerticalScroll(id="details"):
                yield Static(id="about")
        yield KeyBar()

    def on_mount(self) -> None:
        """Fill the table of components."""
        table = self.query_one(FitTable)
        table.border_title = "components and plugins"
        self._fill()
        table.focus()
        self.watch(self.app, "theme", self._theme_changed, init=False)

    def _theme_changed(self) -> None:
        self.call_after_refresh(self._fill)

    def _fill(self) -> None:
        listed = [(row, _cells(row, themed(self.app, "error"))) for row in _everything()]
        wanted = self.wanted.casefold()
        kept = [(row, cells) for row, cells in listed if wanted in " ".join(map(str, cells)).casefold()]
        self.rows = [row for row, _ in kept]
        table = self.query_one(FitTable)
        table.fill([cells for _, cells in kept])
        table.border_subtitle = f"{len(kept)} of {len(listed)} with {self.wanted}" if wanted else ""
        if not kept:
            self._describe("nothing", Text(f"No component or plugin matches {self.wanted}."))

    @on(DataTable.RowHighlighted)
    def _show(self, event: DataTable.RowHighlighted) -> None:
        match self.rows[event.cursor_row]:
            case Plugin() as plugin:
                self._describe(plugin.entry, _about_plugin(plugin))
            case CardFolder() as card:
                self._describe(card.name, _about_card(card))
            case declaration:
                self._describe(declaration.component.name, _about(declaration))

    def _describe(self, title: str, about: RenderableType) -> None:
        self.query_one("#details").border_title = title
        self.query_one("#about", Static).update(about)

    @work(group="questions")
    async def action_filter(self) -> None:
        """Ask for a text, and show only the rows that contain it."""
        wanted = await self.app.push_screen_wait(AskScreen("show only rows with", self.wanted))
        if wanted is not None:
            self.wanted = wanted
            self._fill()


def _everything() -> list[Row]:
    """All rows; plugins that are not loaded come first."""
    known = registry()
    declared = [declaration for kind in KINDS for declaration in known.of_kind(kind)]
    return [*(plugin for plugin in known.plugins if plugin.error), *declared, *known.cards]


def _cells(row: Row, color: str) -> tuple[Text, Text, Text]:
    if isinstance(row, Plugin):
        kind = Text("disabled" if row.disabled else "broken", style=color)
        return kind, Text(row.entry, style="bold"), Text(row.distribution)
    if isinstance(row, CardFolder):
        return Text("detector"), Text(row.name, style="bold"), Text(row.plugin.distribution)
    return Text(row.kind), Text(row.component.name, style="bold"), Text(row.plugin.distribution)


def _about_plugin(plugin: Plugin) -> Text:
    text = Text(f"{plugin.distribution} {plugin.version}, entry point {plugin.entry}\n\n", style="bold")
    text.append(f"{plugin.error}\n\n", style="not bold")
    return text.append(f"icereco plugins\npip install --upgrade {plugin.distribution}", style="not bold dim")


def _about_card(card: CardFolder) -> Text:
    text = Text("a detector card, drawn on the data screen (5)\n", style="bold")
    text.append(f"{card.plugin.distribution} {card.plugin.version} · {card.folder}\n", style="not bold dim")
    return text.append(f'\n[detector]\nuse = "{card.name}"', style="not bold")


def _about(declaration: Declaration) -> Table:
    component, plugin = declaration.component, declaration.plugin
    grid = Table.grid(padding=(0, 1))
    grid.add_row(Text(component.summary, style="bold"))
    grid.add_row(
        Text(f"{plugin.distribution} {plugin.version} · {component.factory}", style="dim", overflow="fold")
    )
    if plugin.slow:
        grid.add_row(Text(f"its plugin {plugin.slow}"))
    clash = component.name in registry().clashes(declaration.kind)
    use = f"{plugin.distribution}/{component.name}" if clash else component.name
    grid.add_row(Text(f"\n{_USES[declaration.kind].format(use)}\n"))
    for line in _options(declaration):
        grid.add_row(line)
    if users := _profiles_with(declaration.kind, component.name):
        grid.add_row(Text(f"\nin the profiles {', '.join(users)}", style="dim"))
    return grid


def _profiles_with(kind: Kind, name: str) -> list[str]:
    """The profiles that come with icereco and use a component for its own role."""
    return [profile for profile, used in _components_of_profiles() if used.get(kind) == name]


@lru_cache(maxsize=1)
def _components_of_profiles() -> tuple[tuple[str, dict[str, str]], ...]:
    """Each profile that comes with icereco, with the names of its components by role."""
    profiles = ((name, load_profile(name)) for name in profile_names())
    return tuple(
        (name, {role: use.component.name for role, use in profile.roles.items()})
        for name, profile in profiles
    )


def _options(declaration: Declaration) -> Iterator[Text]:
    try:
        fields = declaration.component.load_options().model_fields
    except IcerecoError as error:
        yield Text(str(error))
        return
    if not fields:
        yield Text("It has no options.", style="dim")
    for name, info in fields.items():
        if info.is_required():
            default = "must be given"
        else:
            value = info.get_default(call_default_factory=True)
            default = "not set" if value is None else _shown(value)
        yield Text(f"{name} = {default}", style="bold").append(
            f"  # {info.description or ''}", style="not bold dim"
        )


def _shown(value: object) -> str:
    try:
        return format_value(value)
    except TypeError:
        return repr(value)

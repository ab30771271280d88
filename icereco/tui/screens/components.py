"""What is installed: components, their options, and plugins that are not loaded."""

from collections.abc import Iterator

from rich.table import Table
from rich.text import Text
from textual import on, work
from textual.app import ComposeResult
from textual.containers import Horizontal, VerticalScroll
from textual.screen import Screen
from textual.widgets import DataTable, Static

from icereco.components import KINDS
from icereco.errors import IcerecoError
from icereco.plugins import Declaration, Plugin, registry
from icereco.profiles.toml import format_value
from icereco.tui.keys import Key, bindings
from icereco.tui.screens.ask import AskScreen
from icereco.tui.settings import Settings
from icereco.tui.themes import themed
from icereco.tui.widgets.key_bar import KeyBar
from icereco.tui.widgets.mode_bar import ModeBar

__all__ = ["KEYS", "ComponentsScreen"]

KEYS: tuple[Key, ...] = (Key("slash", "filter", "Filter", "Components", shown=True),)


class ComponentsScreen(Screen[None]):
    """A table of everything that plugins provide, those that failed first."""

    BINDINGS = bindings(KEYS)
    KEYS = KEYS

    def __init__(self, settings: Settings) -> None:
        super().__init__()
        del settings
        self.wanted = ""
        self.rows: dict[str, Declaration | Plugin] = {}

    def compose(self) -> ComposeResult:
        """The table, and what is under its cursor."""
        yield ModeBar()
        with Horizontal():
            yield DataTable[Text](id="components", cursor_type="row")
            with VerticalScroll(id="details"):
                yield Static(id="about")
        yield KeyBar()

    def on_mount(self) -> None:
        """Fill it."""
        table = self.query_one("#components", DataTable)
        table.border_title = "components and plugins"
        table.add_columns("kind", "name", "plugin")
        self._fill()
        table.focus()

    def _fill(self) -> None:
        table = self.query_one("#components", DataTable)
        table.clear()
        self.rows = {}
        color = themed(self.app, "error")
        for plugin in registry().plugins:
            if plugin.error:
                word = "disabled" if plugin.disabled else "broken"
                self._add(plugin, Text(word, style=color), plugin.entry, plugin.distribution)
        for kind in KINDS:
            for one in registry().of_kind(kind):
                self._add(one, Text(kind), one.component.name, one.plugin.distribution)

    def _add(self, what: Declaration | Plugin, kind: Text, name: str, plugin: str) -> None:
        if self.wanted.casefold() in f"{kind} {name} {plugin}".casefold():
            key = str(len(self.rows))
            self.rows[key] = what
            self.query_one("#components", DataTable).add_row(
                kind, Text(name, style="bold"), Text(plugin), key=key
            )

    @on(DataTable.RowHighlighted)
    def _show(self, event: DataTable.RowHighlighted) -> None:
        what = self.rows.get(event.row_key.value or "")
        if what is None:
            return
        self.query_one("#details").border_title = (
            what.entry if isinstance(what, Plugin) else what.component.name
        )
        about = _about_plugin(what) if isinstance(what, Plugin) else _about(what)
        self.query_one("#about", Static).update(about)

    @work(group="questions")
    async def action_filter(self) -> None:
        """Only rows with a text."""
        wanted = await self.app.push_screen_wait(AskScreen("show only rows with", self.wanted))
        if wanted is not None:
            self.wanted = wanted
            self._fill()


def _about_plugin(plugin: Plugin) -> Text:
    text = Text(f"{plugin.distribution} {plugin.version}, entry point {plugin.entry}\n\n", style="bold")
    text.append(f"{plugin.error}\n\n", style="not bold")
    return text.append(f"icereco plugins\npip install --upgrade {plugin.distribution}", style="not bold dim")


def _about(declaration: Declaration) -> Table:
    component, plugin = declaration.component, declaration.plugin
    grid = Table.grid(padding=(0, 1))
    grid.add_row(Text(component.summary, style="bold"))
    grid.add_row(Text(f"{plugin.distribution} {plugin.version} · {component.factory}", style="dim"))
    if plugin.slow:
        grid.add_row(Text(f"its plugin {plugin.slow}"))
    clash = component.name in registry().clashes(declaration.kind)
    use = f"{plugin.distribution}/{component.name}" if clash else component.name
    grid.add_row(Text(f'\n[{declaration.kind}]\nuse = "{use}"\n'))
    for line in _options(declaration):
        grid.add_row(line)
    return grid


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

"""`icereco plugins`: what is installed, and what is not loaded and why; its commands check and write plugins."""

import json
from dataclasses import asdict
from typing import Any

import click
from rich import box
from rich.markup import escape
from rich.table import Table

from icereco.cli.console import Console
from icereco.cli.echo import echo
from icereco.cli.group import LazyGroup
from icereco.plugins.component import KINDS, Kind
from icereco.plugins.discovery import Declaration, Plugin, Registry, registry
from icereco.plugins.registry import CardFolder

__all__ = ["command"]


_COMMANDS = {
    "check": ("icereco.cli.plugins.check", "Check that components keep the promises of their kind."),
    "new": ("icereco.cli.plugins.new", "Write the package of a new plugin."),
}


@click.group("plugins", cls=LazyGroup, lazy_commands=_COMMANDS, invoke_without_command=True)
@click.option("--kind", type=click.Choice(KINDS), help="Only components of this kind.")
@click.option("--json", "as_json", is_flag=True, help="Write JSON for programs.")
@click.pass_context
def command(context: click.Context, kind: Kind | None, as_json: bool) -> None:
    """List installed components and the plugins that provide them.

    Plugins that could not be loaded are listed with the reason, on standard error.
    """
    if context.invoked_subcommand is not None:
        return
    known = registry()
    kinds = KINDS if kind is None else (kind,)
    cards = known.cards if kind is None else ()
    if as_json:
        echo(json.dumps(_document(known, kinds) | {"detectors": [_card(card) for card in cards]}, indent=2))
        return
    console = Console()
    console.print(_table(known, kinds, cards))
    _print_troubles(known, kinds, Console(stderr=True))


def _table(known: Registry, kinds: tuple[Kind, ...], cards: tuple[CardFolder, ...]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for heading in ("kind", "name"):
        table.add_column(heading, no_wrap=True)
    table.add_column("plugin", overflow="fold")  # a long name must not push the summary off the screen
    table.add_column("summary", overflow="fold")
    for kind in kinds:
        for position, declaration in enumerate(known.of_kind(kind)):
            component, plugin = declaration.component, declaration.plugin
            label = kind if position == 0 else ""
            name, summary = f"[bold]{component.name}[/]", escape(component.summary)
            table.add_row(label, name, _with_version(plugin), summary)
    for position, card in enumerate(cards):
        plugin, name = card.plugin, f"[bold]{escape(card.name)}[/]"
        where = f"a card: icereco detectors show {escape(card.name)}"
        table.add_row("" if position else "detector", name, _with_version(plugin), where)
    return table


def _with_version(plugin: Plugin) -> str:
    return escape(f"{plugin.distribution} {plugin.version}")


def _print_troubles(known: Registry, kinds: tuple[Kind, ...], console: Console) -> None:
    for plugin in known.plugins:
        who = f"{plugin.distribution} {plugin.version} ({plugin.entry})"
        if plugin.error:
            _print_trouble(console, "disabled" if plugin.disabled else "not loaded", f"{who}: {plugin.error}")
        elif plugin.slow:
            _print_trouble(console, "slow", f"{who} {plugin.slow}")
    for kind in kinds:
        for name in sorted(known.clashes(kind)):
            ways = [
                f'"{one.plugin.distribution}/{name}"'
                for one in known.of_kind(kind)
                if one.component.name == name
            ]
            _print_trouble(console, "clash", f"{kind} {name}: choose with use = {' or '.join(ways)}")


def _print_trouble(console: Console, what: str, text: str) -> None:
    colour = {"not loaded": "red", "disabled": "dim"}.get(what, "yellow")
    console.print(f"[{colour}]{what:<10}[/]  {escape(text)}", soft_wrap=True, highlight=False)


def _document(known: Registry, kinds: tuple[Kind, ...]) -> dict[str, Any]:
    declared = [_component(known, one) for kind in kinds for one in known.of_kind(kind)]
    return {"components": declared, "plugins": [_plugin(plugin) for plugin in known.plugins]}


def _component(known: Registry, declaration: Declaration) -> dict[str, Any]:
    component, plugin = declaration.component, declaration.plugin
    return {
        "kind": declaration.kind,
        "name": component.name,
        "plugin": plugin.name,
        "version": plugin.version,
        "summary": component.summary,
        "waives": list(component.waives),
        "clash": component.name in known.clashes(declaration.kind),
    }


def _card(card: CardFolder) -> dict[str, Any]:
    return {"name": card.name, "folder": str(card.folder), "plugin": card.plugin.name}


def _plugin(plugin: Plugin) -> dict[str, Any]:
    return {"name": plugin.name, **asdict(plugin), "slow": plugin.slow}

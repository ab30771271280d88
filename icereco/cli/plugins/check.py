"""`icereco plugins check`: the conformance kit over installed components."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import click
from rich import box
from rich.markup import escape
from rich.table import Table

from icereco.cli import completion
from icereco.cli.console import Console
from icereco.cli.echo import echo
from icereco.data.catalog import DEFAULT_DETECTOR
from icereco.errors import IcerecoError, did_you_mean
from icereco.plugins.component import KINDS, Kind
from icereco.plugins.registry import Declaration, Registry, describe
from icereco.system.log import get_logger

if TYPE_CHECKING:
    from icereco.testing.conformance import Check, Example

__all__ = ["command"]

logger = get_logger(__name__)

State = Literal["kept", "broken", "waived"]
_COLOURS: dict[State, str] = {"kept": "green", "broken": "red", "waived": "yellow"}


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a check found; `complaint` is empty unless the promise is broken."""

    check: "Check"
    state: State
    complaint: str = ""


@click.command("check")
@click.argument("name", required=False, shell_complete=completion.components)
@click.option("--kind", type=click.Choice(KINDS), help="Only components of this kind.")
@click.option(
    "--example", type=click.Path(exists=True), metavar="FILE", help="For a reader: a file of its format."
)
@click.option(
    "--detector",
    default=DEFAULT_DETECTOR,
    show_default=True,
    metavar="NAME",
    help="Detector of the example's events.",
    shell_complete=completion.detectors,
)
@click.option("--json", "as_json", is_flag=True, help="Write JSON for programs.")
def command(name: str | None, kind: Kind | None, example: str | None, detector: str, as_json: bool) -> None:
    """Check that installed components keep the promises of their kind.

    NAME is a component, a plugin or a package, such as mean, or icereco-mean; without it everything that is installed
    is checked. The exit code is 1 if a promise is broken.

    \b
    icereco plugins check mean
    icereco plugins check icereco-km3net --example run_12.root
    """  # noqa: D301 -- \b is click's
    from icereco.plugins.discovery import registry

    chosen = _chosen(registry(), name, kind)
    outcomes = {
        declaration: list(_outcomes(declaration, _example(declaration, example, detector)))
        for declaration in chosen
    }
    if as_json:
        echo(json.dumps([_document(*item) for item in outcomes.items()], indent=2))
    else:
        _print(outcomes, Console(highlight=False))
    if any(outcome.state == "broken" for results in outcomes.values() for outcome in results):
        raise click.exceptions.Exit(1)


def _chosen(known: Registry, name: str | None, kind: Kind | None) -> list[Declaration]:
    """The components that a name means.

    Raises:
        IcerecoError: there is none, or the plugin is not loaded.
    """
    kinds = KINDS if kind is None else (kind,)
    declared = [one for wanted in kinds for one in known.of_kind(wanted)]
    if name is None:
        return declared
    matching = [one for one in declared if name in _names(one)]
    if matching:
        return matching
    broken = [
        plugin for plugin in known.plugins if plugin.error and name in (plugin.entry, plugin.distribution)
    ]
    if broken:
        raise IcerecoError("\n".join(f"not loaded: {describe(plugin)}" for plugin in broken))
    cards = [card for card in known.cards if name in (card.name, card.plugin.entry, card.plugin.distribution)]
    if cards:
        raise IcerecoError(
            f"{name} provides a detector card and no component; showing the card checks it: "
            f"icereco detectors show {cards[0].name}"
        )
    near = did_you_mean(name, {word for one in declared for word in _names(one)})
    raise IcerecoError(
        f"no {kind or 'component'}, plugin or package is called {name!r}{near}; see icereco plugins"
    )


def _names(declaration: Declaration) -> tuple[str, ...]:
    plugin, component = declaration.plugin, declaration.component
    return component.name, plugin.entry, plugin.distribution, f"{plugin.distribution}/{component.name}"


def _example(declaration: Declaration, path: str | None, detector: str) -> "Example | None":
    if path is None or declaration.kind != "reader":
        return None
    from pathlib import Path

    from icereco.testing.conformance import Example

    return Example(Path(path), detector=detector)


def _outcomes(declaration: Declaration, example: "Example | None") -> Iterator[Outcome]:
    from icereco.testing.conformance import checks_of

    for check in checks_of(declaration, example):
        yield Outcome(check, "waived") if check.waived else _outcome(check)


def _outcome(check: "Check") -> Outcome:
    try:
        check()
    except AssertionError as error:
        return Outcome(check, "broken", str(error) or "an assertion failed")
    except Exception as error:  # whatever a component raises, its promise is not kept
        logger.debug("where %s was raised", type(error).__name__, exc_info=error)
        return Outcome(check, "broken", f"{type(error).__name__}: {error}")
    return Outcome(check, "kept")


def _print(outcomes: dict[Declaration, list[Outcome]], console: Console) -> None:
    if len(outcomes) == 1:
        ((declaration, results),) = outcomes.items()
        console.print(_every_check(declaration, results))
    else:
        console.print(_summary(outcomes))
    for declaration, results in outcomes.items():
        for outcome in results:
            if outcome.state == "broken":
                who = f"{declaration.kind} {outcome.check}"
                console.print(f"[red]broken[/]  {escape(who)}: {escape(outcome.complaint)}", soft_wrap=True)
        if declaration.kind == "reader" and results and results[0].check.subject.example is None:
            console.print(
                f"[yellow]note[/]    reader {declaration.component.name}: the checks that need a file of its format were "
                "left out; give one with --example FILE",
                soft_wrap=True,
            )


def _every_check(declaration: Declaration, outcomes: list[Outcome]) -> Table:
    component, plugin = declaration.component, declaration.plugin
    title = f"{declaration.kind} [bold]{component.name}[/] of {escape(plugin.distribution)} {plugin.version}"
    table = Table("", "promise", "meaning", box=box.SIMPLE_HEAD, title=title, title_justify="left")
    table.columns[0].no_wrap = table.columns[1].no_wrap = True
    for outcome in outcomes:
        state = f"[{_COLOURS[outcome.state]}]{outcome.state}[/]"
        table.add_row(state, outcome.check.name, escape(outcome.check.meaning))
    return table


def _summary(outcomes: dict[Declaration, list[Outcome]]) -> Table:
    table = Table("kind", "name", "package", box=box.SIMPLE_HEAD)
    for state in _COLOURS:
        table.add_column(state, justify="right")
    for declaration, results in outcomes.items():
        states = [outcome.state for outcome in results]
        counts = [f"[{_COLOURS[state]}]{n}[/]" if (n := states.count(state)) else "" for state in _COLOURS]
        name = f"[bold]{declaration.component.name}[/]"
        table.add_row(declaration.kind, name, escape(declaration.plugin.distribution), *counts)
    return table


def _document(declaration: Declaration, outcomes: list[Outcome]) -> dict[str, Any]:
    return {
        "kind": declaration.kind,
        "name": declaration.component.name,
        "plugin": declaration.plugin.name,
        "version": declaration.plugin.version,
        "checks": [
            {
                "name": outcome.check.name,
                "meaning": outcome.check.meaning,
                "outcome": outcome.state,
                "complaint": outcome.complaint or None,
            }
            for outcome in outcomes
        ],
    }

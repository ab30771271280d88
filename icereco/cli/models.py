"""`icereco models`: the trained models that come with icereco, and those that the user adds."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from rich import box
from rich.markup import escape
from rich.table import Table

from icereco.cli import completion
from icereco.cli.console import Console
from icereco.cli.echo import echo
from icereco.errors import IcerecoError
from icereco.trained.card import Figures
from icereco.trained.description import (
    FIGURES_CAPTION,
    FIGURES_HEADINGS,
    facts_of,
    figure_cells,
    target_words,
)
from icereco.trained.library import CARD, Library, TrainedModel

if TYPE_CHECKING:
    from icereco.model.peers.importing import Imported

__all__ = ["command"]


@click.group("models", invoke_without_command=True)
@click.option("--json", "as_json", is_flag=True, help="Write JSON for programs.")
@click.pass_context
def command(context: click.Context, as_json: bool) -> None:
    """List trained models: those that come with icereco, and those that you added.

    They reconstruct without any training: `icereco reconstruct FILE` takes the one for the detector of the events where no run
    in runs/ does; `icereco reconstruct FILE --model NAME` and `icereco.load_model("NAME")` take any.

    \b
    icereco models show NAME
    icereco models add RUN --name NAME
    icereco models import weights.pth --from icemix -o icemix.safetensors
    """  # noqa: D301 -- \b is click's
    if context.invoked_subcommand is None:
        _show_list(as_json=as_json)


@command.command("list")
@click.option("--json", "as_json", is_flag=True, help="Write JSON for programs.")
def list_(as_json: bool) -> None:
    """List the trained models."""
    _show_list(as_json=as_json)


@command.command("show")
@click.argument("name", shell_complete=completion.models)
@click.option("--json", "as_json", is_flag=True, help="Write JSON for programs.")
def show(name: str, as_json: bool) -> None:
    """Show the card of a model: what it was trained on, and what not, and how good it is.

    The file with its weights is compared with the checksum of the card.
    """
    model = Library.of_user().find(name)
    model.weights()
    if as_json:
        echo(json.dumps(_document(model), indent=2))
    else:
        _print(model, Console(highlight=False))


@command.command("add")
@click.argument("path", metavar="RUN|CHECKPOINT", shell_complete=completion.runs_or_files)
@click.option("--name", metavar="NAME", help="Name of the model  [default: that of the run, or of the file].")
@click.option("--summary", metavar="TEXT", help="A line about it  [default: that of its profile].")
@click.option("--replace", is_flag=True, help="Replace your model of that name.")
def add(path: str, name: str | None, summary: str | None, replace: bool) -> None:
    """Keep a run (by name or folder) or a checkpoint as a trained model of yours, for any folder that you work in.

    The file is copied as it is. Its card says what the checkpoint and the run know: events, energies, seed, machine, and the
    figures of the validation events.

    \b
    icereco models add hierarchical --name icecube86-mine
    icereco models add best.safetensors --name orca6 --summary "ORCA6, official simulation v6"
    """  # noqa: D301 -- \b is click's
    from icereco.model.checkpoint import load_checkpoint
    from icereco.plugins.discovery import registry
    from icereco.reconstruction.models import weights_of
    from icereco.runs.folder import is_run_name
    from icereco.trained.new_card import new_card

    weights = weights_of(path)
    chosen = name or (weights.path.stem if weights.run is None else weights.run.name)
    if not is_run_name(chosen):
        raise IcerecoError(
            f"{chosen!r} is not a valid name for a model: letters, digits, '.', '_' and '-', beginning with a letter or a "
            "digit; give another --name"
        )
    if chosen in registry().names("reconstructor"):
        raise IcerecoError(f"{chosen!r} is a method without training; give another --name")
    card = new_card(chosen, load_checkpoint(weights.path), weights.run, summary)
    model = Library.of_user().add(card, weights.path, replace=replace)
    console = Console(highlight=False, soft_wrap=True)
    console.print(
        f"[bold]{escape(model.name)}[/] is in {escape(str(model.folder))}; its card, {CARD}, may be completed by hand"
    )
    console.print(f"next: icereco reconstruct FILE --model {escape(model.name)}")


@command.command("import")
@click.argument("path", metavar="FILE", type=click.Path(path_type=Path))
@click.option(
    "--from",
    "peer",
    required=True,
    metavar="NAME",
    help="What the weights are from: dynedge, deepice or icemix.",
)
@click.option(
    "-o",
    "--output",
    required=True,
    type=click.Path(path_type=Path),
    metavar="OUT.safetensors",
    help="The checkpoint to write.",
)
@click.option("--no-head", is_flag=True, help="Leave out the head, if it is not that of a direction.")
@click.option("--force", is_flag=True, help="Replace a file that exists.")
def import_(path: Path, peer: str, output: Path, no_head: bool, force: bool) -> None:
    """Take over weights of DynEdge or of IceMix (DeepIce) where their layers are ours, to train from.

    FILE is a state dict: .pth or .pt of torch, or .safetensors; no code in it is run. `dynedge` is GraphNeT's; `icemix` are the weights
    of the Kaggle competition, whose directions have x and y exchanged, which is undone; `deepice` are weights of the same network that
    GraphNeT has trained. What is not imported is new, and the model estimates nothing before it has been trained.

    \b
    icereco models import weights.pth --from icemix -o icemix.safetensors
    icereco train --from icemix.safetensors --data EVENTS
    """  # noqa: D301 -- \b is click's
    from icereco.model.peers.importing import import_peer

    _require_output(output, force=force)
    imported = import_peer(path, peer, head=not no_head)
    imported.save(output)
    _print_import(imported, output)


def _require_output(path: Path, *, force: bool) -> None:
    if path.suffix != ".safetensors":
        raise IcerecoError(
            f"{path}: a checkpoint is written as .safetensors; give -o {path.with_suffix('.safetensors')}"
        )
    if path.is_dir():
        raise IcerecoError(f"{path} is a folder; give the name of a file with -o")
    if path.exists() and not force:
        raise IcerecoError(f"{path} already exists; choose another name with -o, or replace it with --force")


def _print_import(imported: "Imported", output: Path) -> None:
    from icereco.model.names import listed

    console = Console(highlight=False, soft_wrap=True)
    every = [*imported.imported, *imported.neutral, *imported.new]
    console.print(
        f"[bold]{escape(output.name)}[/]: profile {imported.profile.name}, {len(imported.imported)} of {len(every)} tensors imported"
    )
    console.print(f"imported  {escape(listed(imported.imported, every))}")
    if imported.neutral:
        console.print(
            f"no effect {escape(listed(imported.neutral, every))}: layers that theirs does not have, until they are trained"
        )
    console.print(f"new       {escape(listed(imported.new, every))}")
    for part, reason in imported.left.items():
        console.print(f"left out  {escape(part)}: {escape(reason)}")
    console.print(f"next: icereco train --from {escape(str(output))} --data EVENTS")


@command.command("remove")
@click.argument("name", shell_complete=completion.models)
def remove(name: str) -> None:
    """Delete a model of yours, with its weights; those that come with icereco stay."""
    folder = Library.of_user().remove(name)
    echo(f"{folder} is deleted")


def _show_list(*, as_json: bool) -> None:
    problems: list[str] = []
    models = Library.of_user().models(problems)
    if as_json:
        echo(json.dumps([_document(model) for model in models], indent=2))
    elif models:
        Console().print(_table(models))
    else:
        echo("no trained models; add a run of yours with: icereco models add RUN --name NAME")
    for problem in problems:
        Console(stderr=True).print(f"[red]left out[/]  {escape(problem)}", soft_wrap=True, highlight=False)


def _table(models: list[TrainedModel]) -> Table:
    table = Table(box=box.SIMPLE_HEAD)
    table.add_column("model", no_wrap=True)
    for heading in ("origin", "detector", "targets"):
        table.add_column(heading)
    for heading in ("trained on", "median error"):
        table.add_column(heading, justify="right", no_wrap=True)
    for model in models:
        card = model.card
        table.add_row(
            f"[bold]{escape(model.name)}[/]",
            model.origin,
            escape(card.detector),
            target_words(card),
            "?" if card.events is None else f"{card.events:,}",
            "" if card.overall is None else f"{card.overall.median_deg:.1f}°",
        )
    return table


def _print(model: TrainedModel, console: Console) -> None:
    card = model.card
    console.print(f"[bold]{escape(card.name)}[/]  {escape(card.summary)}\n", soft_wrap=True)
    for label, text in facts_of(model):
        console.print(f"{label:<14} {escape(text)}", soft_wrap=True)
    if card.figures:
        console.print(_figures(card.figures))
    console.print(
        f"\nreconstruct with it: icereco reconstruct FILE --model {escape(card.name)}", soft_wrap=True
    )


def _figures(figures: tuple[Figures, ...]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, caption=FIGURES_CAPTION, caption_justify="left")
    data, kind, *numbers = FIGURES_HEADINGS
    table.add_column(data)
    table.add_column(kind, no_wrap=True)
    for heading in numbers:
        table.add_column(heading, justify="right", no_wrap=True)
    for cells in figure_cells(figures):
        table.add_row(*map(escape, cells))
    return table


def _document(model: TrainedModel) -> dict[str, Any]:
    return {"origin": model.origin, "folder": str(model.folder), **model.card.model_dump(mode="json")}

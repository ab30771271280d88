"""`icereco export`: a trained model as a file that runs without icereco."""

from pathlib import Path
from typing import TYPE_CHECKING

import click
from rich.markup import escape

from icereco.cli import completion
from icereco.cli.compute import computing_with, threads_option
from icereco.cli.console import Console
from icereco.errors import IcerecoError

if TYPE_CHECKING:
    from icereco.events.batch import EventBatch
    from icereco.model.checkpoint import Checkpoint

__all__ = ["command"]

_EVENTS = 20


@click.command("export")
@click.argument("run", metavar="RUN|MODEL", shell_complete=completion.runs_or_models)
@click.option(
    "-o", "--output", required=True, type=click.Path(path_type=Path), metavar="OUT",
    help="The file to write: a program of torch.export (.pt2), ONNX (.onnx), or a checkpoint as icereco reads it (.safetensors).",
)  # fmt: skip
@click.option("--force", is_flag=True, help="Replace a file that exists.")
@threads_option
def command(run: str, output: Path, force: bool, threads: int | None) -> None:
    """Write a run, a checkpoint or a trained model as a file that other programs compute with, without icereco.

    A .pt2 needs torch, an .onnx onnxruntime. Each has everything from the raw pulses of any number of events to directions, posteriors and
    whatever else the model estimates, recalibrated, and describes its inputs and outputs. The written file is compared with the
    original on simulated events.

    \b
    icereco export complete -o complete.onnx
    icereco export runs/mine -o mine.pt2
    """  # noqa: D301 -- \b is click's
    from icereco.export.files import require_writable, write
    from icereco.model.checkpoint import load_checkpoint
    from icereco.reconstruction.models import weights_of

    require_writable(output, force=force)
    path = weights_of(run).path
    computing_with(threads)
    checkpoint = load_checkpoint(path)
    checkpoint.require_trained()
    write(output, checkpoint)
    console = Console(highlight=False, soft_wrap=True)
    megabytes = output.stat().st_size / 1e6
    console.print(f"[bold]{escape(output.name)}[/], {megabytes:.1f} MB, is in {escape(str(output.parent))}")
    _report(console, output, checkpoint)


def _report(console: Console, output: Path, checkpoint: "Checkpoint") -> None:
    """Print how far the file is from the original.

    Raises:
        IcerecoError: farther than is allowed.
    """
    from icereco.data.simulated import simulate
    from icereco.export.comparison import TOLERANCE

    events = simulate(_EVENTS, checkpoint.detector)
    found = _differences(output, checkpoint, events)
    name = max(found, key=lambda column: found[column])
    if not found[name] <= TOLERANCE:
        raise IcerecoError(
            f"{output} does not give the numbers of the original: {name} differs by {found[name]:.2g} on {_EVENTS} simulated "
            f"events, and {TOLERANCE:g} is allowed; do not use it, and report this"
        )
    console.print(
        f"largest difference from the original on {_EVENTS} simulated events: {found[name]:.1g} ({name})"
    )


def _differences(output: Path, checkpoint: "Checkpoint", events: "EventBatch") -> dict[str, float]:
    from icereco.export.comparison import apart, columns_of, differences
    from icereco.export.files import opened
    from icereco.model.checkpoint import load_checkpoint

    if output.suffix.lower() == ".safetensors":
        written = load_checkpoint(output).model
        return apart(*(columns_of(model.reconstruct(events)) for model in (written, checkpoint.model)))
    return differences(opened(output), checkpoint.model, events)

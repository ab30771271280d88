"""`icereco simulate`: events of a detector, so that training needs no download."""

import json
import shlex
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import click
from rich.markup import escape

from icereco.cli import completion
from icereco.cli.console import Console
from icereco.cli.continuing import saying_how_to_continue
from icereco.cli.progress import event_progress
from icereco.cli.workers import scheduler_executor, scheduler_option
from icereco.data.catalog import DEFAULT_DETECTOR
from icereco.errors import IcerecoError, did_you_mean
from icereco.system.signals import interrupted_by_signals

if TYPE_CHECKING:
    from pydantic import BaseModel

    from icereco.data.brightness import Brightness
    from icereco.data.simulated import Simulation
    from icereco.data.write.parquet import EventWriter
    from icereco.system.work.executor import Executor

__all__ = ["command"]

Layout = Literal["icereco", "kaggle", "both"]
_OWN_FILE = "events.parquet"
_KAGGLE_FILES = ("train", "train_meta.parquet", "sensor_geometry.csv")


@click.command("simulate")
@click.option(
    "--events",
    type=click.IntRange(min=1),
    default=10_000,
    show_default=True,
    help="Number of events that pass the trigger.",
)
@click.option(
    "--detector",
    default=DEFAULT_DETECTOR,
    show_default=True,
    metavar="NAME",
    help="A detector card, or a folder with one.",
    shell_complete=completion.detectors,
)
@click.option(
    "--seed",
    type=click.IntRange(min=0),
    default=0,
    show_default=True,
    help="The same seed gives the same files.",
)
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    required=True,
    metavar="DIR",
    help="The folder to write into.",
)
@click.option(
    "--layout", type=click.Choice(["icereco", "kaggle", "both"]), default="icereco", show_default=True,
    help="One row per event, the folder of the Kaggle competition, or both.",
)  # fmt: skip
@click.option(
    "--simulator",
    default="ice-telescope",
    show_default=True,
    metavar="NAME",
    help="See icereco plugins --kind simulator.",
    shell_complete=completion.simulators,
)
@click.option(
    "--option", "settings", multiple=True, metavar="KEY=VALUE",
    help="An option of the simulator, such as minimum_energy_gev=1000; may be repeated.",
    shell_complete=completion.simulator_options,
)  # fmt: skip
@click.option(
    "--workers",
    type=click.IntRange(min=1),
    metavar="N",
    help="Processes  [default: one per processor; none for events that are made in seconds].",
)
@scheduler_option
def command(
    events: int,
    detector: str,
    seed: int,
    output: Path,
    layout: Layout,
    simulator: str,
    settings: tuple[str, ...],
    workers: int | None,
    scheduler: str | None,
) -> None:
    """Simulate events with truth, for training and for trying things. After an interruption or a kill the same command continues.

    \b
    icereco simulate --events 10000 -o simulated
    icereco simulate --events 10000 --option minimum_energy_gev=10000 -o bright
    icereco simulate --events 1000000 --scheduler tcp://login1:8786 -o simulated
    """  # noqa: D301 -- \b is click's
    from icereco.data.simulated import Simulation
    from icereco.detector.detector import load_detector
    from icereco.plugins.discovery import registry

    declaration = registry().find("simulator", simulator)
    options = _options(declaration.component.load_options(), settings, simulator)
    simulation = Simulation(declaration, options, load_detector(detector), seed)
    _require_new(output, layout, simulation)
    with (
        interrupted_by_signals(),
        scheduler_executor(scheduler, workers) as cluster,
    ):
        started = time.perf_counter()
        brightness = _simulate(simulation, events, output, layout, workers, cluster)
    _print(brightness, output, layout, time.perf_counter() - started)


def _require_new(output: Path, layout: Layout, simulation: "Simulation") -> None:
    names = [] if layout == "kaggle" else [_OWN_FILE]
    names += [] if layout == "icereco" else list(_KAGGLE_FILES)
    existing = [output / name for name in names if (output / name).exists()]
    if existing and not _killed_before_its_end(output, layout, simulation):
        raise IcerecoError(f"{existing[0]} already exists; give another folder with -o, or remove it")


def _killed_before_its_end(output: Path, layout: Layout, simulation: "Simulation") -> bool:
    """Whether the same simulation was killed while its files took their names: the last one is missing.

    What is there is written again, with the same bytes.
    """
    last = output / (_KAGGLE_FILES[1] if layout == "kaggle" else _OWN_FILE)
    made = [path for path in (output / "train", output / _KAGGLE_FILES[1]) if path.exists()]
    batches = [file for path in made for file in (path.iterdir() if path.is_dir() else [path])]
    return bool(batches) and not last.exists() and all(_is_of(file, simulation) for file in batches)


def _is_of(file: Path, simulation: "Simulation") -> bool:
    import pyarrow as pa
    import pyarrow.parquet as pq

    from icereco.data.write.parquet import PROVENANCE_KEY

    try:
        note = (pq.read_schema(file).metadata or {}).get(PROVENANCE_KEY)
    except (OSError, pa.ArrowException):
        return file.name.startswith(".") and file.suffix == ".partial"
    return bool(note == json.dumps(simulation.provenance(), sort_keys=True).encode())


def _options(model: "type[BaseModel]", settings: Sequence[str], simulator: str) -> "BaseModel":
    from pydantic import ValidationError

    values: dict[str, Any] = {}
    for setting in settings:
        key, equals, value = setting.partition("=")
        if not equals:
            raise IcerecoError(f"--option {setting}: must be KEY=VALUE, such as minimum_energy_gev=1000")
        if key not in model.model_fields:
            known = ", ".join(model.model_fields)
            raise IcerecoError(
                f"--option {key}: simulator {simulator!r} has no such option"
                f"{did_you_mean(key, model.model_fields)}\n  its options: {known}"
            )
        values[key] = value
    try:
        return model(**values)
    except ValidationError as error:
        problems = [
            f"--option {'.'.join(map(str, one['loc'])) or simulator}: {one['msg']}" for one in error.errors()
        ]
        raise IcerecoError("\n".join(problems)) from error


def _simulate(
    simulation: "Simulation",
    events: int,
    output: Path,
    layout: Layout,
    workers: int | None,
    cluster: "Executor | None",
) -> "Brightness":
    from icereco.data.brightness import Brightness
    from icereco.data.simulated_blocks import KeptBlocks

    brightness = Brightness()
    kept = KeptBlocks(output, simulation.fingerprint())
    with kept.saving(), saying_how_to_continue(kept), ExitStack() as stack:
        advance = stack.enter_context(event_progress(events))
        writers = [stack.enter_context(writer) for writer in _writers(simulation, output, layout)]
        for batch in simulation.events(events, workers, cluster, kept):
            for writer in writers:
                writer.write(batch)
            brightness.add(batch)
            advance(batch.num_rows)
    kept.remove()
    return brightness


def _writers(simulation: "Simulation", output: Path, layout: Layout) -> "list[EventWriter]":
    from icereco.data.write.kaggle import KaggleWriter
    from icereco.data.write.parquet import OwnWriter

    provenance = simulation.provenance()
    writers: list[EventWriter] = []
    if layout != "kaggle":
        writers.append(OwnWriter(output / _OWN_FILE, provenance))
    if layout != "icereco":
        writers.append(KaggleWriter(output, simulation.detector, provenance))
    return writers


def _print(brightness: "Brightness", output: Path, layout: Layout, seconds: float) -> None:
    from rich.table import Table

    console = Console(highlight=False, soft_wrap=True)
    rate = brightness.events / seconds
    console.print(
        f"[bold]{brightness.events:,}[/] events in {seconds:.1f} s ({rate:,.0f} events/s) "
        f"-> [bold]{escape(str(output))}[/]"
    )
    table = Table("", box=None, pad_edge=False)
    table.add_column("these", justify="right")
    table.add_column("IceCube", justify="right")
    for figure in brightness.figures():
        value = "-" if figure.value is None else f"{figure.value:,.{figure.digits}f}"
        table.add_row(figure.name, value, f"{figure.reference:,.0f}")
    console.print(table)
    data = output / _OWN_FILE if layout != "kaggle" else output
    console.print(f"next: icereco train --data {escape(shlex.quote(str(data)))}")

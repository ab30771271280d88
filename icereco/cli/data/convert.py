"""`icereco data convert`: any readable events in, icereco's own layout or Kaggle's out."""

import json
import shlex
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click
from rich.markup import escape

from icereco.cli import completion
from icereco.cli.console import Console
from icereco.cli.drop_option import drop_unknown_option
from icereco.cli.echo import echo
from icereco.cli.progress import event_progress
from icereco.cli.workers import executor_of, scheduler_option
from icereco.data.catalog import DEFAULT_DETECTOR, find
from icereco.system.signals import interrupted_by_signals

if TYPE_CHECKING:
    from icereco.data.sources.source import Source
    from icereco.data.write.convert import Conversion, Layout, Outcome
    from icereco.detector.detector import Detector

__all__ = ["command"]


@click.command("convert")
@click.argument("data", metavar="NAME|PATH", shell_complete=completion.data)
@click.argument("output", type=click.Path(path_type=Path), metavar="OUT")
@click.option(
    "--layout", type=click.Choice(["icereco", "kaggle"]), default="icereco", show_default=True,
    help="One row per event, or the folder of the Kaggle competition.",
)  # fmt: skip
@click.option(
    "--reader",
    metavar="READER",
    help="What reads it  [default: as declared, or detected automatically].",
    shell_complete=completion.readers,
)
@click.option(
    "--detector",
    metavar="NAME",
    help=f"Its detector  [default: as declared, or by their sensors, or {DEFAULT_DETECTOR}].",
    shell_complete=completion.detectors,
)
@click.option(
    "--fit", "fits", multiple=True, metavar="NAME=FILE",
    help="Give each event the results of a fit as columns fit_NAME_azimuth, fit_NAME_zenith, and so on: FILE is what "
    "`icereco reconstruct` wrote of these events. May be repeated.",
)  # fmt: skip
@click.option(
    "--events-per-file", type=click.IntRange(min=1), default=200_000, show_default=True, metavar="N",
    help="Events per file of the folder OUT.",
)  # fmt: skip
@click.option(
    "--skip-bad", is_flag=True,
    help="Leave bad events and damaged files out, and list them in OUT.skipped.jsonl.",
)  # fmt: skip
@click.option(
    "--workers", type=click.IntRange(min=1), metavar="N",
    help="Processes, each of which writes one file of a folder at a time  [default: this one].",
)  # fmt: skip
@scheduler_option
@drop_unknown_option
@click.option("--json", "as_json", is_flag=True, help="Write the summary as JSON for programs.")
def command(
    data: str,
    output: Path,
    layout: "Layout",
    reader: str | None,
    detector: str | None,
    fits: tuple[str, ...],
    events_per_file: int,
    skip_bad: bool,
    workers: int | None,
    scheduler: str | None,
    drop_unknown_sensors: bool,
    as_json: bool,
) -> None:
    """Write the events of a data set in another layout.

    OUT is a folder, whose files appear one by one: after an interruption the same command continues with the next. In
    icereco's own layout it may be one file.parquet as well, which appears at the end.

    \b
    icereco data convert oscNext.db events
    icereco data convert oscNext.db events.parquet
    icereco data convert tracks kaggle-folder --layout kaggle
    icereco data convert level2 events --workers 8
    icereco data convert events.parquet with-fit.parquet --fit likelihood=fit.reco.parquet
    """  # noqa: D301 -- \b is click's
    from icereco.data.sources.detector_of import detector_of
    from icereco.data.write.added_fit import FitFile
    from icereco.data.write.convert import Conversion, convert
    from icereco.detector.detector import load_detector

    data_set = find(data).read_with(reader, drop_unknown_sensors=drop_unknown_sensors)
    Conversion.require_output(output)
    source, named = data_set.open(), detector or data_set.detector
    card = load_detector(named) if named else detector_of(source)
    source = _without_bad(source, card, output) if skip_bad else source
    added = tuple(FitFile.parse(fit) for fit in fits)
    conversion = Conversion(source, card, output, layout, events_per_file, added)
    started = time.perf_counter()
    with (
        interrupted_by_signals(),
        executor_of(scheduler, workers) as executor,
        event_progress(source.count()) as advance,
        _saying_how_to_continue(conversion),
    ):
        outcome = convert(conversion, advance, executor)
    seconds = time.perf_counter() - started
    if as_json:
        echo(json.dumps({"output": str(output), "seconds": seconds, **asdict(outcome)}, indent=2))
    else:
        _print(outcome, output, seconds)


def _print(outcome: "Outcome", output: Path, seconds: float) -> None:
    console = Console(highlight=False, soft_wrap=True)
    fresh = outcome.events - outcome.kept
    done = f"in {seconds:.1f} s ({fresh / seconds:,.0f} events/s)"
    if outcome.kept:
        done = f"{done}, {outcome.kept:,} of them converted before" if fresh else "were converted before"
    files = f"{outcome.files:,} file{'' if outcome.files == 1 else 's'}"
    console.print(f"[bold]{outcome.events:,}[/] events {done} -> [bold]{escape(str(output))}[/] ({files})")
    if outcome.left_out:
        console.print(f"[yellow]Kaggle's layout has no place for {escape(', '.join(outcome.left_out))}[/]")
    console.print(f"next: icereco data show {escape(shlex.quote(str(output)))}")


@contextmanager
def _saying_how_to_continue(conversion: "Conversion") -> Iterator[None]:
    try:
        yield
    except KeyboardInterrupt:
        if not conversion.to_one_file:
            echo(f"what is finished in {conversion.output} is kept; the same command continues", err=True)
        raise


def _without_bad(source: "Source", detector: "Detector", output: Path) -> "Source":
    """The source without bad events, which are listed in a file next to the output."""
    from icereco.data.sources.skip_bad import skip_bad, write_skipped

    kept, skipped = skip_bad(source, detector)
    write_skipped(output.with_name(f"{output.name}.skipped.jsonl"), skipped)
    return kept

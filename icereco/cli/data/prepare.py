"""`icereco data prepare`: sort the events of a data set once, so that training reads them at full speed."""

import time
from typing import TYPE_CHECKING

import click
from rich.markup import escape

from icereco.cli import completion
from icereco.cli.console import Console
from icereco.cli.drop_option import drop_unknown_option
from icereco.cli.progress import event_progress
from icereco.cli.workers import scheduler_executor, scheduler_option
from icereco.data.catalog import DEFAULT_DETECTOR
from icereco.system.signals import interrupted_by_signals

if TYPE_CHECKING:
    from icereco.data.sources.source import Source
    from icereco.data.store.store import Store
    from icereco.detector.detector import Detector
    from icereco.system.work.executor import Executor

__all__ = ["command"]


@click.command("prepare")
@click.argument("data", metavar="NAME|PATH", shell_complete=completion.data)
@click.option(
    "--detector",
    metavar="NAME",
    help=f"Detector of the events  [default: as declared, or {DEFAULT_DETECTOR}].",
    shell_complete=completion.detectors,
)
@click.option(
    "--reader",
    metavar="NAME",
    help="Read with this reader  [default: detected automatically].",
    shell_complete=completion.readers,
)
@click.option(
    "--workers",
    "--processes",
    "workers",
    type=click.IntRange(min=1),
    metavar="N",
    help="Processes, each of which prepares one file at a time  [default: one per processor].",
)
@scheduler_option
@drop_unknown_option
@click.option("--verify", is_flag=True, help="Verify the checksums of the store.")
def command(
    data: str,
    detector: str | None,
    reader: str | None,
    workers: int | None,
    scheduler: str | None,
    drop_unknown_sensors: bool,
    verify: bool,
) -> None:
    """Sort and check the events of a data set, and keep them ready for training.

    The first training on a data set does the same. The result is in the cache ($ICERECO_CACHE, else
    ~/.cache/icereco); Ctrl-C keeps what is done, and the same command continues from there.

    \b
    icereco data prepare kaggle                        a data set, a file or a folder
    icereco data prepare events.parquet --verify       check the files of the store
    icereco data prepare kaggle --scheduler FILE       by the workers of a Dask cluster, which see the cache
    """  # noqa: D301 -- \b is click's
    from icereco.data.catalog import find
    from icereco.detector.detector import load_detector

    data_set = find(data).read_with(reader, drop_unknown_sensors=drop_unknown_sensors)
    source = data_set.open()
    card = load_detector(detector or data_set.detector or DEFAULT_DETECTOR)
    with interrupted_by_signals(), scheduler_executor(scheduler, workers) as executor:
        started = time.perf_counter()
        store = _prepare(source, card, workers, executor)
    _print(store, time.perf_counter() - started)
    if verify:
        store.verify()
        Console(highlight=False).print(f"all {len(store.manifest.shards):,} files are as they were written")


def _prepare(
    source: "Source", detector: "Detector", workers: int | None, executor: "Executor | None"
) -> "Store":
    from icereco.data.store.prepare import prepared

    with event_progress(source.count()) as advance:
        before = 0

        def report(done: int, _total: int) -> None:
            nonlocal before
            advance(done - before)
            before = done

        return prepared(source, detector, report, workers, executor)


def _print(store: "Store", seconds: float) -> None:
    manifest = store.manifest
    size = sum(shard.bytes for shard in manifest.shards) / 1e6
    console = Console(highlight=False, soft_wrap=True)
    console.print(
        f"[bold]{len(store):,}[/] events, {manifest.pulses:,} pulses in {size:,.0f} MB "
        f"-> {escape(str(store.folder))}  ({seconds:.1f} s)"
    )
    if untrue := sum(shard.without_truth for shard in manifest.shards):
        console.print(f"{untrue:,} events have no true direction: they can be reconstructed, not trained on")

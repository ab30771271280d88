"""`icereco certify`: whether this machine keeps up with a detector."""

import json
import math
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from icereco.cli import completion
from icereco.cli.compute import computing_with, device_option, precision_option, threads_option
from icereco.cli.console import Console
from icereco.cli.echo import echo
from icereco.cli.method_options import (
    detector_option,
    method_option,
    model_option,
    reader_option,
    run_option,
)
from icereco.errors import IcerecoError
from icereco.system.json_lines import plain
from icereco.system.processors import available_processors
from icereco.system.signals import interrupted_by_signals

if TYPE_CHECKING:
    import pyarrow as pa

    from icereco.data.sources.source import Source
    from icereco.detector.detector import Detector
    from icereco.online.crew import Crew
    from icereco.online.replay import Replay, Stream
    from icereco.reconstruction.choice import Choice
    from icereco.reconstruction.methods import Method
    from icereco.reconstruction.wanted import Precision

__all__ = ["command"]

_TOO_SLOW = 1
_EVENTS, _SEED = 2_000, 11
_CEILING_SECONDS = 5.0


@click.command("certify")
@run_option
@model_option
@method_option
@detector_option
@click.option(
    "--data", "data", metavar="NAME|PATH", shell_complete=completion.data,
    help=f"The events that come, drawn at random among its first {_EVENTS:,}  [default: simulated ones].",
)  # fmt: skip
@reader_option
@click.option(
    "--rate", "rate_hz", type=click.FloatRange(min=0.0, min_open=True), required=True, metavar="HZ",
    help="Events a second in the mean; IceCube triggers about 2,700 times, 3,000 in summer.",
)  # fmt: skip
@click.option(
    "--seconds", type=click.FloatRange(min=0.1), default=30.0, show_default=True, metavar="SECONDS",
    help="How long events come.",
)  # fmt: skip
@click.option(
    "--latency-ms", type=click.FloatRange(min=0.0, min_open=True), default=1000.0, show_default=True, metavar="MS",
    help="The machine keeps up if 99 % of the events are reconstructed so soon after they came.",
)  # fmt: skip
@device_option
@precision_option
@threads_option
@click.option(
    "--workers", type=click.IntRange(min=1), metavar="N",
    help="Processes of this machine that reconstruct, each a call at a time  [default: this one alone].",
)  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Write JSON for programs.")
def command(
    runs: tuple[str, ...],
    models: tuple[str, ...],
    method: str | None,
    detector: str | None,
    data: str | None,
    reader: str | None,
    rate_hz: float,
    seconds: float,
    latency_ms: float,
    device: str | None,
    precision: "Precision",
    threads: int | None,
    workers: int | None,
    as_json: bool,
) -> None:
    """Say whether this machine reconstructs events as fast as a detector sends them.

    Events come at random times (a Poisson process), of sizes as they are, the brightest included; what waits is
    reconstructed together, as by icereco serve. The exit status is 0 if the machine keeps up and 1 if it does not.

    \b
    icereco certify --rate 100
    icereco certify --rate 3000 --model complete --data events.parquet --latency-ms 500
    icereco certify --rate 3000 --workers 8 --threads 1
    """  # noqa: D301 -- \b is click's mark for lines to keep
    from icereco.data.catalog import DEFAULT_DETECTOR, find
    from icereco.data.sources.source import open_source
    from icereco.online.replay import Stream, ceiling, replay
    from icereco.reconstruction.wanted import Wanted

    if reader is not None and data is None:
        raise IcerecoError("--reader goes with --data")
    sets = [] if data is None else [find(data).read_with(reader)]
    wanted = Wanted(runs, models, method, detector, device=device, precision=precision)
    if not sets and wanted.names_nothing and detector is None:
        wanted = Wanted(detector=DEFAULT_DETECTOR, device=device, precision=precision)
    sources = [one.open() for one in sets]
    choice = wanted.choice(sets, sources)
    computing_with(threads)
    per_call = choice.method.pulses_per_call
    with (
        interrupted_by_signals(),
        Progress(
            TextColumn("{task.description}"), BarColumn(None), TimeRemainingColumn(compact=True), console=Console(stderr=True)
        ) as progress,
        _crew(choice.method, workers, threads) as crew,
    ):  # fmt: skip
        detector_used = choice.method.detector
        source = sources[0] if sources else open_source(_simulated(detector_used, progress))
        stream = Stream.drawn(_first_events(source, detector_used), rate_hz, seconds, _SEED)
        highest = ceiling(stream, crew, per_call, min(_CEILING_SECONDS, seconds))
        bar = progress.add_task("replaying", total=seconds)
        result = replay(stream, crew, per_call, seconds, lambda now: progress.update(bar, completed=now))
    figures = _figures(choice, stream, result, highest, rate_hz, latency_ms / 1000)
    figures |= {"workers": workers or 1}
    echo(json.dumps(plain(figures)) if as_json else _text(figures))
    if not figures["keeps_up"]:
        raise click.exceptions.Exit(_TOO_SLOW)


def _crew(method: "Method", workers: int | None, threads: int | None) -> "AbstractContextManager[Crew]":
    """What reconstructs: this process, or several with their share of the processors each."""
    from icereco.online.computing import Computing
    from icereco.online.crew import Here, processes

    if workers is None or workers == 1:
        return nullcontext(Here(Computing(method)))
    return processes(method, workers, threads or max(available_processors() // workers, 1))


def _first_events(source: "Source", detector: "Detector") -> "pa.RecordBatch":
    import pyarrow as pa

    from icereco.tables.columns import one_batch

    batches, left = list[pa.RecordBatch](), _EVENTS
    for batch in source.checked(detector, _EVENTS):
        batches.append(batch.slice(0, left))
        left -= batches[-1].num_rows
        if left == 0:
            break
    if left == _EVENTS:
        raise IcerecoError(f"{source.path}: holds no events")
    return one_batch(pa.Table.from_batches(batches))


def _simulated(detector: "Detector", progress: Progress) -> Path:
    from icereco.data.simulated import simulated_events
    from icereco.profiles import load_profile

    bar = progress.add_task("simulating", total=_EVENTS)
    simulation = load_profile("hierarchical").simulation
    assert simulation is not None  # the profile has one
    return simulated_events(
        simulation,
        detector,
        _EVENTS,
        _SEED,
        lambda done, total: progress.update(bar, completed=done, total=total),
    )


def _figures(
    choice: "Choice", stream: "Stream", result: "Replay", highest: float, rate_hz: float, bound_s: float
) -> dict[str, Any]:
    p99 = result.latency_quantile_s(0.99)
    return {
        "reconstructs": choice.words,
        "rate_hz": rate_hz,
        "arrived": len(stream.order),
        "answered": result.answered,
        "failed": result.failed,
        "answered_hz": result.answered / result.elapsed_s,
        "highest_hz": highest,
        "busy": result.busy_s / result.elapsed_s,
        "longest_queue": result.longest_queue,
        "latency_p50_s": result.latency_quantile_s(0.5),
        "latency_p99_s": p99,
        "latency_longest_s": result.latency_quantile_s(1.0),
        "brightest_pulses": int(stream.pulses.max()),
        "keeps_up": p99 <= bound_s and result.failed == 0,
        "latency_bound_s": bound_s,
    }


def _text(figures: dict[str, Any]) -> str:
    def latency(name: str) -> str:
        seconds = figures[f"latency_{name}_s"]
        return "not answered" if math.isinf(seconds) else f"{1000 * seconds:,.0f} ms"

    verdict = "keeps up" if figures["keeps_up"] else "does not keep up"
    failed = f"\nfailed     {figures['failed']:,} events" if figures["failed"] else ""
    return (
        f"{figures['reconstructs']}: {figures['rate_hz']:,g} events/s, the brightest of {figures['brightest_pulses']:,} pulses\n"
        f"arrived    {figures['arrived']:,}, answered {figures['answered']:,}, {figures['answered_hz']:,.0f} a second{failed}\n"
        f"latency    50 % {latency('p50')}, 99 % {latency('p99')}, longest {latency('longest')}\n"
        f"queue      at most {figures['longest_queue']:,} events; at work {100 * figures['busy']:.0f} % of the time\n"
        f"highest    {figures['highest_hz']:,.0f} events/s, where enough wait for whole calls\n"
        f"This machine {verdict}: 99 % of the events within {1000 * figures['latency_bound_s']:,.0f} ms are wanted."
    )

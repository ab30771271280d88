"""`icereco doctor`: what is wrong with data, and how to fix it."""

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click
from rich.markup import escape
from rich.padding import Padding

from icereco.cli import completion
from icereco.cli.compute import device_option, threads_option
from icereco.cli.console import Console
from icereco.cli.echo import echo
from icereco.cli.progress import stage_progress
from icereco.cli.workers import executor_of, scheduler_option
from icereco.data.catalog import DEFAULT_DETECTOR
from icereco.system.devices import find_device
from icereco.system.processors import use_threads
from icereco.system.signals import interrupted_by_signals

if TYPE_CHECKING:
    from icereco.doctor.files import FileWork
    from icereco.doctor.finding import Finding
    from icereco.doctor.sample import Sample
    from icereco.events.batch import EventBatch

__all__ = ["command"]

_ILL = 1
_SIGNS = {"ok": "[green]✓[/]", "unknown": "[blue]?[/]", "warning": "[yellow]![/]", "error": "[red]✗[/]"}


@click.command("doctor")
@click.argument("data", nargs=-1, required=True, metavar="DATA...", shell_complete=completion.data)
@click.option(
    "--events", type=click.IntRange(min=1), default=20_000, show_default=True, help="Events to look at."
)
@click.option(
    "--detector",
    metavar="NAME",
    help=f"Detector that the events should be of  [default: as declared, or by their sensors, or {DEFAULT_DETECTOR}].",
    shell_complete=completion.detectors,
)
@click.option(
    "--reader",
    metavar="NAME",
    help="Read with this reader  [default: detected automatically].",
    shell_complete=completion.readers,
)
@click.option(
    "--profile", "profile_name", default="hierarchical", show_default=True, metavar="NAME|FILE",
    help="Profile of the model whose training speed is compared with that of reading.",
    shell_complete=completion.profiles,
)  # fmt: skip
@click.option(
    "--no-speed", is_flag=True, help="Leave out the measurement of speed, which takes some seconds."
)
@click.option(
    "--workers", type=click.IntRange(min=1), metavar="N",
    help="Processes, each of which reads one file at a time  [default: this one].",
)  # fmt: skip
@scheduler_option
@device_option
@threads_option
@click.option("--json", "as_json", is_flag=True, help="Write JSON for programs.")
def command(
    data: tuple[str, ...],
    events: int,
    detector: str | None,
    reader: str | None,
    profile_name: str,
    no_speed: bool,
    workers: int | None,
    scheduler: str | None,
    device: str | None,
    threads: int | None,
    as_json: bool,
) -> None:
    """Examine data: directions, units, flags, sensors, duplicates, truth, speed.

    Looks at events from all over the files and says what is wrong, how it shows, what the likely cause is, and how to
    fix it. Several data sets are also compared: no event may be in two. Exits with 1 if anything is wrong.

    \b
    icereco doctor events.parquet                      a file, a folder, or the name of a data set
    icereco doctor train/ test/ --events 100000
    icereco doctor level2/ --workers 8                 8 files are read at once
    """  # noqa: D301 -- \b is click's
    from icereco.doctor.events import shared_events

    with interrupted_by_signals(), _file_work(scheduler, workers) as work:
        samples = [_sample(text, reader, detector, events, work) for text in data]
        step = None if no_speed else _step(profile_name, device, threads)
        examined = [(sample, _examined(sample, step, work)) for sample in samples]
    shared = shared_events(samples)
    if as_json:
        echo(json.dumps(_document(examined, shared), indent=2))
    else:
        _print(examined, shared)
    everything = [finding for _, findings in examined for finding in findings] + shared
    if any(finding.severity == "error" for finding in everything):
        raise click.exceptions.Exit(_ILL)


@contextmanager
def _file_work(scheduler: str | None, workers: int | None) -> "Iterator[FileWork | None]":
    """What reads files several at once; None where this process reads them."""
    from icereco.doctor.files import FileWork

    with executor_of(scheduler, workers) as executor, stage_progress() as progress:
        yield None if executor is None else FileWork(executor, progress)


def _sample(
    text: str, reader: str | None, detector: str | None, events: int, work: "FileWork | None"
) -> "Sample":
    from icereco.data.catalog import find
    from icereco.doctor.sample import detector_for, take_sample

    data_set = find(text)
    source = data_set.model_copy(update={"reader": reader or data_set.reader}).open()
    return take_sample(source, detector_for(source, detector or data_set.detector), events, work)


def _examined(
    sample: "Sample", step: "Callable[[EventBatch], object] | None", work: "FileWork | None"
) -> "list[Finding]":
    from icereco.doctor.examine import examine
    from icereco.doctor.speed import check_speed

    return examine(sample, work) + ([check_speed(sample, step)] if step and len(sample) else [])


def _step(profile_name: str, device: str | None, threads: int | None) -> "Callable[[EventBatch], object]":
    """One training step of a profile's model, without changing any weight."""
    import torch

    from icereco.detector.detector import load_detector
    from icereco.events.tensors import TruthTensors, to_tensors
    from icereco.model.model import build_model
    from icereco.profiles import load_profile

    profile = load_profile(profile_name, [])
    used = find_device(device)
    use_threads(threads)
    model = build_model(profile, load_detector(profile.detector), 1).to(used)

    def step(batch: "EventBatch") -> None:
        outputs = model(to_tensors(batch, used))
        anywhere = torch.nn.functional.normalize(torch.ones(len(batch), 3, device=used), dim=1)
        loss = model.loss(outputs, TruthTensors(direction=anywhere)).mean()
        loss.backward()
        loss.item()  # waits for a GPU

    return step


def _document(
    examined: "Sequence[tuple[Sample, list[Finding]]]", shared: "Sequence[Finding]"
) -> dict[str, Any]:
    return {
        "data": [
            {
                "path": str(sample.source.path),
                "reader": sample.source.reader_name,
                "detector": sample.detector.name,
                "events": sample.total,
                "examined": len(sample),
                "findings": [asdict(finding) for finding in findings],
            }
            for sample, findings in examined
        ],
        "shared": [asdict(finding) for finding in shared],
    }


def _print(examined: "Sequence[tuple[Sample, list[Finding]]]", shared: "Sequence[Finding]") -> None:
    console = Console(highlight=False)
    for sample, findings in examined:
        console.print(
            f"[bold]{escape(str(sample.source.path))}[/]: {len(sample):,} of {sample.total:,} events examined, "
            f"detector {escape(sample.detector.name)}"
        )
        for finding in findings:
            _print_finding(console, finding)
    for finding in shared:
        _print_finding(console, finding)
    _print_summary(console, [finding for _, findings in examined for finding in findings] + list(shared))


def _print_finding(console: Console, finding: "Finding") -> None:
    console.print(f" {_SIGNS[finding.severity]} [bold]{escape(finding.check)}[/]: {escape(finding.what)}")
    lines = [("", finding.evidence)]
    if finding.cause:
        lines.append(("likely cause: ", finding.cause))
    if finding.fix:
        lines.append(("to do: ", finding.fix))
    for label, text in lines:
        style = "dim" if finding.severity == "ok" else "default"
        console.print(Padding(f"[{style}]{label}{escape(text)}[/]", (0, 0, 0, 5)))


def _print_summary(console: Console, findings: "Sequence[Finding]") -> None:
    counts = {name: sum(finding.severity == name for finding in findings) for name in _SIGNS}
    console.print(
        f"{counts['error']} wrong, {counts['warning']} to look at, {counts['unknown']} undetermined, {counts['ok']} good"
    )

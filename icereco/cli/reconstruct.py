"""`icereco reconstruct`: files in, a file of directions out."""

import json
import shlex
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from rich.markup import escape

from icereco.cli import completion
from icereco.cli.compute import computing_with, device_option, precision_option, threads_option
from icereco.cli.console import Console
from icereco.cli.continuing import saying_how_to_continue
from icereco.cli.drop_option import drop_unknown_option
from icereco.cli.echo import echo
from icereco.cli.method_options import (
    detector_option,
    method_option,
    model_option,
    reader_option,
    run_option,
)
from icereco.cli.progress import event_progress
from icereco.cli.workers import executor_of, scheduler_option
from icereco.data.catalog import find
from icereco.data.split.rule import PARTS
from icereco.errors import IcerecoError
from icereco.plugins.options import named_options
from icereco.system.processors import available_processors
from icereco.system.signals import interrupted_by_signals

if TYPE_CHECKING:
    from icereco.data.sources.source import Source
    from icereco.data.split.rule import Part
    from icereco.evaluation.streaming import RunningError
    from icereco.reconstruction.methods import Method
    from icereco.reconstruction.outputs import Format, Output
    from icereco.reconstruction.pipeline import Outcome
    from icereco.reconstruction.wanted import Precision
    from icereco.system.work.executor import Executor

__all__ = ["command"]


@click.command("reconstruct")
@click.argument("files", nargs=-1, required=True, metavar="NAME|FILE...", shell_complete=completion.data)
@run_option
@model_option
@method_option
@click.option(
    "--seed", "seeds", multiple=True, metavar="SEED",
    help="With a method that takes seeds: start from what SEED gives for the same events. A method without training, a run, "
    "a trained model, a checkpoint file, or a fit NAME that comes with the events (fit_NAME_azimuth); may be repeated.",
    shell_complete=completion.seeds,
)  # fmt: skip
@click.option(
    "--calibration", type=click.Path(path_type=Path), metavar="FILE.json",
    help="With --method: apply this calibration of its uncertainties, which icereco calibrate --method wrote.",
)  # fmt: skip
@detector_option
@click.option(
    "-o", "--output", "outputs", multiple=True, metavar="OUT|METHOD.OPTION=VALUE",
    help="The file to write  [default: <first file>.reco.parquet in the current folder]. If it begins with the name given "
    "with --method, such as linefit.weight_by_charge=true: an option of the method; may be repeated.",
    shell_complete=completion.output_or_method_options,
)  # fmt: skip
@click.option(
    "--format", "form", type=click.Choice(["parquet", "csv", "arrow", "kaggle", "i3"]),
    help="A table with everything  [default: parquet, or as the ending of OUT says], the CSV of the Kaggle competition, or a copy of .i3 files with the results in their frames.",
)  # fmt: skip
@click.option(
    "--part", type=click.Choice(PARTS), help="Only this part of the split that the data set declares."
)
@reader_option
@click.option(
    "--skip-bad", is_flag=True,
    help="Leave bad events and damaged files out, and list them in OUT.skipped.jsonl.",
)  # fmt: skip
@device_option
@precision_option
@threads_option
@click.option(
    "--workers", type=click.IntRange(min=1), metavar="N",
    help="Processes that reconstruct batches of the events, each with --threads threads  [default: this one].",
)  # fmt: skip
@scheduler_option
@drop_unknown_option
@click.option("--json", "as_json", is_flag=True, help="Write the summary as JSON for programs.")
def command(
    files: tuple[str, ...],
    runs: tuple[str, ...],
    models: tuple[str, ...],
    method: str | None,
    seeds: tuple[str, ...],
    calibration: Path | None,
    detector: str | None,
    outputs: tuple[str, ...],
    form: "Format | None",
    part: "Part | None",
    reader: str | None,
    skip_bad: bool,
    drop_unknown_sensors: bool,
    device: str | None,
    precision: "Precision",
    threads: int | None,
    workers: int | None,
    scheduler: str | None,
    as_json: bool,
) -> None:
    """Reconstruct the events of files (or folders, or data sets by name), in order, into one file.

    Reads every format that `icereco plugins --kind reader` lists: icereco's own, Kaggle's, GraphNeT's, Prometheus',
    IceTray's, KM3NeT's.

    Nothing needs to be trained or named: the newest run of the detector in runs/ is used if one has finished, or else a
    trained model (`icereco models` lists those that come with icereco, and yours), or else each event is fitted by the method
    `likelihood`. What is used, and why, is reported.

    After an interruption the same command continues. Events that cannot be reconstructed are named at the end, and listed in
    OUT.missing.jsonl, while the others are.

    \b
    icereco reconstruct events.parquet
    icereco reconstruct events.parquet --model NAME
    icereco reconstruct events.parquet --run A --run B    the average of their posteriors
    icereco reconstruct oscNext.db --reader graphnet-sqlite:pulse_map=SRTInIcePulses
    icereco reconstruct orca.root --method linefit --detector km3net-orca6
    icereco reconstruct level2.i3.zst --method linefit --format i3 -o level2.reco.i3.zst
    icereco reconstruct events.parquet --method linefit -o linefit.weight_by_charge=true -o charge.reco.parquet
    """  # noqa: D301 -- \b is click's
    from icereco.data.sources.preface import after_prefaces
    from icereco.reconstruction.method_names import HYBRID, WITHOUT_MODEL
    from icereco.reconstruction.outputs import default_output, format_of, require_safe
    from icereco.reconstruction.submission import submitted
    from icereco.reconstruction.wanted import Wanted

    data = after_prefaces(
        [find(file).read_with(reader, drop_unknown_sensors=drop_unknown_sensors) for file in files]
    )
    paths = [data_set.path for data_set in data]
    wanted = Wanted(runs, models, method, detector, device=device, precision=precision)
    given, options = _output_and_options(outputs, WITHOUT_MODEL if wanted.names_nothing else method)
    wanted = replace(wanted, options=options)
    form = format_of(given, form)
    output = given or default_output(paths[0], form, data[0].name)
    if form == "kaggle":
        data = [submitted(data_set) for data_set in data]
    sources = [data_set.open(part) for data_set in data]
    require_safe(output, paths, form)
    choice = wanted.choice(data, sources)
    used, chosen = choice.words, choice.method
    if calibration is not None:
        used, chosen = f"{used}, calibrated by {calibration}", _calibrated(chosen, calibration, method)
    if seeds:
        used, chosen = f"{used}, from the seeds {', '.join(seeds)}", _seeded(chosen, seeds, device)
    computing_with(threads)
    for data_set in data:
        data_set.require_detector(chosen.detector)
    if not as_json:
        Console(stderr=True).print(f"reconstructing with {escape(used)}", highlight=False, soft_wrap=True)
    if skip_bad:
        sources = _without_bad(sources, chosen, output)
    with interrupted_by_signals(), executor_of(scheduler, workers) as executor:
        outcome = _reconstruct(
            sources, chosen, output, form, executor, threads or _threads(workers, scheduler)
        )
    if as_json:
        echo(json.dumps(_document(outcome, output, used), indent=2))
    else:
        _print(outcome, output, form, chosen.name)
        if wanted.names_nothing and chosen.can_be_hybrid:
            Console(highlight=False).print(f"more exact, and slower: the same with --method {HYBRID}")
    if outcome.missing:
        raise _lacking(output, outcome)


def _lacking(output: Path, outcome: "Outcome") -> IcerecoError:
    from icereco.reconstruction.missing import lacking

    return lacking(output, outcome.missing)


def _output_and_options(given: Sequence[str], method: str | None) -> tuple[Path | None, dict[str, str]]:
    """Tell the file to write from options of the method, METHOD.OPTION=VALUE."""
    prefix = None if method is None else f"{named_options(method)[0]}."
    options, outputs = {}, []
    for text in given:
        key, equals, value = text.partition("=")
        if prefix and equals and key.startswith(prefix):
            options[key.removeprefix(prefix).strip()] = value.strip()
        else:
            outputs.append(text)
    if len(outputs) > 1:
        form = f"{prefix or 'METHOD.'}OPTION=VALUE"
        raise IcerecoError(
            f"-o names {len(outputs)} files to write, {' and '.join(outputs)}: give one; an option of the method given with "
            f"--method is written as -o {form}"
        )
    return (Path(outputs[0]) if outputs else None), options


def _calibrated(chosen: "Method", path: Path, method: str | None) -> "Method":
    from icereco.reconstruction.calibration_file import CalibrationFile

    if method is None:
        raise IcerecoError(
            "--calibration is of a method without training: give it with --method; a trained model carries its own (icereco calibrate RUN)"
        )
    return CalibrationFile.read(path).applied(chosen, path)


def _seeded(method: "Method", seeds: Sequence[str], device: str | None) -> "Method":
    from icereco.reconstruction.seeding import seeded

    return seeded(method, seeds, device)


def _without_bad(sources: Sequence["Source"], method: "Method", output: Path) -> list["Source"]:
    """The sources without bad events, which are listed in a file next to the output."""
    from icereco.data.sources.skip_bad import skip_bad, write_skipped

    cleaned = [skip_bad(source, method.detector) for source in sources]
    listing = output.with_name(f"{output.name}.skipped.jsonl")
    listing.unlink(missing_ok=True)
    write_skipped(listing, [event for _, skipped in cleaned for event in skipped])
    return [source for source, _ in cleaned]


def _threads(workers: int | None, scheduler: str | None) -> int | None:
    """Threads of each process, of which there are several: those of one here have their share of the processors."""
    if scheduler is not None:
        return 1
    return None if workers is None else max(available_processors() // workers, 1)


def _reconstruct(
    sources: Sequence["Source"],
    method: "Method",
    output: Path,
    form: "Format",
    executor: "Executor | None",
    threads: int | None,
) -> "Outcome":
    from icereco.reconstruction.kept import kept_pieces
    from icereco.reconstruction.missing import not_written, write_missing
    from icereco.reconstruction.pipeline import reconstruct

    with kept_pieces(output, method) as kept, saying_how_to_continue(kept):
        with (
            _opened(sources, method, output, form) as opened,
            event_progress(sum(source.count() for source in sources)) as advance,
        ):
            outcome = reconstruct(sources, method, opened, advance, executor, threads, kept, go_on=True)
            if outcome.missing and form in ("kaggle", "i3"):  # which have a row for every event
                raise not_written(output, outcome.missing)
        write_missing(output, outcome.missing)
        if not outcome.missing:
            kept.remove()
    return outcome


def _opened(
    sources: Sequence["Source"], method: "Method", output: Path, form: "Format"
) -> "AbstractContextManager[Output]":
    from icereco.reconstruction.outputs import annotated_output, open_output
    from icereco.reconstruction.wanted import result_provenance

    if form == "i3":
        return annotated_output(sources, output, method.name)
    return open_output(output, form, result_provenance(sources, method))


def _print(outcome: "Outcome", output: Path, form: "Format", method: str) -> None:
    console = Console(highlight=False, soft_wrap=True)
    console.print(
        f"[bold]{outcome.events:,}[/] events in {outcome.seconds:.1f} s "
        f"({outcome.events_per_second:,.0f} events/s{_before(outcome)}) -> [bold]{escape(str(output))}[/]"
    )
    if outcome.without_direction:
        _print_gaps(console, outcome, form)
    if outcome.error is not None:
        console.print(_resolution("angular error", outcome.error))
        for name, error in outcome.comparison_errors.items():
            if name != method:
                console.print(_resolution(name, error))
    if form in ("parquet", "csv", "arrow") and outcome.error is not None:
        console.print(f"next: icereco evaluate {escape(shlex.quote(str(output)))}")


def _before(outcome: "Outcome") -> str:
    return f", {outcome.kept:,} of them done before" if outcome.kept else ""


def _print_gaps(console: Console, outcome: "Outcome", form: "Format") -> None:
    where = {
        "parquet": "null in the file",
        "csv": "empty in the file",
        "arrow": "null in the file",
        "kaggle": "the direction of another method, else azimuth 0 at the horizon, in the file",
        "i3": "particles with a failed fit in the file",
    }[form]
    console.print(
        f"[yellow]{outcome.without_direction:,} events got no direction[/] "
        f"({outcome.without_pulses:,} of them have no pulses): {where}"
    )


def _resolution(label: str, error: "RunningError") -> str:
    return (
        f"{label:<13}  median {error.median_deg:.2f}°  mean {error.mean_deg:.2f}°  ({error.events:,} events)"
    )


def _document(outcome: "Outcome", output: Path, used: str) -> dict[str, Any]:
    def figures(error: "RunningError | None") -> dict[str, Any] | None:
        return None if error is None else error._asdict()

    return {
        "output": str(output),
        "used": used,
        "events": outcome.events,
        "kept": outcome.kept,
        "missing": [str(one.message) for one in outcome.missing],
        "seconds": outcome.seconds,
        "events_per_second": outcome.events_per_second,
        "without_pulses": outcome.without_pulses,
        "without_direction": outcome.without_direction,
        "error": figures(outcome.error),
        "comparisons": {name: figures(error) for name, error in outcome.comparison_errors.items()},
    }

"""`icereco reconstruct`: files in, a file of directions out."""

import json
import shlex
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from rich.markup import escape

from icereco.cli import completion
from icereco.cli.compute import computing_with, device_option, threads_option
from icereco.cli.console import Console
from icereco.cli.drop_option import drop_unknown_option
from icereco.cli.echo import echo
from icereco.cli.progress import event_progress
from icereco.data.catalog import DEFAULT_DETECTOR, find
from icereco.data.split.rule import PARTS
from icereco.errors import IcerecoError
from icereco.plugins.options import named_options
from icereco.system.signals import interrupted_by_signals

if TYPE_CHECKING:
    from icereco.data.catalog import DataSet
    from icereco.data.sources.source import Source
    from icereco.data.split.rule import Part
    from icereco.detector.detector import Detector
    from icereco.evaluation.streaming import RunningError
    from icereco.reconstruction.methods import Method
    from icereco.reconstruction.models import Weights
    from icereco.reconstruction.outputs import Format, Output
    from icereco.reconstruction.pipeline import Outcome

__all__ = ["command"]


@click.command("reconstruct")
@click.argument("files", nargs=-1, required=True, metavar="NAME|FILE...", shell_complete=completion.data)
@click.option(
    "--run", "runs", multiple=True, metavar="RUN", shell_complete=completion.runs_or_files,
    help="Name or folder of a training run  [default: the newest finished one of the detector; without any, the model "
    "that comes with icereco or that you added for it; without any, --method likelihood]. Several, and several --model, are "
    "averaged.",
)  # fmt: skip
@click.option(
    "--model", "models", multiple=True, metavar="MODEL", shell_complete=completion.models_or_files,
    help="A trained model by name instead (icereco models), or a checkpoint file; may be repeated.",
)  # fmt: skip
@click.option(
    "--method", metavar="METHOD",
    help="A method without training instead, such as linefit, or linefit:weight_by_charge=true with an option.",
    shell_complete=completion.methods,
)  # fmt: skip
@click.option(
    "--seed", "seeds", multiple=True, metavar="SEED",
    help="With a method that takes seeds: start from what SEED gives for the same events. A method without training, a run, "
    "a trained model, a checkpoint file, or a fit NAME that comes with the events (fit_NAME_azimuth); may be repeated.",
    shell_complete=completion.seeds,
)  # fmt: skip
@click.option(
    "--detector",
    metavar="NAME",
    help="The detector of the events, with a method without training or where nothing is named  "
    f"[default: that of the data set, or {DEFAULT_DETECTOR}].",
    shell_complete=completion.detectors,
)
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
@click.option(
    "--reader", metavar="READER",
    help="What reads the files, such as prometheus or prometheus:direction=travel  "
    "[default: as declared, or detected automatically].",
    shell_complete=completion.readers,
)  # fmt: skip
@click.option(
    "--skip-bad", is_flag=True,
    help="Leave bad events and damaged files out, and list them in OUT.skipped.jsonl.",
)  # fmt: skip
@device_option
@threads_option
@drop_unknown_option
@click.option("--json", "as_json", is_flag=True, help="Write the summary as JSON for programs.")
def command(
    files: tuple[str, ...],
    runs: tuple[str, ...],
    models: tuple[str, ...],
    method: str | None,
    seeds: tuple[str, ...],
    detector: str | None,
    outputs: tuple[str, ...],
    form: "Format | None",
    part: "Part | None",
    reader: str | None,
    skip_bad: bool,
    drop_unknown_sensors: bool,
    device: str | None,
    threads: int | None,
    as_json: bool,
) -> None:
    """Reconstruct the events of files (or folders, or data sets by name), in order, into one file.

    Reads every format that `icereco plugins --kind reader` lists: icereco's own, Kaggle's, GraphNeT's, Prometheus',
    IceTray's, KM3NeT's.

    Nothing needs to be trained or named: the newest run of the detector in runs/ is used if one has finished, or else a
    trained model (`icereco models` lists those that come with icereco, and yours), or else each event is fitted by the method
    `likelihood`. What is used, and why, is reported.

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
    from icereco.reconstruction.methods import WITHOUT_MODEL
    from icereco.reconstruction.outputs import default_output, format_of, require_safe
    from icereco.reconstruction.submission import submitted

    data = after_prefaces(
        [find(file).read_with(reader, drop_unknown_sensors=drop_unknown_sensors) for file in files]
    )
    paths = [data_set.path for data_set in data]
    nothing_named = not runs and not models and method is None
    given, options = _output_and_options(outputs, WITHOUT_MODEL if nothing_named else method)
    form = format_of(given, form)
    output = given or default_output(paths[0], form, data[0].name)
    if form == "kaggle":
        data = [submitted(data_set) for data_set in data]
    sources = [data_set.open(part) for data_set in data]
    require_safe(output, paths, form)
    if nothing_named:
        used, chosen = _default(data, sources, detector, options, device)
    else:
        detector_used = detector or _detector_of(data, sources, method)
        used, chosen = _choose(runs, models, method, detector_used, options, device)
    if seeds:
        used, chosen = f"{used}, from the seeds {', '.join(seeds)}", _seeded(chosen, seeds, device)
    computing_with(threads)
    for data_set in data:
        data_set.require_detector(chosen.detector)
    if not as_json:
        Console(stderr=True).print(f"reconstructing with {escape(used)}", highlight=False, soft_wrap=True)
    if skip_bad:
        sources = _without_bad(sources, chosen, output)
    outcome = _reconstruct(sources, chosen, output, form)
    if as_json:
        echo(json.dumps(_document(outcome, output, used), indent=2))
    else:
        _print(outcome, output, form, chosen.name)


def _detector_of(
    data: Sequence["DataSet"], sources: Sequence["Source"], method: str | None
) -> "str | Detector | None":
    """The detector that the data sets declare, or that the first file names, for a method that has none of its own."""
    from icereco.data.sources.detector_of import detector_of

    declared = {one.detector for one in data if one.detector is not None}
    if method is None or len(declared) > 1:
        return None
    return declared.pop() if declared else detector_of(sources[0])


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


def _default(
    data: Sequence["DataSet"],
    sources: Sequence["Source"],
    detector: str | None,
    options: Mapping[str, str],
    device: str | None,
) -> tuple[str, "Method"]:
    """What is used where nothing is named, in words, and the method itself."""
    from icereco.reconstruction.choice import Events, choose
    from icereco.runs.folder import runs_dir
    from icereco.trained.library import Library

    events = Events.of(data, sources, detector)
    choice = choose(events, runs_dir(), Library.of_user(), options, device)
    return choice.words, choice.method


def _choose(
    runs: Sequence[str],
    models: Sequence[str],
    method: str | None,
    detector: "str | Detector | None",
    method_options: Mapping[str, str],
    device: str | None,
) -> tuple[str, "Method"]:
    """What is used, in words, and the method itself."""
    given = {"--run": runs, "--model": models, "--method": method}
    chosen = [name for name, value in given.items() if value]
    if method is not None and len(chosen) > 1:
        raise IcerecoError(f"{' and '.join(chosen)} cannot be combined: give one of them")
    if detector is not None and method is None:
        raise IcerecoError(f"--detector and {chosen[0]} cannot be combined: a checkpoint knows its detector")
    if method is not None:
        from icereco.reconstruction.methods import untrained_method

        options = "".join(f", {key}={value}" for key, value in method_options.items())
        used = untrained_method(method, detector or DEFAULT_DETECTOR, method_options, device)
        return f"method {method}{options}", used
    return _trained(runs, models, device)


def _trained(runs: Sequence[str], models: Sequence[str], device: str | None) -> tuple[str, "Method"]:
    """What is used, in words, and the trained model, or the average of several."""
    from icereco.reconstruction.ensemble import ensemble
    from icereco.reconstruction.models import trained_method

    found = [_weights_of_run(run) for run in runs] + [_weights_of_model(model) for model in models]
    words = [words for words, _ in found]
    repeated = [name for name in words if words.count(name) > 1]
    if repeated:
        raise IcerecoError(f"{repeated[0]} is given more than once")
    label = words[0] if len(words) == 1 else f"the average of {', '.join(words)}"
    return label, ensemble([trained_method(weights, device) for _, weights in found])


def _weights_of_run(run: str) -> tuple[str, "Weights"]:
    """What a run is in words, and its weights."""
    from icereco.reconstruction.models import Weights
    from icereco.runs.folder import resolve, runs_dir
    from icereco.trained.library import Library

    try:
        folder = resolve(run, runs_dir())
    except IcerecoError as error:
        known = run in Library.of_user().names()
        hint = f"; the trained model of that name is: --model {run}" if known else ""
        raise IcerecoError(f"{error}{hint}") from None
    return f"run {folder.name}", Weights.of_run(folder)


def _weights_of_model(model: str) -> tuple[str, "Weights"]:
    """What a trained model or a checkpoint is in words, and its weights."""
    from icereco.reconstruction.models import Weights
    from icereco.trained.library import Library

    path = Path(model)
    if path.is_file() or path.suffix == ".safetensors":
        return f"checkpoint {path}", Weights(path)
    trained = Library.of_user().find(model)
    return f"model {trained.name}", Weights.of_model(trained)


def _reconstruct(sources: Sequence["Source"], method: "Method", output: Path, form: "Format") -> "Outcome":
    from icereco.reconstruction.pipeline import reconstruct

    with (
        interrupted_by_signals(),
        _opened(sources, method, output, form) as opened,
        event_progress(sum(source.count() for source in sources)) as advance,
    ):
        return reconstruct(sources, method, opened, advance)


def _opened(
    sources: Sequence["Source"], method: "Method", output: Path, form: "Format"
) -> "AbstractContextManager[Output]":
    from icereco.reconstruction.outputs import annotated_output, open_output

    if form == "i3":
        return annotated_output(sources, output, method.name)
    return open_output(output, form, _provenance(sources, method))


def _provenance(sources: Sequence["Source"], method: "Method") -> dict[str, Any]:
    from icereco.runs.provenance import provenance

    inputs = [source.facts() for source in sources]
    detector = {"name": method.detector.name, "fingerprint": method.detector.fingerprint}
    return provenance(method=method.name, **method.provenance, detector=detector, inputs=inputs)


def _print(outcome: "Outcome", output: Path, form: "Format", method: str) -> None:
    console = Console(highlight=False, soft_wrap=True)
    console.print(
        f"[bold]{outcome.events:,}[/] events in {outcome.seconds:.1f} s "
        f"({outcome.events_per_second:,.0f} events/s) -> [bold]{escape(str(output))}[/]"
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
        "seconds": outcome.seconds,
        "events_per_second": outcome.events_per_second,
        "without_pulses": outcome.without_pulses,
        "without_direction": outcome.without_direction,
        "error": figures(outcome.error),
        "comparisons": {name: figures(error) for name, error in outcome.comparison_errors.items()},
    }

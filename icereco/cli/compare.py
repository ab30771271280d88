"""`icereco compare`: which of several trainings is better, on the same events."""

import json
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import click
from rich import box
from rich.markup import escape
from rich.table import Table

from icereco.cli import completion
from icereco.cli.compute import computing_with, device_option, threads_option
from icereco.cli.console import Console
from icereco.cli.echo import echo
from icereco.cli.weights_option import weights_option
from icereco.errors import IcerecoError
from icereco.system.log import get_logger

if TYPE_CHECKING:
    import pyarrow as pa

    from icereco.data.catalog import DataSet
    from icereco.evaluation.comparison import Comparison, Difference
    from icereco.evaluation.evaluated_events import EvaluatedEvents
    from icereco.reconstruction.models import Weights

__all__ = ["command"]

logger = get_logger(__name__)


class _Compute(NamedTuple):
    """Where runs reconstruct, and with how many threads; None as the machine suggests."""

    device: str | None
    threads: int | None


@click.command("compare")
@click.argument(
    "names", nargs=-1, required=True, metavar="RUN|FILE|MODEL...", shell_complete=completion.runs_or_models
)
@click.option(
    "--data",
    metavar="NAME|PATH",
    help="Events with truth to reconstruct with each run  [default: what each run validated on].",
    shell_complete=completion.data,
)
@device_option
@threads_option
@click.option(
    "--truth", metavar="NAME|FILE",
    help="With files: take the truth from these events, or from a meta table of Kaggle's layout; a CSV or table of event_id, azimuth, zenith "
    "of any program can then be scored.",
)  # fmt: skip
@click.option(
    "--reader", metavar="READER",
    help="What reads --data or --truth  [default: as declared, or detected automatically].",
    shell_complete=completion.readers,
)  # fmt: skip
@weights_option
@click.option("--json", "as_json", is_flag=True, help="Write JSON for programs.")
def command(
    names: tuple[str, ...],
    data: str | None,
    truth: str | None,
    reader: str | None,
    device: str | None,
    threads: int | None,
    weights: str | None,
    as_json: bool,
) -> None:
    """Compare trainings, or files of reconstructions, with the first of them.

    Only events that both have count, paired by event_id, so that small differences show. An interval holds 95 % of the
    differences over bootstrap resamples of the events. The name of another method in the first one's file, such as
    linefit, means that method. With --data trained models by name (icereco models) can be compared, too.

    \b
    icereco compare hierarchical-simulated-v1-calm-muon flat-simulated-v1-bold-pion
    icereco compare RUN RUN --data icecube_ppc
    icereco compare RUN linefit
    """  # noqa: D301 -- \b is click's
    from icereco.data.catalog import find
    from icereco.evaluation.comparison import as_json as document
    from icereco.evaluation.comparison import compare
    from icereco.reconstruction.given_truth import given_truth

    if len(names) < 2:
        raise IcerecoError(
            f"there is nothing to compare {names[0]} with; name another run or file, or linefit"
        )
    if reader is not None and data is None and truth is None:
        raise IcerecoError(
            f"--reader {reader} says how --data or --truth is read; add one of them, or leave it out"
        )
    events = None if data is None else find(data).read_with(reader)
    also = () if weights is None else (weights,)
    table = None if truth is None else given_truth(truth, reader, also)
    with _reconstructed(names, events, table, weights, _Compute(device, threads)) as (first, *others):
        comparisons = [compare(first, other) for other in others]
    if as_json:
        echo(json.dumps([document(one) for one in comparisons], indent=2, allow_nan=False))
        return
    console = Console(highlight=False)
    for comparison in comparisons:
        _print(comparison, console)


@contextmanager
def _reconstructed(
    names: Sequence[str],
    data: "DataSet | None",
    truth: "pa.Table | None",
    weights: str | None,
    compute: "_Compute",
) -> "Iterator[list[EvaluatedEvents]]":
    from icereco.evaluation.evaluated_events import EvaluatedEvents
    from icereco.tables.saved_reconstructions import read_reconstructions

    with tempfile.TemporaryDirectory(prefix="icereco-compare-") as folder:
        files: list[Path] = []
        compared: list[str | None] = []
        for number, name in enumerate(names):
            stored = list(read_reconstructions(files[0], truth).comparisons) if files else []
            compared.append(name if name in stored else None)
            try:
                own_file = (
                    None if name in stored else _file(name, data, Path(folder) / f"{number}.parquet", compute)
                )
            except IcerecoError as error:
                methods = (
                    f"\n  other methods in the file of {names[0]}: {', '.join(stored)}" if stored else ""
                )
                raise IcerecoError(f"{error}{methods}") from None
            files.append(own_file or files[0])
        labels = [Path(name).name if Path(name).is_file() else name for name in names]
        yield [
            EvaluatedEvents.read(file, label, comparison, truth, None if number else weights)
            for number, (file, label, comparison) in enumerate(zip(files, labels, compared, strict=True))
        ]


def _file(name: str, data: "DataSet | None", temporary: Path, compute: "_Compute") -> Path:
    """The reconstructions of a run, or the file itself."""
    if data is None:
        from icereco.cli.evaluate import reconstructions_of

        return reconstructions_of(name)
    if Path(name).is_file():
        raise IcerecoError(f"--data is reconstructed by runs, and {name} is a file; leave out one of the two")
    from icereco.reconstruction.models import weights_of

    _reconstruct(weights_of(name), data, temporary, compute)
    return temporary


def _reconstruct(weights: "Weights", data: "DataSet", output: Path, compute: "_Compute") -> None:
    from icereco.cli.progress import event_progress
    from icereco.reconstruction.models import trained_method
    from icereco.reconstruction.outputs import open_output
    from icereco.reconstruction.pipeline import reconstruct

    source = data.open()
    method = trained_method(weights, compute.device)
    trained_on = method.provenance["trained"].get("data_fingerprint") or []
    if source.fingerprint() in trained_on:  # one text, or a list of them
        name = next(iter(weights.facts.values()))
        logger.warning("%s was trained on events of %s: its errors there may be too small", name, data.label)
    computing_with(compute.threads)
    with (
        open_output(output, "parquet", dict(weights.facts)) as opened,
        event_progress(source.count()) as advance,
    ):
        reconstruct([source], method, opened, advance)


def _print(comparison: "Comparison", console: Console) -> None:
    console.print(f"A  {escape(comparison.first)}\nB  {escape(comparison.second)}", soft_wrap=True)
    console.print(_table(comparison))
    console.print(f"[bold]{escape(comparison.verdict)}[/]", soft_wrap=True)
    left_out = comparison.groups["all"].left_out
    if left_out:
        console.print(f"[yellow]{left_out:,} events got no direction from one of the two and are left out[/]")
    if comparison.alone:
        console.print(f"[yellow]{comparison.alone:,} events that only one of the two has are left out[/]")
    console.print()


def _table(comparison: "Comparison") -> Table:
    caption = "degrees; A, B: medians; [95 % of resamples]; * = zero is outside"
    table = Table(
        box=box.SIMPLE_HEAD,
        padding=(0, 0, 0, 1),
        show_edge=False,
        pad_edge=False,
        caption=caption,
        caption_justify="left",
    )
    table.add_column("group", no_wrap=True)
    for heading in ("events", "A", "B", "median B - A ", "mean B - A "):
        table.add_column(heading, justify="right", no_wrap=True)
    for name, group in comparison.groups.items():
        table.add_row(
            escape(name),
            f"{group.events:,}",
            _figure(group.first_median_deg),
            _figure(group.second_median_deg),
            _cell(group.median),
            _cell(group.mean),
            end_section=name == "all",
        )
    return table


def _cell(difference: "Difference") -> str:
    sign = "+" if difference.value_deg >= 0 else ""
    ends = f"{_figure(difference.low_deg)}, {_figure(difference.high_deg)}"
    text = escape(f"{sign}{_figure(difference.value_deg)} [{ends}]")
    if not difference.significant:
        return f"{text} "
    return f"[{'green' if difference.value_deg < 0 else 'red'}]{text}*[/]"


def _figure(degrees: float) -> str:
    """Three digits: six such figures fit into 80 columns."""
    return f"{degrees:.2f}" if abs(degrees) < 9.995 else f"{degrees:.1f}"

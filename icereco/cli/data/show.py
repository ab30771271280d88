"""`icereco data show`: a look into a data set."""

import json
import math
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import click
from rich.markup import escape
from rich.table import Table

from icereco.cli import completion
from icereco.cli.console import Console
from icereco.cli.drop_option import drop_unknown_option
from icereco.cli.echo import echo
from icereco.cli.progress import event_progress
from icereco.data.catalog import DEFAULT_DETECTOR, DataSet, find
from icereco.errors import IcerecoError

if TYPE_CHECKING:
    from icereco.data.sources.source import Source
    from icereco.data.summary import Histogram, Summary

__all__ = ["command"]

_BAR = 30
_HEADINGS = {"charge_pe": "p.e.", "duration_ns": "ns", "energy": "GeV"}


@click.command("show")
@click.argument("data", metavar="NAME|PATH", shell_complete=completion.data)
@click.option(
    "--reader",
    metavar="READER",
    help="What reads it  [default: as declared, or detected automatically].",
    shell_complete=completion.readers,
)
@click.option(
    "--detector",
    metavar="NAME",
    help=f"Its detector  [default: as declared, or {DEFAULT_DETECTOR}].",
    shell_complete=completion.detectors,
)
@click.option(
    "--events", type=click.IntRange(min=1), default=10_000, show_default=True,
    help="How many events to look at, spread over the files.",
)  # fmt: skip
@drop_unknown_option
@click.option("--json", "as_json", is_flag=True, help="Write JSON for programs.")
def command(
    data: str,
    reader: str | None,
    detector: str | None,
    events: int,
    drop_unknown_sensors: bool,
    as_json: bool,
) -> None:
    """Show what a data set holds: size, pulses per event and per DOM, truth, and a few events."""
    from icereco.data.sources.detector_of import detector_of
    from icereco.data.summary import Summary, sample
    from icereco.detector.detector import load_detector

    data_set = find(data).read_with(reader, drop_unknown_sensors=drop_unknown_sensors)
    source = data_set.open()
    named = detector or data_set.detector
    card = load_detector(named) if named else detector_of(source)
    with suppress(IcerecoError):  # bad events are shown, too; this reports what is strange in the first ones
        source.require_first(card)
    total = source.count()
    summary = Summary(card)
    with event_progress(min(events, total)) as advance:
        for batch in sample(source, card, events):
            summary.add(batch)
            advance(batch.num_rows)
    facts = _facts(data_set, source, total) | {"detector": card.name}
    if as_json:
        echo(json.dumps(facts | {"looked_at": summary.document()}, indent=2))
    else:
        _print(facts, summary, Console(highlight=False))


def _facts(data_set: DataSet, source: "Source", total: int) -> dict[str, Any]:
    files = source.reader.files(source.path)
    parts = {}
    if data_set.split is not None and data_set.split.by == "file":
        names = source.part_names()
        chosen = data_set.split.parts_of_files(names)
        parts = {part: chosen.count(part) for part in dict.fromkeys(chosen)}
    return {
        "name": data_set.name,
        "path": str(source.path.resolve()),
        "reader": source.reader_text,
        "files": len(files),
        "bytes": sum(file.stat().st_size for file in files),
        "events": total,
        "split": data_set.split.text if data_set.split else None,
        "split_files": parts,
    }


def _print(facts: dict[str, Any], summary: "Summary", console: Console) -> None:
    from icereco.data.summary import histogram

    document = summary.document()
    head = f"[bold]{escape(facts['name'])}[/]  " if facts["name"] else ""
    console.print(f"{head}{escape(facts['path'])}", soft_wrap=True)
    files = f"{facts['files']:,} file{'' if facts['files'] == 1 else 's'}"
    console.print(
        f"{facts['events']:,} events in {files}, {_size(facts['bytes'])}; reader "
        f"{escape(facts['reader'])}, detector {escape(facts['detector'])}",
        soft_wrap=True,
    )
    if facts["split"]:
        files = ", ".join(f"{number} {part}" for part, number in facts["split_files"].items())
        console.print(
            f"split {escape(facts['split'])}" + (f"; files: {files}" if files else ""), soft_wrap=True
        )
    if summary.events < facts["events"]:
        console.print(f"[dim]the following is from {summary.events:,} events, spread over the files[/]")
    if summary.unknown_sensors:
        console.print(
            f"[red]{summary.unknown_sensors:,} pulses are at sensors that {escape(facts['detector'])} does not have:[/] "
            "give the right one with --detector",
            soft_wrap=True,
        )
    for title, values, key in (
        ("pulses per event", summary.pulses, "pulses_per_event"),
        ("pulses per hit DOM", summary.pulses_per_dom, "pulses_per_dom"),
    ):
        console.print(f"\n[bold]{title}[/]")
        if len(values):
            console.print(_histogram(histogram(values)))
            console.print(_percentile_line(document[key]), soft_wrap=True)
    console.print()
    console.print(_figures(document))
    if document["further_columns"]:
        console.print(f"further columns: {escape(', '.join(document['further_columns']))}")
    console.print("\n[bold]truth[/]" + ("" if document["truth"] else ": none"))
    if document["truth"]:
        console.print(_truth(document))
    if summary.rows:
        console.print(f"\n[bold]the first {len(summary.rows)} events[/]")
        console.print(_events(summary.rows))


def _histogram(bins: "Histogram") -> Table:
    table = Table(box=None, pad_edge=False, show_header=False)
    for justify in ("right", "left", "right"):
        table.add_column(justify=justify, no_wrap=True)
    largest, total = int(bins.counts.max()), int(bins.counts.sum())
    for low, high, count in zip(bins.edges[:-1], bins.edges[1:], bins.counts, strict=True):
        label = f"{low:,}" if high - low == 1 else f"{low:,} - {high - 1:,}"
        bar = "▇" * math.ceil(count / largest * _BAR)
        table.add_row(label, f"[cyan]{bar:<{_BAR}}[/]", f"{count:,}", f"{count / total:.1%}")
    return table


def _percentile_line(percentiles: dict[str, float]) -> str:
    return "  ".join(
        f"[dim]{'P' if name != 'max' else ''}{name}[/] {value:,.0f}" for name, value in percentiles.items()
    )


def _figures(document: dict[str, Any]) -> Table:
    table = Table(box=None, pad_edge=False)
    for position, heading in enumerate(("", "P1", "P50", "P99", "max")):
        table.add_column(heading, justify="right" if position else "left")
    rows = {
        "hit DOMs per event": "doms_per_event",
        "charge per event, p.e.": "charge_per_event_pe",
        "first to last pulse, ns": "duration_ns",
    }
    for label, key in rows.items():
        percentiles = document[key]
        if percentiles:
            table.add_row(label, *(f"{percentiles[name]:,.0f}" for name in ("1", "50", "99", "max")))
    table.add_row("auxiliary pulses", f"{document['auxiliary_share']:.1%}")
    if document["empty_events"]:
        table.add_row("events without pulses", f"{document['empty_events']:,}")
    return table


def _truth(document: dict[str, Any]) -> Table:
    from icereco.tables.schema import SCHEMA

    table = Table(box=None, pad_edge=False)
    for position, heading in enumerate(("", "known", "min", "median", "max")):
        table.add_column(heading, justify="right" if position else "left")
    for name, values in document["truth"].items():
        unit = SCHEMA.field(name).metadata[b"unit"].decode()
        label = f"{name}, {unit}" if unit else name
        if values is None:
            table.add_row(label, "0")
        else:
            table.add_row(
                label, f"{values['known']:,}", *(f"{values[key]:,.4g}" for key in ("min", "median", "max"))
            )
    for kind, count in document["kinds"].items():
        table.add_row(escape(kind), f"{count:,}")
    return table


def _events(rows: list[dict[str, Any]]) -> Table:
    table = Table(box=None, pad_edge=False)
    for name in rows[0]:
        table.add_column(_HEADINGS.get(name, name), justify="right")
    for row in rows:
        table.add_row(*(_cell(value) for value in row.values()))
    return table


def _cell(value: object) -> str:
    if value is None:
        return "-"
    if isinstance(value, float):
        return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"
    return escape(str(value))


def _size(number: int) -> str:
    for unit in ("B", "KB", "MB", "GB"):
        if number < 1000:
            return f"{number:.3g} {unit}"
        number /= 1000  # type: ignore[assignment]  # bytes become a fraction of the next unit
    return f"{number:.3g} TB"

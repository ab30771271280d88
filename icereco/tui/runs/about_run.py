"""What is known of one run: figures, data, device, versions, how it was started, and where its report is."""

import shlex
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from rich.style import Style
from rich.table import Table
from rich.text import Text

from icereco.runs.notes import read_notes, tags_of
from icereco.watch.overview import Overview
from icereco.watch.runs import RunView

__all__ = ["about_run"]


def about_run(run: RunView, overview: Overview) -> Table:
    """The facts of a run, a row for each."""
    grid = Table.grid(padding=(0, 2))
    for label, value in _facts(run, overview):
        text = value if isinstance(value, Text) else Text(value, overflow="fold")
        grid.add_row(Text(label, style="dim", no_wrap=True), text)
    return grid


def _facts(run: RunView, overview: Overview) -> Iterator[tuple[str, str | Text]]:
    facts, notes = run.folder.provenance(), read_notes(run.folder)
    yield "notes", notes or Text("none: e writes some; words that begin with # are tags", style="dim")
    if tags := tags_of(notes):
        yield "tags", Text(", ".join(tags), style="bold")
    yield "state", run.state + (f": {run.problem}" if run.problem else "")
    yield from _figures(run, overview)
    yield from _data(facts)
    yield from _making(facts)
    if (report := run.path.resolve() / "report.html").is_file():
        yield "report", Text(str(report), style=Style(link=report.as_uri()), overflow="fold")
    yield "folder", str(run.path.resolve())


def _figures(run: RunView, overview: Overview) -> Iterator[tuple[str, str]]:
    if (best := overview.best) is not None:
        words = [f"loss {best.loss:.4g}"]
        words += [] if best.median_deg is None else [f"median {best.median_deg:.2f}°"]
        words += [] if best.inside_90 is None else [f"{best.inside_90:.1%} of truths in 90 %"]
        yield "best", f"{', '.join(words)} (of {overview.validations} validations)"
    if (status := run.status) is not None:
        yield "steps", f"{status.step:,}, epoch {status.epoch:.2f}"
    if overview.findings:
        yield "alerts", ", ".join(finding.kind for finding in overview.findings)


def _data(facts: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    if facts.get("data"):
        data = facts["data"]
        yield "data", ", ".join(map(str, data)) if isinstance(data, list) else str(data)
    if "train_events" in facts:
        parts = ("train", "validation", "calibration")
        yield "events", ", ".join(f"{facts.get(f'{part}_events', 0):,} {part}" for part in parts)
    if facts.get("split"):
        yield "split", str(facts["split"])
    if isinstance(start := facts.get("start"), dict) and start.get("from"):
        yield "goes on from", str(start["from"])


def _making(facts: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    if facts.get("created"):
        yield "begun", str(facts["created"])
    machine = facts.get("machine")
    if isinstance(machine, dict):
        place = f"{machine.get('host', '?')}: {machine.get('processor', '?')}, {machine.get('cpus', '?')} processors"
        yield "device", f"{facts.get('device', 'cpu')} on {place}"
    versions = {"icereco": facts.get("icereco"), "python": facts.get("python")}
    libraries = facts.get("libraries")
    versions |= libraries if isinstance(libraries, dict) else {}
    if known := [f"{name} {version}" for name, version in versions.items() if version]:
        yield "versions", ", ".join(known)
    if isinstance(command := facts.get("command"), str):
        yield "command", _as_typed(command)


def _as_typed(command: str) -> str:
    """The command without the place of the program."""
    program, _, arguments = command.partition(" ")
    name = "icereco" if Path(program).name == "__main__.py" else Path(program).name
    return f"{shlex.quote(name)} {arguments}"

"""What is said of data sets, files and detectors: the cells of their rows, and their facts."""

import shlex
from collections.abc import Iterable, Iterator
from pathlib import Path

from rich.table import Table
from rich.text import Text

from icereco.data.catalog import DEFAULT_DETECTOR
from icereco.detector.detector import Detector
from icereco.doctor.finding import Finding
from icereco.draw.detector_text import side_view, top_view
from icereco.watch.files import FileView

__all__ = ["HEADINGS", "about_detector", "about_file", "about_findings", "cells_of", "drawn_detector"]

HEADINGS = ("name", "what", "events", "detector", "size")
_LEAST_ROWS = 8
_SIGNS = {
    "error": ("✖", "error"),
    "warning": ("▲", "warning"),
    "unknown": ("?", "foreground"),
    "ok": ("✔", "success"),
}


def about_findings(findings: Iterable[Finding], colors: dict[str, str]) -> Text:
    """What the doctor has found: what is wrong with its cause and what to do, then what is well in a word each.

    Args:
        findings: in any order.
        colors: of the theme, by name.
    """
    ordered = sorted(findings, key=lambda finding: [*_SIGNS].index(finding.severity))
    lines = Text()
    for finding in ordered:
        sign, color = _SIGNS[finding.severity]
        lines.append(f"{sign} ", colors.get(color, "")).append(finding.check, "bold").append(
            f": {finding.what}\n"
        )
        if finding.severity == "ok":
            continue
        for label, text in (
            ("", finding.evidence),
            ("likely cause: ", finding.cause),
            ("to do: ", finding.fix),
        ):
            if text:
                lines.append(f"  {label}{text}\n", "dim" if not label else "")
    return lines


def cells_of(row: str | FileView) -> tuple[Text, ...]:
    """The cells of a row, by `HEADINGS`."""
    if isinstance(row, str):
        return Text(row, style="bold"), Text("detector"), Text(""), Text(""), Text("")
    name, what, events = _naming(row)
    detector = row.data.detector or "" if row.data else ""
    size = "" if row.problem else _size(row.size_bytes)
    return (
        Text(name, style="bold"),
        Text(what),
        Text(events, justify="right"),
        Text(detector),
        Text(size, justify="right"),
    )


def _naming(row: FileView) -> tuple[str, str, str]:
    """Name, kind and number of events."""
    events = "" if row.events is None else f"{row.events:,}"
    if row.data is not None:
        return row.data.label, "data set", events or "!"
    if row.kept:
        # The rest of its name distinguishes cached files, and is shown next to the table.
        return row.path.stem.rpartition("-")[0], "simulated", events
    what = "output" if row.content.startswith("reconstructions") else row.content
    return str(Path(*row.path.parts[-2:])), what, events


def about_file(file: FileView, *, brief: bool = False) -> Table:
    """The facts of a file or a data set, and unless `brief` the commands that use it."""
    grid = Table.grid(padding=(0, 2))
    for name, value in _facts_of_file(file, brief=brief):
        grid.add_row(Text(name, style="dim"), Text(value, overflow="fold"))
    return grid


def _facts_of_file(file: FileView, *, brief: bool) -> Iterator[tuple[str, str]]:
    yield "path", str(file.path)
    if file.data is not None:
        yield "detector", file.data.detector or f"not declared ({DEFAULT_DETECTOR})"
        yield "split", file.data.split.short if file.data.split else "not declared"
    if file.problem:
        yield "problem", file.problem
        return
    yield "content", "simulated for a training, reused by the next" if file.kept else file.content
    if file.events is not None:
        yield "events", f"{file.events:,}"
    yield "size", _size(file.size_bytes)
    if brief:
        return
    if not file.content.startswith("reconstructions"):
        name = shlex.quote(file.data.label if file.data else str(file.path))
        yield "train", f"icereco train --data {name}"
        yield "reconstruct", f"icereco reconstruct {name}"
        if file.data is None:
            yield "name it", f"icereco data add NAME {name}"
    else:
        yield "measure", f"icereco evaluate {file.path}"


def _size(count: int) -> str:
    return f"{count / 1e6:,.1f} MB" if count >= 1e6 else f"{count / 1e3:,.1f} kB"


def about_detector(detector: Detector) -> Table:
    """The facts of a detector."""
    grid = Table.grid(padding=(0, 2))
    low, high = detector.position_m.min(0), detector.position_m.max(0)
    grid.add_row("sensors", f"{len(detector.position_m):,} ({int((~detector.alive).sum()):,} dead)")
    grid.add_row("strings", f"{len(set(detector.string.tolist())):,}")
    for axis, name in enumerate("xyz"):
        grid.add_row(name, f"{low[axis]:.0f} … {high[axis]:.0f} m")
    noise = (
        "not known" if detector.noise_rate_hz is None else f"{detector.noise_rate_hz.mean():,.0f} Hz a sensor"
    )
    grid.add_row("noise", noise)
    return grid


def drawn_detector(detector: Detector, columns: int, rows: int, *, ascii_only: bool) -> str:
    """Its modules and its medium at their heights, and above that, as far as there is room, its strings from above."""
    below = side_view(detector, ascii_only=ascii_only)
    room = rows - len(below) - 3  # the axis of the strings, and an empty line
    above = top_view(detector, columns - 12, room, ascii_only=ascii_only) if room >= _LEAST_ROWS else []
    return "\n".join([*above, "", *below])

"""The part of `icereco evaluate` that compares errors with the bound."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rich import box
from rich.table import Table

from icereco.cli.console import Console
from icereco.cli.progress import event_progress
from icereco.errors import IcerecoError
from icereco.system.processors import use_threads

if TYPE_CHECKING:
    from icereco.data.catalog import DataSet
    from icereco.detector.detector import Detector
    from icereco.evaluation.over_bound import MethodOverBound, OverBound
    from icereco.events.batch import EventBatch
    from icereco.tables.saved_reconstructions import SavedReconstructions

__all__ = ["compared_with_bound", "print_over_bound"]

_ROWS = 512
_FIGURES = ("error", "/ bound", "95 %")
_MOST_WITH_ERROR = 3
"""Methods of which both the error and the error over the bound have room."""


def compared_with_bound(what: str, path: Path, threads: int | None = None) -> "OverBound":
    """Compare a file of reconstructions with the bounds of the events that it was made from.

    Args:
        what: as given by the user: the file, or a run.
        path: the file.
        threads: processors to compute with; by default those that are free.

    Raises:
        IcerecoError: the file has no truth, its events cannot be found or are others, or their detector's medium is not known.
    """
    from icereco.data.catalog import DEFAULT_DETECTOR
    from icereco.detector.detector import load_detector
    from icereco.evaluation.bounds_of_file import bounds_of_file, truth_with_kinds
    from icereco.evaluation.over_bound import over_bound
    from icereco.tables.saved_reconstructions import read_reconstructions

    saved = read_reconstructions(path)
    truth_with_kinds(saved)  # before the events are looked for
    data = _data(what, path)
    detector = load_detector(data[0].detector or DEFAULT_DETECTOR)
    use_threads(threads)
    with event_progress(len(saved.event_id)) as advance:
        bound = bounds_of_file(saved, _events(saved, data, detector), detector, advance)
    return over_bound(saved, bound)


def _data(what: str, path: Path) -> "Sequence[DataSet]":
    """Return the data that a file of reconstructions was made from."""
    from icereco.watch.opening import opened
    from icereco.watch.reconstructions import inputs_of

    data = inputs_of(path)
    if not data and Path(what).is_file():
        raise IcerecoError(
            f"{path} does not say which events it was made from, and the bound needs them; reconstruct them again"
        )
    data = data or [opened(what).data]
    for one in data:
        if not one.path.exists():
            raise IcerecoError(
                f"{path} was made from {one.path}, which does not exist any more, and the bound needs these events; put it "
                "back, or reconstruct them again from where they are"
            )
    return data


def _events(
    saved: "SavedReconstructions", data: "Sequence[DataSet]", detector: "Detector"
) -> "Iterator[EventBatch]":
    """Yield the events that are in the file."""
    import pyarrow as pa
    import pyarrow.compute as pc

    from icereco.tables.assembly import event_batch

    wanted = pa.array(saved.event_id, pa.int64())
    for one in data:
        for rows in one.open().batches(detector, _ROWS):
            chosen = rows.filter(pc.is_in(rows.column("event_id"), wanted))
            if chosen.num_rows:
                yield event_batch(chosen, detector)


def print_over_bound(compared: "OverBound", console: Console) -> None:
    """Print the bound, and the error of each method over it, by kind and pulses."""
    console.print(_table(compared))
    for count, what in (
        (compared.unknown_kind, "are of another or an unknown kind"),
        (
            compared.without_bound,
            "lack pulses, a true direction or a true vertex, or are not in the data any more",
        ),
    ):
        if count:
            console.print(f"[yellow]{count:,} events have no bound: they {what}[/]", soft_wrap=True)


def _table(compared: "OverBound") -> Table:
    table = Table(
        box=box.SIMPLE_HEAD,
        padding=0,
        caption="medians: bound and error in degrees; error over bound of each event",
        caption_justify="left",
    )
    methods = list(compared.groups[0].methods) if compared.groups else []
    # A terminal has room for the interval of the file's own method; those of the others are in the JSON.
    others = _FIGURES[:2] if len(methods) <= _MOST_WITH_ERROR else _FIGURES[1:2]
    columns = {name: others if row else _FIGURES for row, name in enumerate(methods)}
    headings = [
        f"{name if not place else ''}\n{figure}"
        for name, figures in columns.items()
        for place, figure in enumerate(figures)
    ]
    table.add_column("pulses", no_wrap=True)
    for heading in ("events", "bound", *headings):
        table.add_column(heading, justify="right", no_wrap=True, vertical="bottom")
    for group in compared.groups:
        label = group.kind if group.pulses == "all" else f"  {group.pulses}"
        cells = [_cells(group.methods[name])[figure] for name in methods for figure in columns[name]]
        table.add_row(label, f"{group.events:,}", f"{group.bound_deg:.2f}", *cells)
    return table


def _cells(method: "MethodOverBound") -> dict[str, str]:
    figures = (method.median_deg, method.ratio)
    cells = ["-" if figure is None else f"{figure:.2f}" for figure in figures]
    ends = (method.ratio_low, method.ratio_high)
    interval = [f"{end:.0f}" if end >= 10 else f"{end:.1f}" for end in ends if end is not None]
    return dict(zip(_FIGURES, (*cells, " to ".join(interval)), strict=True))

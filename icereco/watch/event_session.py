"""One opened data set: its events, their reconstructions, and which of them are listed. Contains no widgets."""

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pyarrow as pa

from icereco.data.catalog import DEFAULT_DETECTOR
from icereco.detector.detector import Detector, load_detector
from icereco.draw.canvas.hits import hits_of
from icereco.draw.event.state import Shown
from icereco.errors import IcerecoError
from icereco.events.batch import Event, EventBatch
from icereco.events.reconstruction import Estimate, Reconstruction
from icereco.events.truth import EventTruth
from icereco.watch.choose import Order, filtered, ordered, with_reconstructions
from icereco.watch.events import EventFeed
from icereco.watch.opening import Opened, opened
from icereco.watch.reconstructions import TRUTH, Reconstructions, is_output, read_reconstructions
from icereco.watch.watch import Signature, signature

__all__ = ["EventSession"]

_FIRST = 3
_PAUSE_SECONDS = 0.01

Fit = Callable[[EventBatch], Reconstruction]


class EventSession:
    """Follows a data set and files of reconstructions, and provides what the event screen shows.

    Attributes:
        opened: what is read; None before `open` is called.
        detector: the detector that recorded the events.
        expression, order: filter and order of the list.
        problems: messages about files of reconstructions that cannot be read.
        listed: the events that are listed, in order; columns as in `icereco.watch.choose.with_reconstructions`.
        total: how many events have been read, listed or not.
    """

    def __init__(
        self, detector: Detector | None, fits: dict[str, Fit], changed: Callable[[], object]
    ) -> None:
        """Create a session in which nothing is open yet.

        Args:
            detector: the detector that recorded the events, also where the data name another; None = as the data say.
            fits: quick methods by name, called for each event that is shown.
            changed: called from a thread when there is something new.
        """
        self.detector, self.fits = detector or load_detector(DEFAULT_DETECTOR), fits
        self._chosen_detector = detector
        self.opened: Opened | None = None
        self.expression, self.order = "", Order()
        self.problems: list[str] = []
        self.listed = pl.DataFrame()
        self.total = 0
        self._changed = changed
        self._feed: EventFeed | None = None
        self._files: tuple[Path, ...] = ()
        self._seen: Signature = ()
        self._methods: list[Reconstructions] = []
        self._names: list[str] = []
        self._openings = 0
        self._made: dict[str, dict[int, Estimate]] = {}
        self._main = ""

    def open(self, what: str | Path, more: Sequence[Path] = (), reader: str | None = None) -> None:
        """Open a data set, a run or a file of reconstructions in place of what is open.

        Args:
            what: a path, or the name of a data set.
            more: files of reconstructions besides those found in the same folders.
            reader: what reads it, maybe with options; None = as declared, or detected automatically.

        Raises:
            IcerecoError: see `icereco.watch.opening.opened`; or there is no such detector.
        """
        new = opened(what, more)
        if reader is not None:
            new = replace(new, data=new.data.model_copy(update={"reader": reader}))
        self.detector = self._chosen_detector or load_detector(new.data.detector or DEFAULT_DETECTOR)
        self.close()
        self.opened, self._files, self._made = new, new.reconstructions, {}
        self._main, self.expression = "", ""
        self._openings += 1
        self._load()
        self._feed = EventFeed(new.data, self.detector, self._changed, new.only, skip_bad=new.skip_bad)
        self._feed.start()

    def close(self) -> None:
        """Stop reading, and forget the events."""
        if self._feed is not None:
            self._feed.close()
        self._feed, self.listed, self.total, self._methods, self.problems = None, pl.DataFrame(), 0, [], []

    def add(self, path: Path) -> None:
        """Add a file of reconstructions of the events.

        Raises:
            IcerecoError: the file cannot be read, or holds no reconstructions.
        """
        read_reconstructions(path)
        self._files = tuple(dict.fromkeys((*self._files, path.resolve())))
        self._load()
        self.refresh()

    def poll(self) -> bool:
        """Read the files of reconstructions again if they have changed; return whether they have."""
        if signature(self._files) == self._seen:
            return False
        if self.opened is not None and self.opened.run is not None:
            self._follow_run(self.opened.run)
        self._load()
        self.refresh()
        return True

    def _follow_run(self, run: Path) -> None:
        """Open the run again if its validation sample is another one, as it may be after it was resumed."""
        try:
            new = opened(run)
        except IcerecoError:
            return
        if self.opened is not None and new.only != self.opened.only:
            self.open(run)

    def _load(self) -> None:
        self._seen, self.problems = signature(self._files), []
        methods: list[Reconstructions] = []
        own: set[Path | None] = set()
        for path in self._files:
            try:
                methods += [new for new in read_reconstructions(path) if not any(map(new.same_as, methods))]
            except IcerecoError as error:
                self.problems.append(str(error))
            else:
                own |= {path} if is_output(path) else set()
        # The user's own outputs come first, then official fits by their number of events, then quick fits.
        methods.sort(key=lambda method: (method.name in self.fits, method.path not in own, -method.count))
        self._names = [method.name for method in methods]
        self._methods = [self._distinct(method) for method in methods]

    def _distinct(self, method: Reconstructions) -> Reconstructions:
        """The method with its file's name added where several files have a method of its name."""
        if self._names.count(method.name) == 1 or method.path is None or method.name == TRUTH:
            return method
        return replace(method, name=f"{method.name} ({method.path.name.removesuffix('.parquet')})")

    @property
    def reading(self) -> bool:
        """Whether there may be more events to come."""
        return self._feed is not None and self._feed.reading

    @property
    def problem(self) -> str | None:
        """Why the data could not be read, as a message; None if they could."""
        return None if self._feed is None else self._feed.problem

    @property
    def generation(self) -> tuple[int, int]:
        """How often something was opened, and how often its file was read from the start."""
        return self._openings, 0 if self._feed is None else self._feed.generation

    def refresh(self) -> None:
        """List the events again, after more were read or after the filter or the order changed.

        Raises:
            IcerecoError: the filter is not valid; the list stays as it was.
        """
        if self._feed is None:
            return
        table = with_reconstructions(self._feed.summary, self._ranked())
        self.total = len(table)
        self.listed = ordered(filtered(table, self.expression), self.order)

    def filter(self, expression: str) -> None:
        """List only the events for which an expression is true; see `icereco.watch.choose.filtered`.

        Raises:
            IcerecoError: the expression is not valid; the list stays as it was.
        """
        before, self.expression = self.expression, expression
        try:
            self.refresh()
        except IcerecoError:
            self.expression = before
            raise

    def row_of(self, event_id: int | None) -> int | None:
        """The row in the file of an event, or of the first listed event if none has this id; None without any."""
        if not len(self.listed):
            return None
        index = None if event_id is None else self.listed["event_id"].index_of(event_id)
        return int(self.listed["row"][0 if index is None else index])

    def find(self, event_id: int) -> int | None:
        """The row in the file of an event that has been read, listed or not; None if there is none of this id."""
        if self._feed is None or not -(2**63) <= event_id < 2**63:
            return None
        summary = self._feed.summary
        index = summary["event_id"].index_of(event_id) if len(summary) else None
        return None if index is None else int(summary["row"][index])

    @property
    def ids(self) -> tuple[int, int] | None:
        """The lowest and the highest id of the events that have been read; None without any."""
        summary = pl.DataFrame() if self._feed is None else self._feed.summary
        if not len(summary):
            return None
        low, high = summary.select(low=pl.col("event_id").min(), high=pl.col("event_id").max()).row(0)
        return int(low), int(high)

    def wait_for(self, event_id: int) -> int | None:
        """Wait until an event has been read; return its row, or None if the data end without it."""
        while True:
            reading = self.reading
            self.refresh()
            index = self.listed["event_id"].index_of(event_id) if len(self.listed) else None
            if index is not None:
                return int(self.listed["row"][index])
            if not reading:
                return None
            time.sleep(_PAUSE_SECONDS)

    @property
    def title(self) -> str:
        """A title for what is open; empty if nothing is."""
        return "" if self.opened is None else self.opened.title

    def _ranked(self) -> list[Reconstructions]:
        """The methods that have a file, the main one first."""
        return sorted(self._methods, key=lambda method: method.name != self._main)

    def prefer(self, name: str) -> None:
        """Make a method the main one: it comes first everywhere, and the columns error and sigma are its own."""
        self._main = name
        self.refresh()

    def event(self, row: int) -> Event:
        """An event by its row in the file.

        Raises:
            IcerecoError: the event does not fit the detector, there is no such row, or nothing is open.
        """
        if self._feed is None:
            raise IcerecoError("nothing is open")
        return self._feed.event(row)

    def table(self, row: int) -> pa.RecordBatch:
        """An event by its row in the file, as a table in icereco's layout of one row."""
        if self._feed is None:
            raise IcerecoError("nothing is open")
        return self._feed.table(row)

    def shown(self, row: int) -> tuple[Shown, tuple[Estimate, ...]]:
        """An event in the form that the widgets draw, and the estimates of all methods, the main one first.

        Raises:
            IcerecoError: the event does not fit the detector.
        """
        event = self.event(row)
        truth = event.truth or self._other_truth(event.event_id)
        if truth is not None and not np.isfinite(truth.direction).all():
            truth = None
        return Shown(row, event.event_id, hits_of(event), truth), self.estimates(row)

    def estimates(self, row: int) -> tuple[Estimate, ...]:
        """The estimates of all methods for an event, the main one first."""
        event = self.event(row)
        read = [method.of(event.event_id) for method in self._methods if method.name != TRUTH]
        made = [events[event.event_id] for events in self._made.values() if event.event_id in events]
        estimates = [estimate for estimate in (*made, *read) if estimate is not None]
        quick = [_fitted(name, fit, event) for name, fit in self.fits.items() if name not in self._names]
        # Tables of official fits can hold dozens of methods; the quick fits would be out of sight after them.
        ranked = [*estimates[:_FIRST], *quick, *estimates[_FIRST:]]
        return tuple(sorted(ranked, key=lambda estimate: estimate.name != self._main))

    def _other_truth(self, event_id: int) -> EventTruth | None:
        for table in self._methods:
            if table.name == TRUTH and (truth := table.of(event_id)) and truth.direction is not None:
                return EventTruth(truth.direction)
        return None

    def keep(self, event_id: int, estimate: Estimate) -> None:
        """Keep an estimate that was just made, so that it is shown with the event from now on."""
        self._made.setdefault(estimate.name, {})[event_id] = estimate


def _fitted(name: str, fit: Fit, event: Event) -> Estimate:
    """The estimate of a quick method; without a direction where the method fails on the event."""
    if not len(event.doms):
        return Estimate(name, None)
    with np.errstate(all="ignore"):
        result = fit(event.batch)
    direction = result.direction[0]
    return Estimate(name, direction if np.isfinite(direction).all() else None, result.posterior)

"""One opened data set: its events, what reconstructions say of them, and which of them are listed. No widgets."""

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
from icereco.watch.choose import Order, beside, filtered, ordered
from icereco.watch.events import EventFeed
from icereco.watch.opening import Opened, opened
from icereco.watch.reconstructions import TRUTH, Reconstructions, is_output, read_reconstructions
from icereco.watch.watch import Signature, signature

__all__ = ["EventSession"]

_FIRST = 3
_PAUSE_SECONDS = 0.01

Fit = Callable[[EventBatch], Reconstruction]


class EventSession:
    """Follows a data set and files of reconstructions, and answers what the screen asks.

    Attributes:
        opened: what is read; None before anything is.
        detector: whose sensors the events name.
        expression, order: of the list.
        problems: what is wrong with files of reconstructions, for people.
        listed: the events that are listed, in order; see `icereco.watch.choose.beside`.
        total: how many events there are.
    """

    def __init__(
        self, detector: Detector | None, fits: dict[str, Fit], changed: Callable[[], object]
    ) -> None:
        """Nothing is open yet.

        Args:
            detector: whose sensors the events name, whatever the data say; None to believe the data.
            fits: quick methods by name, called for each event that is shown.
            changed: called from a thread when there is something new.
        """
        self.detector, self.fits = detector or load_detector(DEFAULT_DETECTOR), fits
        self._asked = detector
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

    def open(self, what: str | Path, more: Sequence[Path] = ()) -> None:
        """Read another data set instead.

        Raises:
            IcerecoError: see `icereco.watch.opening.opened`; or there is no such detector.
        """
        found = opened(what, more)
        self.detector = self._asked or load_detector(found.data.detector or DEFAULT_DETECTOR)
        self.close()
        self.opened, self._files, self._made = found, found.reconstructions, {}
        self._main, self.expression = "", ""
        self._openings += 1
        self._load()
        self._feed = EventFeed(found.data, self.detector, self._changed, found.only, skip_bad=found.skip_bad)
        self._feed.start()

    def close(self) -> None:
        """Stop reading, and forget the events."""
        if self._feed is not None:
            self._feed.close()
        self._feed, self.listed, self.total, self._methods, self.problems = None, pl.DataFrame(), 0, [], []

    def add(self, path: Path) -> None:
        """Set another file of reconstructions beside the events.

        Raises:
            IcerecoError: it holds none.
        """
        read_reconstructions(path)
        self._files = tuple(dict.fromkeys((*self._files, path.resolve())))
        self._load()
        self.refresh()

    def poll(self) -> bool:
        """Look whether files of reconstructions have changed, and read them again if so."""
        if signature(self._files) == self._seen:
            return False
        if self.opened is not None and self.opened.run is not None:
            self._follow_run(self.opened.run)
        self._load()
        self.refresh()
        return True

    def _follow_run(self, run: Path) -> None:
        """A training may have another validation sample than before it was resumed."""
        try:
            found = opened(run)
        except IcerecoError:
            return
        if self.opened is not None and found.only != self.opened.only:
            self.open(run)

    def _load(self) -> None:
        self._seen, self.problems = signature(self._files), []
        found: list[Reconstructions] = []
        own: set[Path | None] = set()
        for path in self._files:
            try:
                found += [one for one in read_reconstructions(path) if not any(map(one.same_as, found))]
            except IcerecoError as error:
                self.problems.append(str(error))
            else:
                own |= {path} if is_output(path) else set()
        # What one made oneself is of more interest than official fits, of these those of most events, then quick ones.
        found.sort(key=lambda one: (one.name in self.fits, one.path not in own, -one.count))
        self._names = [one.name for one in found]
        self._methods = [self._apart(one) for one in found]

    def _apart(self, one: Reconstructions) -> Reconstructions:
        """Under a name that no other file's has."""
        if self._names.count(one.name) == 1 or one.path is None or one.name == TRUTH:
            return one
        return replace(one, name=f"{one.name} ({one.path.name.removesuffix('.parquet')})")

    @property
    def reading(self) -> bool:
        """Whether there may be more events to come."""
        return self._feed is not None and self._feed.reading

    @property
    def problem(self) -> str | None:
        """What is wrong with the data, for people."""
        return None if self._feed is None else self._feed.problem

    @property
    def generation(self) -> tuple[int, int]:
        """Counts how often something was opened, and how often that was read from its start."""
        return self._openings, 0 if self._feed is None else self._feed.generation

    def refresh(self) -> None:
        """List the events again: after more were read, or another filter or order.

        Raises:
            IcerecoError: the filter cannot be understood; the list stays as it was.
        """
        if self._feed is None:
            return
        table = beside(self._feed.summary, self._ranked())
        self.total = len(table)
        self.listed = ordered(filtered(table, self.expression), self.order)

    def filter(self, expression: str) -> None:
        """List only the events that an expression holds for; see `icereco.watch.choose.filtered`.

        Raises:
            IcerecoError: it cannot be understood; the list stays as it was.
        """
        before, self.expression = self.expression, expression
        try:
            self.refresh()
        except IcerecoError:
            self.expression = before
            raise

    def row_of(self, event_id: int | None) -> int | None:
        """The row of an event in the file, or of the first one listed if there is none of that id."""
        if not len(self.listed):
            return None
        found = None if event_id is None else self.listed["event_id"].index_of(event_id)
        return int(self.listed["row"][0 if found is None else found])

    def wait_for(self, event_id: int) -> int | None:
        """The row of an event, once it has been read; None when all has been, without it."""
        while True:
            reading = self.reading
            self.refresh()
            found = self.listed["event_id"].index_of(event_id) if len(self.listed) else None
            if found is not None:
                return int(self.listed["row"][found])
            if not reading:
                return None
            time.sleep(_PAUSE_SECONDS)

    @property
    def title(self) -> str:
        """What is open, for people."""
        return "" if self.opened is None else self.opened.title

    def _ranked(self) -> list[Reconstructions]:
        """The methods that have a file, the main one first."""
        return sorted(self._methods, key=lambda one: one.name != self._main)

    def prefer(self, name: str) -> None:
        """Make a method the main one."""
        self._main = name
        self.refresh()

    def event(self, row: int) -> Event:
        """An event by its row in the file.

        Raises:
            IcerecoError: it does not fit the detector.
        """
        if self._feed is None:
            raise IcerecoError("nothing is open")
        return self._feed.event(row)

    def table(self, row: int) -> pa.RecordBatch:
        """An event as a table of the own layout."""
        if self._feed is None:
            raise IcerecoError("nothing is open")
        return self._feed.table(row)

    def shown(self, row: int) -> tuple[Shown, tuple[Estimate, ...]]:
        """An event as the widgets want it, and what every method says of it, the main one first.

        Raises:
            IcerecoError: it does not fit the detector.
        """
        event = self.event(row)
        truth = event.truth or self._other_truth(event.event_id)
        if truth is not None and not np.isfinite(truth.direction).all():
            truth = None
        return Shown(row, event.event_id, hits_of(event), truth), self.estimates(row)

    def estimates(self, row: int) -> tuple[Estimate, ...]:
        """What every method says of an event, the main one first."""
        event = self.event(row)
        known = [one.of(event.event_id) for one in self._methods if one.name != TRUTH]
        made = [estimates[event.event_id] for estimates in self._made.values() if event.event_id in estimates]
        found = [one for one in (*made, *known) if one is not None]
        quick = [_fitted(name, fit, event) for name, fit in self.fits.items() if name not in self._names]
        # Tables of official fits can hold dozens, behind which the quick ones would not be seen.
        ranked = [*found[:_FIRST], *quick, *found[_FIRST:]]
        return tuple(sorted(ranked, key=lambda one: one.name != self._main))

    def _other_truth(self, event_id: int) -> EventTruth | None:
        for one in self._methods:
            if one.name == TRUTH and (found := one.of(event_id)) and found.direction is not None:
                return EventTruth(found.direction)
        return None

    def keep(self, event_id: int, estimate: Estimate) -> None:
        """Remember what was just reconstructed."""
        self._made.setdefault(estimate.name, {})[event_id] = estimate


def _fitted(name: str, fit: Fit, event: Event) -> Estimate:
    """What a quick method says; no direction where it fails on a strange event."""
    if not len(event.doms):
        return Estimate(name, None)
    with np.errstate(all="ignore"):
        result = fit(event.batch)
    direction = result.direction[0]
    return Estimate(name, direction if np.isfinite(direction).all() else None, result.posterior)

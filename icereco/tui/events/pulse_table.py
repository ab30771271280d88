"""The pulses of the event in order of time."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from textual import on
from textual.message import Message
from textual.reactive import var

from icereco.detector.detector import Detector
from icereco.draw.canvas.colormap import COLORMAPS, packed
from icereco.draw.event.state import EventState
from icereco.tui.common.row_table import Column, RowTable

__all__ = ["PulseTable"]


class PulseTable(RowTable):
    """A row per pulse; pointing at one picks its DOM, and picking a DOM elsewhere points at its first pulse."""

    DEFAULT_CSS: ClassVar[str] = "PulseTable { scrollbar-size-horizontal: 0; }"

    state: var[EventState | None] = var(None)

    @dataclass
    class PulsePicked(Message):
        """The user has pointed at a pulse of the event."""

        pulse: int

    def __init__(self, detector: Detector, *, id: str | None = None, classes: str | None = None) -> None:  # noqa: A002 -- Textual's word
        super().__init__(empty="no pulses", id=id, classes=classes)
        self.detector = detector
        self._order = np.zeros(0, dtype=np.int64)
        self._place = np.zeros(0, dtype=np.int64)

    def watch_state(self, before: EventState | None, now: EventState | None) -> None:
        """Fill the table for another event, or move the cursor to another pulse."""
        if now is None:
            return
        if before is None or (before.shown, before.style, before.colors_ns) != (
            now.shown,
            now.style,
            now.colors_ns,
        ):
            self._refill(now)
        if now.pulse is not None and (before is None or before.pulse != now.pulse):
            self.point(int(self._place[now.pulse]))

    def notify_style_update(self) -> None:
        """Colour the times for another theme's background."""
        super().notify_style_update()
        if self.state is not None and self.is_attached:
            self._refill(self.state)

    def _refill(self, state: EventState) -> None:
        if state.shown is None:
            self.fill((), ())
            return
        hits = state.shown.hits
        self._order = np.argsort(hits.time_ns, kind="stable")
        self._place = np.empty_like(self._order)
        self._place[self._order] = np.arange(len(self._order))
        sensor = hits.sensor_id[hits.dom][self._order]
        values = [
            hits.time_ns[self._order],
            hits.charge_pe[self._order],
            self.detector.string[sensor],
            self.detector.om[sensor],
            np.where(hits.pulse_auxiliary[self._order], "aux", ""),
        ]
        self.fill(
            self._columns_of(state),
            values,
            cursor=-1 if state.pulse is None else int(self._place[state.pulse]),
        )

    def _columns_of(self, state: EventState) -> tuple[Column, ...]:
        low, high = state.colors_ns
        under = packed(self.background_colors[1].rgb)
        table = COLORMAPS[state.style.colormap]

        def color(time_ns: float) -> int:
            return int(table(np.array((time_ns - low) / (high - low)), under))

        return (
            Column("time", "t [ns]", 9, lambda value: f"{value:,.1f}", color=color),
            Column("charge", "p.e.", 6, lambda value: f"{value:,.{2 if value < 999 else 0}f}"),
            Column("string", "string", 6),
            Column("om", "DOM", 3),
            Column("auxiliary", "", 3, left=True),
        )

    @on(RowTable.Pointed)
    @on(RowTable.Chosen)
    def _pick(self, event: RowTable.Pointed | RowTable.Chosen) -> None:
        event.stop()
        if 0 <= event.row < len(self._order):
            self.post_message(self.PulsePicked(int(self._order[event.row])))

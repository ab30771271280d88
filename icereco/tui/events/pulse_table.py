"""The pulses of the event in order of time, with their residuals."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from jaxtyping import Float
from numpy import ndarray
from textual import on
from textual.message import Message
from textual.reactive import var

from icereco.detector.detector import Detector
from icereco.draw.canvas.colormap import COLORMAPS
from icereco.draw.canvas.scale import compact
from icereco.draw.event.coloring import colored_by
from icereco.draw.event.residuals import residual_shade, residuals_of
from icereco.draw.event.state import EventState
from icereco.tui.common.row_table import Column, RowTable
from icereco.tui.themes import background

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
        if before is None or _seen(before) != _seen(now):
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
        residuals = residuals_of(state)
        sensor = hits.sensor_id[hits.dom][self._order]
        values = [
            hits.time_ns[self._order],
            hits.charge_pe[self._order],
            *([self._expected_pe(state)] if state.style.expected else []),
            sensor.tolist(),
            np.full(len(sensor), np.nan) if residuals is None else residuals.time_ns[self._order],
            np.where(hits.pulse_auxiliary[self._order], "aux", ""),
        ]
        self.fill(
            self._columns_of(state),
            values,
            cursor=-1 if state.pulse is None else int(self._place[state.pulse]),
        )

    def _expected_pe(self, state: EventState) -> Float[ndarray, "pulse"]:
        """The photo-electrons that are expected in the DOM of each pulse; NaN while they are not known."""
        assert state.shown is not None
        hits = state.shown.hits
        if state.expected is None:
            return np.full(len(self._order), np.nan)
        return np.asarray(state.expected.of(hits)[hits.dom[self._order]])

    def _columns_of(self, state: EventState) -> tuple[Column, ...]:
        low, high = state.colors_ns
        by_residual, by_time = (colored_by(state) == what for what in ("residual", "time"))
        under = background(self)
        table = COLORMAPS[state.style.colormap]

        def time_color(time_ns: float) -> int:
            return int(table(np.array((time_ns - low) / (high - low)), under))

        def residual_color(residual_ns: float) -> int:
            return int(table(residual_shade(np.array(residual_ns)), under))

        return (
            Column("time", "t [ns]", 9, "{:,.1f}".format, color=time_color if by_time else None),
            Column("charge", "p.e.", 5, _charge),
            *([Column("expected", "exp.", 5, _expected)] if state.style.expected else []),
            Column("om", "DOM", self._widest, self._om),
            Column("residual", "resid", 5, _residual, color=residual_color if by_residual else None),
            Column("auxiliary", "", 3, left=True),
        )

    def _om(self, sensor: int) -> str:
        return f"{self.detector.string[sensor]}-{self.detector.om[sensor]}"

    @property
    def _widest(self) -> int:
        """Of the names of modules, in characters."""
        return len(f"{self.detector.string.max(initial=0)}-{self.detector.om.max(initial=0)}")

    @on(RowTable.Pointed)
    @on(RowTable.Chosen)
    def _pick(self, event: RowTable.Pointed | RowTable.Chosen) -> None:
        event.stop()
        if 0 <= event.row < len(self._order):
            self.post_message(self.PulsePicked(int(self._order[event.row])))


def _charge(charge_pe: float) -> str:
    """At most five characters."""
    if charge_pe >= 9999.5:
        return compact(charge_pe)
    return f"{charge_pe:,.{2 if charge_pe < 99.995 else 1 if charge_pe < 999.95 else 0}f}"


def _expected(expected_pe: float) -> str:
    """At most five characters, without a sum of zeros where hardly any light is expected."""
    return _charge(expected_pe) if expected_pe >= 0.005 else "<0.01"


def _residual(residual_ns: float) -> str:
    """At most five characters, with a sign."""
    if abs(residual_ns) < 9999.5:
        return f"{residual_ns:+.0f}"
    return f"{'+' if residual_ns > 0 else ''}{compact(residual_ns)}"


def _seen(state: EventState) -> tuple[object, ...]:
    return state.shown, state.style, state.colors_ns, residuals_of(state), state.expected

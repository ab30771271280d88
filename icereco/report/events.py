"""The events that a report shows: the worst, the brightest and some typical ones."""

from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from icereco.draw.canvas.camera import Camera
from icereco.errors import IcerecoError
from icereco.physics.sphere import opening_angle
from icereco.plots.event import EventDisplay, event_figure
from icereco.report.document import Picture
from icereco.tables.saved_reconstructions import SavedReconstructions
from icereco.watch.event_session import EventSession

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["chosen_events", "drawings"]

_DPI, _COLOURS = 200, 128


def chosen_events(saved: SavedReconstructions, count: int) -> dict[int, str]:
    """Return so many events of each sort, by event_id, with what is said of each."""
    chosen: dict[int, str] = {}
    pulses = saved.pulses_total
    for row in np.argsort(-pulses, kind="stable")[:count].tolist():
        chosen[int(saved.event_id[row])] = f"one of the brightest: {pulses[row]:,} pulses"
    if saved.truth is None:
        return chosen
    error = np.degrees(opening_angle(saved.reconstruction.direction, saved.truth.direction))
    known = np.flatnonzero(np.isfinite(error))
    order = known[np.argsort(error[known], kind="stable")]
    middle = max((len(order) - count) // 2, 0)
    for rows, said in (
        (order[middle : middle + count], "typical"),
        (order[::-1][:count], "one of the worst"),
    ):
        for row in rows.tolist():
            chosen.setdefault(
                int(saved.event_id[row]), f"{said}: {error[row]:.1f}° off, {pulses[row]:,} pulses"
            )
    return chosen


def drawings(what: str | Path, chosen: dict[int, str], more: tuple[Path, ...] = ()) -> list[Picture]:
    """Draw events of a file or run; none where its events cannot be read any more."""
    session = EventSession(None, {}, lambda: None)
    try:
        session.open(what, more)
        return [
            _drawing(session, event, said)
            for event, said in chosen.items()
            if session.wait_for(event) is not None
        ]
    except IcerecoError:
        return []
    finally:
        session.close()


def _drawing(session: EventSession, event_id: int, said: str) -> Picture:
    row = session.wait_for(event_id)
    assert row is not None
    shown, estimates = session.shown(row)
    display = EventDisplay(session.event(row), session.detector, estimates, shown.truth)
    figure = event_figure(display, Camera.around(session.detector.position_m))
    return Picture(f"event_{event_id}", _png(figure), "image/png", f"Event {event_id}, {said}.")


def _png(figure: "Figure") -> bytes:
    """Return a figure with few colours: thousands of dots take less room so than as vectors, or with all colours."""
    from PIL import Image

    drawn, reduced = BytesIO(), BytesIO()
    figure.savefig(drawn, format="png", dpi=_DPI)
    with Image.open(drawn) as image:
        image.convert("RGB").quantize(_COLOURS, dither=Image.Dither.NONE).save(reduced, "png", optimize=True)
    return reduced.getvalue()

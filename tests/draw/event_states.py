"""States of the event screen with a few hit modules."""

from collections.abc import Sequence

import numpy as np

from icereco.detector.detector import Detector
from icereco.draw.canvas.braille import Canvas
from icereco.draw.canvas.camera import Camera
from icereco.draw.canvas.hits import hits_of
from icereco.draw.canvas.palette import palette_on
from icereco.draw.canvas.scene import frame_of
from icereco.draw.event.state import EventState, Shown, Style
from icereco.events.reconstruction import Estimate
from icereco.events.truth import EventTruth
from icereco.tables.assembly import event_batch
from icereco.testing.random_events import random_events

PALETTE = palette_on(0x0B0E14)


def state_of(
    detector: Detector,
    sensors: Sequence[int],
    *estimates: Estimate,
    charge: Sequence[float] | None = None,
    truth: EventTruth | None = None,
    **style,
) -> EventState:
    """An event with a pulse in each of some modules, 100 ns apart, that is not auxiliary."""
    count = len(sensors)
    schema = random_events(np.array([1]), seed=1).schema
    columns = {
        "sensor_id": list(sensors),
        "time": (10_000.0 + 100.0 * np.arange(count)).tolist(),
        "charge": [1.0] * count if charge is None else list(charge),
        "auxiliary": [False] * count,
    }
    table = random_events(np.array([count]), seed=1)
    for name, values in columns.items():
        table = table.set_column(table.schema.get_field_index(name), name, [[values]])
    shown = Shown(0, 1, hits_of(event_batch(table.cast(schema), detector)[0]), truth)
    state = EventState(frame_of(detector), Camera.around(detector.position_m), style=Style(**style))
    return state.showing(shown, estimates)


def drawn(draw, state: EventState, columns: int = 60, rows: int = 24, marker: str = "braille") -> list[str]:
    """The lines that a function draws."""
    canvas = Canvas(columns, rows, marker)
    draw(canvas, state, PALETTE)
    return canvas.cells().lines()

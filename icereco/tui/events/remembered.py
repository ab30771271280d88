"""How events are looked at, as far as it is remembered: from the event screen into a table, and back."""

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from icereco.draw.canvas.colormap import COLORMAPS
from icereco.draw.canvas.scene import GRIDS
from icereco.draw.event.state import COLORINGS, POSTERIORS, EventState

__all__ = ["restored", "table_of"]

_SWITCHES = ("auxiliary", "lines_on_top", "against_truth", "front")
_CHOICES = {
    "colormap": tuple(COLORMAPS),
    "grid": tuple(GRIDS),
    "color_by": COLORINGS[:2],
    "posteriors": tuple(POSTERIORS),
}


def table_of(state: EventState) -> dict[str, Any]:
    """What to remember: from where the detector is seen, and how things are drawn."""
    camera, style = state.camera, state.style
    looks = {name: getattr(style, name) for name in (*_SWITCHES, *_CHOICES)}
    return {"yaw": camera.yaw, "pitch": camera.pitch, "parallel": camera.parallel} | looks


def restored(state: EventState, table: Mapping[str, Any]) -> EventState:
    """The state with what was remembered; what makes no sense, as after an edit by hand, is left out."""
    style = {name: table[name] for name in _SWITCHES if isinstance(table.get(name), bool)}
    style |= {name: table[name] for name, known in _CHOICES.items() if table.get(name) in known}
    parallel = {"parallel": table["parallel"]} if isinstance(table.get("parallel"), bool) else {}
    turned, tilted = (table.get(name) for name in ("yaw", "pitch"))
    camera = replace(state.camera, **parallel)
    if isinstance(turned, float) and isinstance(tilted, float):
        camera = replace(camera, yaw=turned, pitch=min(max(tilted, -math.pi / 2), math.pi / 2))
    return replace(state, camera=camera, style=replace(state.style, **style))

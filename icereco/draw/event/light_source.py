"""What a method, or the truth, says of the light of an event, as far as the light model needs it."""

import json
from typing import Any

from icereco.draw.event.hypothesis import Hypothesis
from icereco.draw.event.residuals import source_of
from icereco.draw.event.state import EventState
from icereco.events.truth import EventTruth

__all__ = ["NO_DIRECTION", "key_of", "source_document"]

NO_DIRECTION = "it gives no direction"


def source_document(state: EventState) -> tuple[str, dict[str, Any] | None] | None:
    """The name of the main method, or of the truth where residuals are to it, and what it says of the light.

    That is what `icereco.reconstruction.expected_light.LightSource` holds, or None without a direction. There is nothing
    without an event, or without any method.
    """
    source = source_of(state)
    if state.shown is None or source is None:
        return None
    centre = state.shown.hits.center_m
    if isinstance(source, EventTruth):
        hypothesis: Hypothesis | None = Hypothesis.of_truth(source, centre)
    else:
        hypothesis = Hypothesis.of_estimate(source, centre)
    if hypothesis is None or source.direction is None:
        return getattr(source, "name", "the truth"), None
    kind = "starting" if hypothesis.starts else "cascade" if hypothesis.travel is None else "track"
    length = None if hypothesis.by_energy else hypothesis.length_m
    return hypothesis.name, {
        "kind": kind,
        "travel": (-source.direction).tolist(),
        "place_m": [float(part) for part in hypothesis.position_m] if hypothesis.placed else None,
        "length_m": length,
    }


def key_of(state: EventState, document: dict[str, Any] | None) -> str:
    """What the answer depends on, to know it again."""
    assert state.shown is not None
    return json.dumps([state.shown.row, state.shown.event_id, document])

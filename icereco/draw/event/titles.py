"""The titles in the frames around the parts of a picture of an event."""

from icereco.detector.detector import Detector
from icereco.draw.canvas.scale import compact
from icereco.draw.event.coloring import colored_by
from icereco.draw.event.residuals import residuals_of
from icereco.draw.event.sky import SCAN, mark_of, with_contours
from icereco.draw.event.state import EventState
from icereco.physics.direct_light import DIRECT_NS

__all__ = ["titles_of"]

_COLORS = {"time": "time", "residual": "residual", "light": "seen/expected light"}


def titles_of(
    state: EventState, source: str, detector: Detector, *, reading: bool = False, busy: tuple[str, ...] = ()
) -> dict[str, tuple[str, str]]:
    """Title and subtitle by the part's id.

    Args:
        state: what is drawn.
        source: name of the data; may be empty.
        detector: the detector that recorded the event.
        reading: whether there may be more events to come.
        busy: the runs that reconstruct.
    """
    if state.shown is None:
        return {"view": (source, "reading …" if reading else "")}
    low, high = state.colors_ns
    methods = len(state.estimates)
    return {
        "view": (
            " · ".join(filter(None, (f"event {state.shown.event_id}", source, detector.name))),
            _legend(state),
        ),
        "timeline": ("charge against time (log scale)", f"colours {low:,.0f} to {high:,.0f} ns"),
        "numbers": (
            "reconstruction",
            f"with {', '.join(busy)}" if busy else f"1 of {methods}" if methods > 1 else "",
        ),
        "sky": ("sky: zenith ↓, azimuth ←", _marks(state)),
        "zoom": (f"around {_main(state)}", _contours(state)),
        "residuals": (_residuals(state), "direct: {:.0f} to {:.0f} ns".format(*DIRECT_NS)),
        "waveform": (_dom(state, detector), _beside(state)),
        "pulses": (f"{len(state.shown.hits.time_ns):,} pulses", ""),
    }


def _legend(state: EventState) -> str:
    parts = ["size: charge", f"colour: {_COLORS[colored_by(state)]}"]
    if state.style.auxiliary and state.shown is not None and state.shown.hits.auxiliary.any():
        parts.append("ring: auxiliary only")
    return " · ".join(parts)


def _marks(state: EventState) -> str:
    true = "× true  " if state.shown is not None and state.shown.truth is not None else ""
    scan = f"  {SCAN} scan" if state.scan is not None else ""
    return f"{true}+ {state.estimates[0].name}{scan}" if state.estimates else f"{true}{scan}"


def _residuals(state: EventState) -> str:
    residuals = residuals_of(state)
    return "residuals" if residuals is None else f"residuals to {residuals.hypothesis.name}"


def _main(state: EventState) -> str:
    if state.scan is not None:
        return "the scan"
    return state.estimates[0].name if state.estimates else "the truth"


def _contours(state: EventState) -> str:
    """Whose contours are drawn, by their marks."""
    marks = [mark_of(number) for number, _ in with_contours(state)] + [SCAN] * (state.scan is not None)
    return f"50 %, 90 % of {' '.join(marks)}" if marks else ""


def _dom(state: EventState, detector: Detector) -> str:
    if state.picked is None or state.shown is None:
        return "DOM"
    hits, picked = state.shown.hits, state.picked
    sensor = int(hits.sensor_id[picked])
    rows = slice(int(hits.offsets[picked]), int(hits.offsets[picked + 1]))
    count, charge = rows.stop - rows.start, float(hits.charge_pe[rows].sum())
    place = f"string {detector.string[sensor]}, DOM {detector.om[sensor]}"
    return f"{place} · {count:,} pulse{'s' * (count != 1)} · {compact(charge)} p.e."


def _beside(state: EventState) -> str:
    """How many modules there are, or what the light model expects of the only one."""
    known = state.style.expected and state.expected is not None and state.expected.problem is None
    if len(state.doms) != 1:
        return f"{len(state.doms)} modules" if state.doms else ""
    if not known or state.expected is None or state.shown is None:
        return ""
    return f"{compact(float(state.expected.of(state.shown.hits)[state.doms[0]]))} p.e. expected"

"""What the event screen shows: one immutable value, which the screen replaces and its widgets draw."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Self

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from icereco.draw.canvas.camera import Camera
from icereco.draw.canvas.colormap import COLORMAPS
from icereco.draw.canvas.hits import DomState, Hits, light_ns
from icereco.draw.canvas.lines import Line
from icereco.draw.canvas.markers import MARKERS
from icereco.draw.canvas.palette import Palette
from icereco.draw.canvas.scene import GRIDS, Frame, Look
from icereco.draw.event.expected import ExpectedLight
from icereco.draw.event.hypothesis import TRUE, Hypothesis
from icereco.evaluation.calibration import CONTOURS
from icereco.events.reconstruction import Estimate
from icereco.events.sky_map import SkyMap
from icereco.events.truth import EventTruth
from icereco.physics.sphere import opening_angle
from icereco.physics.vmf import angular_sigma, radius_holding

__all__ = [
    "COLORINGS",
    "MOST_LINES",
    "POSTERIORS",
    "EventState",
    "Shown",
    "Style",
    "after",
    "lines_of",
    "look_of",
    "radius_of",
    "sigma_of",
]

_NEAR = 0.9

COLORINGS = ("time", "residual", "light")
"""What the colours of hits say: when, how late, or how much of the expected light."""

POSTERIORS = {
    "all": "contours of all methods",
    "main": "contours of the main method alone",
    "none": "no contours",
}
"""Whose posteriors are drawn on the sky."""

MOST_LINES = 5
"""At most so many methods are drawn, as more could not be distinguished; the main one is always among them."""


@dataclass(frozen=True, slots=True, eq=False)
class Shown:
    """The event that is shown.

    Attributes:
        row: in its file.
        event_id: as in the file.
        hits: its pulses.
        truth: or None.
    """

    row: int
    event_id: int
    hits: Hits
    truth: EventTruth | None = None


@dataclass(frozen=True, slots=True)
class Style:
    """How things are drawn, independent of the event.

    Attributes:
        colormap, marker: names.
        auxiliary: whether DOMs with only auxiliary pulses are shown.
        lines_on_top: whether lines hide hits.
        lean: whether few colours are used, for a slow connection.
        color_by: one of `COLORINGS`.
        against_truth: whether residuals are to the truth, where it is known, and not to the main method.
        grid: which modules without hits are shown, one of `icereco.draw.canvas.scene.GRIDS`.
        front: whether direct light is drawn at the moment that is shown.
        expected: whether expected light is computed and shown.
        posteriors: whose contours are on the sky, one of `POSTERIORS`.
    """

    colormap: str = next(iter(COLORMAPS))
    marker: str = next(iter(MARKERS))
    auxiliary: bool = True
    lines_on_top: bool = True
    lean: bool = False
    color_by: str = COLORINGS[0]
    against_truth: bool = False
    grid: str = next(iter(GRIDS))
    front: bool = True
    expected: bool = False
    posteriors: str = next(iter(POSTERIORS))


@dataclass(frozen=True, slots=True, eq=False)
class EventState:
    """Everything that the widgets of the event screen need.

    Attributes:
        frame: the detector.
        camera: the view of the detector.
        shown: the event, None before there is one.
        estimates: of its direction, the main one first.
        time_ns: the moment that is shown; None = after the last pulse.
        colors_ns: the times of the first and of the last colour.
        picked: index of the picked DOM among the hit ones, or None; kept: of those shown beside it.
        pulse: index of the picked pulse, or None.
        expected: light that is expected of a hypothesis, or why none is; None where it is not known yet, or not wanted.
        scan: the likelihood around the fit, or None.
        style: how things are drawn.
    """

    frame: Frame
    camera: Camera
    shown: Shown | None = None
    estimates: tuple[Estimate, ...] = ()
    time_ns: float | None = None
    colors_ns: tuple[float, float] = (0.0, 1.0)
    picked: int | None = None
    pulse: int | None = None
    kept: tuple[int, ...] = ()
    expected: ExpectedLight | None = None
    scan: SkyMap | None = None
    style: Style = field(default_factory=Style)

    def showing(self, shown: Shown | None, estimates: tuple[Estimate, ...]) -> Self:
        """The state with another event; the camera and the style stay."""
        colors = shown.hits.colors_ns if shown else (0.0, 1.0)
        return replace(
            self,
            shown=shown,
            estimates=estimates,
            time_ns=None,
            colors_ns=colors,
            picked=None,
            pulse=None,
            kept=(),
            expected=None,
            scan=None,
        )

    @property
    def doms(self) -> tuple[int, ...]:
        """The hit DOMs that are looked at: those kept, and the picked one."""
        return self.kept if self.picked is None or self.picked in self.kept else (*self.kept, self.picked)

    def kept_or_not(self, dom: int) -> Self:
        """The state with a hit DOM kept beside others, or no longer."""
        rest = tuple(other for other in self.kept if other != dom)
        return replace(self, kept=rest if dom in self.kept else (*self.kept, dom))

    @property
    def moment(self) -> DomState | None:
        """The hit DOMs at the moment that is shown."""
        return None if self.shown is None else self.shown.hits.until(self.time_ns)

    @property
    def window_ns(self) -> tuple[float, float]:
        """The times that are shown: those of the colours and a quarter on either side, within the readout."""
        if self.shown is None:
            return 0.0, 1.0
        (first, last), (low, high) = self.shown.hits.span_ns, self.colors_ns
        margin = 0.25 * (high - low)
        low, high = max(first, low - margin), min(last, high + margin)
        return low, max(high, low + 1.0)

    @property
    def light_m(self) -> Float[ndarray, "point 3"]:
        """Where the light of the event is: the modules hit while most are, without the farthest tenth; may be empty."""
        if self.shown is None or not len(self.shown.hits.sensor_id):
            return np.zeros((0, 3))
        hits, counted = self.shown.hits, ~self.shown.hits.auxiliary | self.shown.hits.auxiliary.all()
        low, high = light_ns(hits.first_ns[counted], np.ones(counted.sum()))
        lit = counted & (hits.first_ns >= low) & (hits.first_ns <= high)
        position = hits.position_m[lit].astype(np.float64)
        distance = np.linalg.norm(position - np.median(position, axis=0), axis=1)
        near: ndarray = position[distance <= np.quantile(distance, _NEAR)]
        return near

    def place(self, time_ns: float) -> float:
        """The position of a time in the window: 0 at its beginning, 1 at its end."""
        low, high = self.window_ns
        return (time_ns - low) / (high - low)

    def later(self, part: float) -> Self:
        """The state with the moment advanced by a part of the window; at its end, the whole event."""
        low, high = self.window_ns
        moment = (low if self.time_ns is None else self.time_ns) + part * (high - low)
        return replace(self, time_ns=moment if moment < high else None)

    def stretched(self, factor: float) -> Self:
        """The state with colours that cover `factor` times as much time, around the same middle."""
        low, high = self.colors_ns
        middle, half = (low + high) / 2, max((high - low) / 2 * factor, 0.5)
        return replace(self, colors_ns=(middle - half, middle + half))

    def dom_after(self, by: int) -> int | None:
        """The hit DOM `by` places after the picked one, in order of first pulses; those with only auxiliary ones last."""
        if self.shown is None or not len(self.shown.hits.sensor_id):
            return None
        hits = self.shown.hits
        order = np.lexsort((hits.until(None).first_ns, hits.auxiliary))
        if self.picked is None:
            return int(order[0 if by > 0 else -1])
        place = int(np.flatnonzero(order == self.picked)[0])
        return int(order[(place + by) % len(order)])

    def error(self, estimate: Estimate) -> float | None:
        """The opening angle to the truth in rad; None without a truth or a direction."""
        if self.shown is None or self.shown.truth is None or estimate.direction is None:
            return None
        angle = float(opening_angle(estimate.direction, self.shown.truth.direction))
        return angle if np.isfinite(angle) else None


def sigma_of(estimate: Estimate) -> float | None:
    """The opening angle in rad that holds about 39.3 % of the posterior; None without one."""
    return None if estimate.kappa is None else float(angular_sigma(np.array(estimate.kappa)))


def radius_of(estimate: Estimate, probability: float) -> float:
    """The opening angle in rad around the direction that holds about so much of the posterior; NaN without one."""
    return (
        float("nan")
        if estimate.kappa is None
        else float(radius_holding(probability, np.array(estimate.kappa)))
    )


def look_of(state: EventState) -> Look:
    """The look that a state's style describes."""
    style = state.style
    return Look(
        colormap=COLORMAPS[style.colormap],
        colors_ns=state.colors_ns,
        auxiliary=style.auxiliary,
        lines_on_top=style.lines_on_top,
        lean=style.lean,
        grid=style.grid,
    )


def lines_of(state: EventState, palette: Palette) -> list[Line]:
    """The main reconstruction with its cone of 50 %, the truth, and the others: each through its vertex, where it has one."""
    if state.shown is None:
        return []
    center = state.shown.hits.center_m
    lines = [
        replace(
            _line(estimate.name, estimate.direction, hypothesis, palette.method(number)),
            cone=radius_of(estimate, CONTOURS[0]) if number == 0 else float("nan"),
        )
        for number, estimate in enumerate(state.estimates[:MOST_LINES])
        if estimate.direction is not None
        and (hypothesis := Hypothesis.of_estimate(estimate, center)) is not None
    ]
    truth = state.shown.truth
    if truth is not None and np.isfinite(truth.direction).all():
        line = _line(TRUE, truth.direction, Hypothesis.of_truth(truth, center), palette.truth)
        lines.insert(min(1, len(lines)), replace(line, dashed=True))
    return lines


def _line(name: str, direction: Float[ndarray, "3"], hypothesis: Hypothesis, color: int) -> Line:
    starts, length = hypothesis.starts, hypothesis.length_m
    return Line(
        name,
        direction,
        hypothesis.position_m,
        color,
        starts=starts,
        length_m=np.inf if length is None else length,
    )


def after(name: str, names: Iterable[str]) -> str:
    """The name that follows a name; after the last comes the first."""
    order = list(names)
    return order[(order.index(name) + 1) % len(order)]

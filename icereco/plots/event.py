"""One event as a figure for papers: the detector in space, the directions, and the sky around them."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from icereco.detector.detector import Detector
from icereco.draw.canvas.camera import Camera
from icereco.draw.canvas.colormap import COLORMAPS
from icereco.draw.canvas.hits import hits_of
from icereco.draw.canvas.names import short_names
from icereco.draw.event.hypothesis import TRUE, Hypothesis
from icereco.draw.event.state import MOST_LINES
from icereco.draw.event.targets import energy_text, estimated_energy, estimated_kinds
from icereco.draw.figure import reconstructed
from icereco.evaluation.calibration import CONTOURS
from icereco.events.batch import Event
from icereco.events.reconstruction import Estimate
from icereco.events.region_sizes import region_sizes
from icereco.events.sky_frame import DETECTOR
from icereco.events.truth import EventTruth
from icereco.physics.sphere import opening_angle
from icereco.plots.event_detector import Track, View, draw_detector, draw_hits, draw_scale, draw_tracks
from icereco.plots.event_hits import ModuleHits, disc_radius, legend_charges, module_hits
from icereco.plots.sky import area_text, utc
from icereco.plots.sky_axes import LARGEST_ZOOM_DEG, Mark, Sky, draw_whole, draw_zoom, zoom_deg
from icereco.plots.style import COLOURS, INK, MARKERS, MUTED, styled
from icereco.reconstruction.methods import Method

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.cm import ScalarMappable
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D

__all__ = ["EventDisplay", "event_figure", "plot_event"]

_WIDTH, _HEIGHT = 520, 372
"""Points: as wide as the text of a page."""

_DETECTOR = (4, 56, 338, 282)
_KEYS_LEFT = 352
_NAME, _TITLE = 26, 80
_SHADE_STEP = 6
"""Of 256 colours: a bar with more than 50 would be pixels."""

_SAMPLES, _CELLS = 2000, 180
_TRUE_DASH: Any = (0, (4, 1.6))


@dataclass(frozen=True, slots=True, eq=False)
class EventDisplay:
    """What is shown of an event.

    Attributes:
        event: its pulses, and where it has them its run and start.
        detector: that recorded it.
        estimates: of its direction, the main one first.
        truth: or None.
        source: name of the data; may be empty.
    """

    event: Event
    detector: Detector
    estimates: tuple[Estimate, ...] = ()
    truth: EventTruth | None = None
    source: str = ""

    @property
    def true_direction(self) -> Float[ndarray, "3"] | None:
        """To where the neutrino came from; None if that is not known."""
        known = self.truth is not None and bool(np.isfinite(self.truth.direction).all())
        return self.truth.direction if known and self.truth is not None else None


def plot_event(
    event: Event,
    *models: Method | str | Path,
    detector: Detector | str | Path | None = None,
    turn: float | None = None,
    tilt: float | None = None,
    zoom: float = 1.0,
) -> "Figure":
    """Draw the detector with the event in it, the true and reconstructed directions and the sky around them, as a matplotlib figure.

    >>> import icereco
    >>> figure = icereco.plot_event(icereco.simulate(1)[0], "linefit")
    >>> [text.get_text() for text in figure.texts][0]
    'event 0'

    Args:
        event: such as `events[0]`.
        *models: each from `icereco.load_model`, or what that takes, such as "linefit"; contours are those of the first.
        detector: the detector that recorded the event; by default that of a model, or icecube86.
        turn: side to look from in degrees; 0 is from +x, 90 from +y.
        tilt: height to look from in degrees; 90 is from above.
        zoom: above 1 is nearer.

    Raises:
        IcerecoError: no such model or detector (with the nearest name), or the event is of another detector.
    """
    fitting, estimates = reconstructed(event, models, detector)
    camera = Camera.around(fitting.position_m).zoomed(zoom).looking(turn, tilt)
    return event_figure(EventDisplay(event, fitting, estimates, event.truth), camera)


def event_figure(display: EventDisplay, camera: Camera, colors: str = next(iter(COLORMAPS))) -> "Figure":
    """Draw an event as a camera sees it, with times in the colours of this name."""
    with styled():
        from matplotlib.figure import Figure

        figure = Figure(figsize=(_WIDTH / 72, _HEIGHT / 72))
        hits = hits_of(display.event)
        modules, marks = module_hits(hits), _marks(display)
        times = _times(hits.colors_ns, colors)
        view = View.fitting(_axes(figure, *_DETECTOR), camera, display.detector, *_DETECTOR[2:])
        draw_detector(view, display.detector, modules)
        draw_tracks(view, list(_tracks(display, hits.center_m, marks)))
        draw_hits(view, modules, times)
        draw_scale(view)
        _write_titles(figure, display)
        if len(modules.charge_pe):
            _draw_times(figure, times, modules)
            _draw_charges(figure, modules)
        if marks:
            _draw_directions(figure, marks)
            _draw_sky(figure, display, marks)
        return figure


def _axes(figure: "Figure", left: float, bottom: float, width: float, height: float) -> "Axes":
    """Axes at a place in points, whose units are points."""
    axes = figure.add_axes((left / _WIDTH, bottom / _HEIGHT, width / _WIDTH, height / _HEIGHT))
    axes.set(xlim=(0, width), ylim=(0, height))
    axes.axis("off")
    return axes


def _times(span_ns: tuple[float, float], colors: str) -> "ScalarMappable":
    """The colours of times."""
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import ListedColormap, Normalize

    shades = [f"#{shade:06x}" for shade in COLORMAPS[colors].fine[::_SHADE_STEP]]
    return ScalarMappable(Normalize(*span_ns), ListedColormap(shades))


def _marks(display: EventDisplay) -> tuple[Mark, ...]:
    """The true direction, if it is known, then those of methods, with what a legend says of them."""
    true = display.true_direction
    known = _drawn(display)
    names = short_names([one.name for one in known], _NAME)
    marks = []
    if true is not None:
        marks.append(Mark("\n".join(filter(None, ("true direction", _particle(display)))), true, "x", INK))
    looks = zip(names, known, COLOURS, ("+", *MARKERS), strict=False)
    for name, estimate, colour, shape in looks:
        assert estimate.direction is not None
        lines = [name]
        if marks:
            reference = names[0] if true is None else "the truth"
            lines.append(f"{_apart(estimate.direction, marks[0])}° from {reference}")
        lines += _estimated(estimate) if estimate is known[0] else ()
        marks.append(Mark("\n".join(lines), estimate.direction, shape, colour))
    return tuple(marks)


def _apart(direction: Float[ndarray, "3"], reference: Mark) -> str:
    return f"{np.degrees(opening_angle(direction, reference.direction)):.3g}"


def _particle(display: EventDisplay) -> str:
    """Kind and energy of the true neutrino, as far as they are known."""
    truth = display.truth
    if truth is None:
        return ""
    kind = "" if truth.kind is None else truth.kind.replace("_", " ")
    return ", ".join(filter(None, (kind, energy_text(truth.energy_gev))))


def _estimated(estimate: Estimate) -> list[str]:
    """The most probable kind and the energy that a method gives."""
    return [text for text in (next(estimated_kinds(estimate), ""), estimated_energy(estimate)) if text]


def _tracks(display: EventDisplay, center_m: Float[ndarray, "3"], marks: tuple[Mark, ...]) -> Iterator[Track]:
    """Lines through, or from, the place that the truth and each estimate have, otherwise through the middle of the light."""
    found = [Hypothesis.of_estimate(one, center_m) for one in _drawn(display)]
    if display.true_direction is not None and display.truth is not None:
        found.insert(0, Hypothesis.of_truth(display.truth, center_m))
    for mark, one in zip(marks, found, strict=True):
        assert one is not None  # as it has a direction
        length_m = np.inf if one.length_m is None else one.length_m
        dash = _TRUE_DASH if one.name == TRUE else "solid"
        yield Track(mark.direction, one.position_m, mark.colour, dash, one.starts, length_m)


def _drawn(display: EventDisplay) -> list[Estimate]:
    """The estimates that have a direction, as many as there are colours for."""
    return [one for one in display.estimates if one.direction is not None][:MOST_LINES]


def _write_titles(figure: "Figure", display: EventDisplay) -> None:
    batch, extras = display.event.batch, display.event.extras
    title = f"event {display.event.event_id}" + (f" of {display.source}" if display.source else "")
    charge = float(np.nansum(batch.charge_pe))
    run, start = extras.get("run", np.nan), extras.get("start_mjd", np.nan)
    facts = [
        display.detector.name,
        f"run {run:.0f}" if np.isfinite(run) else "",
        utc(start) if np.isfinite(start) else "",
        f"{len(batch.time_ns):,} pulses in {len(batch.sensor_id):,} modules",
        f"{charge:,.{0 if charge >= 100 else 1}f} p.e.",
    ]
    left = 8 / _WIDTH
    figure.text(left, 1 - 8 / _HEIGHT, short_names([title], _TITLE)[0], va="top", fontsize=9, weight="bold")
    figure.text(left, 1 - 22 / _HEIGHT, "   ".join(filter(None, facts)), va="top", fontsize=8, color=MUTED)


def _draw_times(figure: "Figure", times: "ScalarMappable", modules: ModuleHits) -> None:
    """Draw the bar of colours, with arrows where first pulses are before or after."""
    from matplotlib.ticker import MaxNLocator

    first, (begin, end) = modules.first_ns[~modules.auxiliary], times.get_clim()
    before, after = bool((first < begin).any()), bool((first > end).any())
    extend = {(True, True): "both", (True, False): "min", (False, True): "max"}.get(
        (before, after), "neither"
    )
    axes = figure.add_axes((16 / _WIDTH, 38 / _HEIGHT, 165 / _WIDTH, 7 / _HEIGHT))
    bar: Any = figure.colorbar(times, cax=axes, orientation="horizontal", extend=extend, extendfrac=0.04)
    steps = np.asarray(MaxNLocator(5).tick_values(0.0, end - begin))
    steps = steps[steps <= end - begin]
    bar.solids.set_edgecolor("face")  # no white lines between colours
    bar.set_ticks((begin + steps).tolist(), labels=[f"{value:,g}" for value in steps])
    bar.set_label(f"time of the first pulse − {begin:,.0f} ns (ns)", fontsize=8, labelpad=2)
    axes.tick_params(length=2, pad=2)


def _draw_charges(figure: "Figure", modules: ModuleHits) -> None:
    """Explain the sizes of discs, and rings."""
    from matplotlib.lines import Line2D

    def entry(charge_pe: float) -> "Line2D":
        size = 2 * float(disc_radius(np.array([charge_pe]))[0])
        return Line2D([], [], linestyle="none", marker="o", color="#c8c8c8", markeredgecolor=INK, markeredgewidth=0.25, markersize=size)  # fmt: skip

    charges = legend_charges(modules)
    handles, labels = [entry(charge) for charge in charges], [f"{charge:,g}" for charge in charges]
    if labels:
        labels[-1] += " p.e."
    if modules.auxiliary.any():
        ring = Line2D([], [], linestyle="none", marker="o", fillstyle="none", color=MUTED, markersize=2.2, markeredgewidth=0.35)  # fmt: skip
        handles, labels = [*handles, ring], [*labels, "auxiliary"]
    figure.legend(
        handles, labels, loc="center left", bbox_to_anchor=(190 / _WIDTH, 30 / _HEIGHT), ncols=len(labels),
        handlelength=2.4, handletextpad=0.2, columnspacing=0.7, borderpad=0, title="charge of a module", title_fontsize=8, alignment="left",
    )  # fmt: skip


def _draw_directions(figure: "Figure", marks: tuple[Mark, ...]) -> None:
    handles = [mark.handle() for mark in marks]
    for handle, mark in zip(handles, marks, strict=True):
        handle.set_linestyle(_TRUE_DASH if mark.shape == "x" else "solid")
        handle.set_linewidth(1.1)
        handle.set_markersize(5.5)
    figure.legend(
        handles, [mark.label for mark in marks], loc="upper left", bbox_to_anchor=(_KEYS_LEFT / _WIDTH, 1 - 36 / _HEIGHT),
        borderaxespad=0, borderpad=0, handlelength=2.4, labelspacing=0.5,
    )  # fmt: skip


def _draw_sky(figure: "Figure", display: EventDisplay, marks: tuple[Mark, ...]) -> None:
    """Draw what is around the main direction, or the whole sky where that is too large or there is but one direction."""
    main = next((one for one in display.estimates if one.direction is not None), None)
    sky = _sky(marks, main)
    radius = zoom_deg(sky)
    zoomed = 0.0 < radius <= LARGEST_ZOOM_DEG
    if zoomed:
        draw_zoom(figure.add_axes((390 / _WIDTH, 40 / _HEIGHT, 124 / _WIDTH, 124 / _HEIGHT)), sky, radius)
    else:
        draw_whole(
            figure.add_axes((382 / _WIDTH, 72 / _HEIGHT, 134 / _WIDTH, 68 / _HEIGHT)), sky, labels=True
        )
    caption, top = _sky_caption(main), 170 if zoomed else 148
    figure.text(516 / _WIDTH, top / _HEIGHT, caption, ha="right", va="bottom", fontsize=8)


def _sky(marks: tuple[Mark, ...], main: Estimate | None) -> Sky:
    if main is None or main.direction is None or main.posterior is None:
        direction = marks[0].direction if main is None or main.direction is None else main.direction
        return Sky(np.asarray(direction), DETECTOR, marks)
    samples = main.posterior.sample(_SAMPLES)
    held = main.posterior.log_density(samples) >= main.posterior.contour_level(CONTOURS[-1])[:, None]
    reach = float(np.degrees(opening_angle(samples[held], main.direction)).max(initial=0.0))
    return Sky(np.asarray(main.direction), DETECTOR, marks, main.posterior, reach, _CELLS)


def _sky_caption(main: Estimate | None) -> str:
    if main is None or main.direction is None or main.posterior is None:
        return "sky in detector coordinates"
    sizes = region_sizes(main.posterior.as_mixture(), np.asarray(main.direction)[None], CONTOURS)
    areas = (area_text(float(size.area_sr[0]) * np.degrees(1.0) ** 2) for size in sizes)
    return "contours " + ", ".join(f"{part:.0%}: {area}" for part, area in zip(CONTOURS, areas, strict=True))

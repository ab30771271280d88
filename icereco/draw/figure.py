"""One event as a figure, for notebooks and scripts."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console, ConsoleOptions
from rich.segment import Segment

from icereco.data.catalog import DEFAULT_DETECTOR
from icereco.detector.detector import Detector, detector_names, given_detector, load_detector
from icereco.draw.canvas.camera import Camera
from icereco.draw.canvas.hits import hits_of
from icereco.draw.canvas.scene import frame_of
from icereco.draw.event.state import EventState, Shown
from icereco.draw.event.titles import titles_of
from icereco.draw.export.event import DARK, LIGHT, event_figure
from icereco.draw.export.png import png_of
from icereco.draw.export.save import save_picture
from icereco.draw.export.shapes import shapes_of
from icereco.errors import IcerecoError
from icereco.events.batch import Event
from icereco.events.reconstruction import Estimate
from icereco.reconstruction.methods import Method
from icereco.reconstruction.models import load_model

__all__ = ["EventFigure", "draw_event", "reconstructed"]


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class EventFigure:
    """A picture of an event: in a notebook an image, in a terminal characters (`rich.print` gives them colours).

    Attributes:
        name: what it shows.
        lines: rows of rich segments.
        columns: their width in characters.
        background: colour, 0xRRGGBB.
    """

    name: str
    lines: Sequence[Sequence[Segment]]
    columns: int
    background: int

    def save(self, path: str | Path) -> None:
        """Write it as PNG or SVG, by the file name's suffix.

        Raises:
            IcerecoError: the suffix is neither, or the file cannot be written.
        """
        save_picture(Path(path), self.lines, self.columns, self.background)

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[Segment]:
        for line in self.lines:
            yield from (*line, Segment.line())

    def _repr_png_(self) -> bytes:
        return png_of(shapes_of(self.lines, self.columns, self.background))

    def __str__(self) -> str:
        return "\n".join("".join(segment.text for segment in line) for line in self.lines)

    def __repr__(self) -> str:
        return f"<picture of {self.name}: print it, or save it with .save('event.png')>"


def draw_event(
    event: Event,
    *models: Method | str | Path,
    detector: Detector | str | Path | None = None,
    turn: float | None = None,
    tilt: float | None = None,
    zoom: float = 1.0,
    light: bool = False,
) -> EventFigure:
    """The detector with the event in it, its charge against time, the sky, and the reconstructions by models.

    >>> import icereco
    >>> icereco.draw_event(icereco.simulate(1)[0], "linefit")
    <picture of event 0 of icecube86: print it, or save it with .save('event.png')>

    Args:
        event: such as `events[0]`.
        *models: each from `icereco.load_model`, or what that takes, such as "linefit"; the first is the main one.
        detector: the detector that recorded the event; by default that of a model, or icecube86.
        turn: side to look from in degrees; 0 is from +x, 90 from +y.
        tilt: height to look from in degrees; 90 is from above.
        zoom: above 1 is nearer.
        light: on white, for paper.

    Raises:
        IcerecoError: no such model or detector (with the nearest name), or the event is of another detector.
    """
    fitting, estimates = reconstructed(event, models, detector)
    shown = Shown(0, event.event_id, hits_of(event), event.truth)
    camera = Camera.around(fitting.position_m).zoomed(zoom).looking(turn, tilt)
    state = EventState(frame_of(fitting), camera).showing(shown, estimates)
    background = LIGHT if light else DARK
    lines, columns = event_figure(state, titles_of(state, "", fitting), background)
    return EventFigure(f"event {event.event_id} of {fitting.name}", lines, columns, background)


def reconstructed(
    event: Event, models: Sequence[Method | str | Path], detector: Detector | str | Path | None
) -> tuple[Detector, tuple[Estimate, ...]]:
    """Return the detector that recorded an event, and the estimates of models, with the arguments of `draw_event`."""
    methods = [model if isinstance(model, Method) else load_model(model) for model in models]
    fitting = _detector(event, detector, methods)
    return fitting, tuple(Estimate.of(method.name, method(event.batch)) for method in methods)


def _detector(event: Event, choice: Detector | str | Path | None, methods: Sequence[Method]) -> Detector:
    """The first detector whose sensors have the positions of the event's."""
    default = load_detector(DEFAULT_DETECTOR)
    own = [*(method.detector for method in methods), default]
    for candidate in own if choice is None else [given_detector(choice)]:
        if candidate.has(event.batch.sensor_id, event.batch.position_m):
            return candidate
    raise IcerecoError(
        f"event {event.event_id} is not of {candidate.name}: its sensors are elsewhere; "
        f"name its detector with detector=NAME (known: {', '.join(detector_names())})"
    )

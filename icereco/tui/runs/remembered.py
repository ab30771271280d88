"""The state of the training screen that is remembered: from the screen into a table, and back."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from icereco.draw.canvas.curves import View
from icereco.tui.runs.badges import Badges
from icereco.tui.runs.charted_screen import WEIGHTS
from icereco.tui.runs.run_choice import RunChoice
from icereco.watch.series import AXES

__all__ = ["Remembered", "restore", "state_of"]

_VIEW = ("log_x", "log_y", "tight")


@runtime_checkable
class Remembered(Protocol):
    """The screen, as far as its state is remembered; see `TrainScreen`."""

    axis: str
    view: View
    figures: dict[str, str]
    overlaid: list[Path]
    wanted: str
    badges: Badges

    @property
    def choice(self) -> RunChoice:
        """The runs that are looked at."""
        ...

    def has_class(self, *class_names: str) -> bool:
        """Textual's own."""
        ...

    def set_class(self, add: bool, *class_names: str) -> object:
        """Textual's own."""
        ...


def state_of(screen: Remembered) -> dict[str, Any]:
    """What to remember; runs by their names, so that the folder may be moved."""
    choice, view = screen.choice, screen.view
    return {
        "axis": screen.axis,
        "smoothed": view.weight,
        "figures": dict(screen.figures),
        "overlaid": [path.name for path in choice.overlaid],
        "baseline": choice.baseline.name if choice.baseline else None,
        "filter": choice.wanted,
        "large_log": screen.has_class("-large-log"),
        "badges": dict(screen.badges.given),
    } | {name: getattr(view, name) for name in _VIEW}


def restore(screen: Remembered, state: Mapping[str, Any], runs: Path) -> Path | None:
    """Bring a screen into a remembered state, and return its baseline; what makes no sense, as after an edit by hand, is left out.

    Args:
        screen: before it shows any run.
        state: as `state_of` returned it.
        runs: the folder of the runs.
    """
    if state.get("axis") in AXES:
        screen.axis = state["axis"]
    weight = state.get("smoothed")
    shown = {name: state[name] for name in _VIEW if isinstance(state.get(name), bool)}
    screen.view = replace(screen.view, weight=weight if weight in WEIGHTS else 0.0, **shown)
    screen.figures = _texts(state.get("figures"))
    screen.overlaid = [runs / name for name in _names(state.get("overlaid"))]
    screen.wanted = state["filter"] if isinstance(state.get("filter"), str) else ""
    screen.set_class(state.get("large_log") is True, "-large-log")
    badges = state.get("badges")
    if isinstance(badges, dict):
        known = {name: number for name, number in badges.items() if type(number) is int and number >= 0}
        screen.badges = Badges(known)
    return next((runs / name for name in _names([state.get("baseline")])), None)


def _names(values: Any) -> Iterable[str]:
    """Names of runs, which are no paths."""
    every = values if isinstance(values, list) else []
    return [name for name in every if isinstance(name, str) and Path(name).name == name]


def _texts(values: Any) -> dict[str, str]:
    every = values if isinstance(values, dict) else {}
    return {name: value for name, value in every.items() if isinstance(value, str)}

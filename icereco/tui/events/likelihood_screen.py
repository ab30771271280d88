"""What the event screen asks other processes about the likelihood of the shown event: expected light, and scans of the sky."""

from dataclasses import replace
from typing import Any

import numpy as np

from icereco.draw.event.expected import ExpectedLight
from icereco.draw.event.light_source import NO_DIRECTION, key_of, source_document
from icereco.events.sky_map import SkyMap
from icereco.tui.events.event_body import EventBody
from icereco.tui.events.list_screen import ListScreen
from icereco.tui.events.messages import LightExpected, Scanned
from icereco.watch.likelihood import LightAnswer, LightWorker, ScanAnswer, ScanWorker

__all__ = ["LikelihoodScreen"]

_MOST_KEPT = 64


class LikelihoodScreen(ListScreen):
    """Keeps what was computed of events, so that it is there when they are shown again."""

    def __init__(self) -> None:
        super().__init__()
        self._light = LightWorker(lambda answer: self.post_message(LightExpected(answer)))
        self._scans = ScanWorker(lambda answer: self.post_message(Scanned(answer)))
        self._known: dict[str, LightAnswer] = {}
        self._asked = ""
        self._skies: dict[tuple[object, int], SkyMap] = {}  # by what was read, and event
        self._doing = ""

    @property
    def body(self) -> EventBody:
        """The part of the screen that shows the event."""
        raise NotImplementedError

    def show_titles(self) -> None:
        """Write the titles in the frames."""
        raise NotImplementedError

    def end_processes(self) -> None:
        """End the processes that compute."""
        self._light.close()
        self._scans.cancel()

    def _change(self, **values: Any) -> None:
        self.body.state = replace(self.body.state, **values)

    # Expected light

    def expect_light(self) -> None:
        """Ask for the light of the hypothesis that is looked at, if it is wanted and neither known nor asked for."""
        state = self.body.state
        if state.shown is None or not state.style.expected:
            self._asked = ""
            return
        found = source_document(state)
        name, document = found if found is not None else ("any method", None)
        key = f"{self.session.generation} {name} {key_of(state, document)}"
        waiting = document is not None and key not in self._known
        if key == self._asked and (state.expected is not None or waiting):
            return
        self._asked = key
        if document is None:
            self._show_light(name, LightAnswer(key, problem=NO_DIRECTION))
        elif key in self._known:
            self._show_light(name, self._known[key])
        else:
            self._change(expected=None)
            detector = self.session.detector
            table = self.session.table(state.shown.row)
            self._light.ask(key, str(detector.place or detector.name), document, table)

    def on_light_expected(self, message: LightExpected) -> None:
        """Keep an answer, and show it if it is the one that is waited for."""
        answer = message.answer
        if len(self._known) >= _MOST_KEPT:
            self._known.pop(next(iter(self._known)))
        if answer.problem is None:  # what has failed is asked for again
            self._known[answer.key] = answer
        found = source_document(self.body.state)
        if answer.key == self._asked and found is not None:
            self._show_light(found[0], answer)

    def _show_light(self, name: str, answer: LightAnswer) -> None:
        facts = []
        if answer.fitted:
            missing = " (it gives no place)" if "place" in answer.fitted else ""
            facts = [f"fitted: {', '.join(answer.fitted)}{missing}"]
        electrons = np.zeros(0) if answer.photo_electrons is None else answer.photo_electrons
        self._change(expected=ExpectedLight(name, facts, electrons, answer.problem))

    # Scans

    def action_scan(self) -> None:
        """Scan the likelihood of the shown event over the sky, or stop that; remove a scan that is shown."""
        shown = self.body.state.shown
        if shown is None:
            return
        if self._scans.event_id is not None:
            self._scans.cancel()
            self.notify("stopped", title="scan of the likelihood", timeout=2)
        elif self.body.state.scan is not None:
            self._skies.pop(self._sky_key(shown.event_id), None)
            self._change(scan=None)
        else:
            detector = self.session.detector
            place = str(detector.place or detector.name)
            self._doing = "scan: starting …"
            self._scans.start(shown.event_id, place, self.session.table(shown.row))
            self.notify("in the background; R stops it", title="scan of the likelihood", timeout=3)
        self.show_titles()

    def _sky_key(self, event_id: int) -> tuple[object, int]:
        return self.session.generation, event_id

    def show_scan(self) -> None:
        """Show the scan of the shown event, if there is one; a scan of another event goes on."""
        shown = self.body.state.shown
        if shown is not None:
            self._change(scan=self._skies.get(self._sky_key(shown.event_id)))

    def on_scanned(self, message: Scanned) -> None:
        """Show how far a scan is, its map, or why there is none."""
        answer = message.answer
        self._doing = _words(answer)
        if answer.problem is not None:
            self.complain(f"scan of the likelihood: {answer.problem}")
        elif answer.sky is not None:
            self._skies[self._sky_key(answer.event_id)] = answer.sky
            self.show_scan()
        self.show_titles()

    def titles_of_scan(self, titles: dict[str, tuple[str, str]]) -> dict[str, tuple[str, str]]:
        """The titles of the skies while something is scanned, with how far that is."""
        event_id, shown = self._scans.event_id, self.body.state.shown
        if event_id is None or shown is None:
            return {}
        of = "" if event_id == shown.event_id else f" of event {event_id}"
        words = self._doing.replace("scan", f"scan{of}", 1)
        return {name: (titles[name][0], words) for name in ("sky", "zoom") if name in titles}


def _words(answer: ScanAnswer) -> str:
    part = f" {answer.done / answer.of:.0%}" if answer.of > 1 else " …"
    return f"scan: {answer.doing}{part}"

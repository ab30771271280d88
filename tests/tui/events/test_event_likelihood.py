"""Expected light and scans on the event screen; processes are replaced by answers at once, or none."""

import numpy as np
import pytest
from event_driver import SIZES, play, until

from icereco.draw.event.state import POSTERIORS
from icereco.events.sky_map import SkyMap
from icereco.physics import healpix
from icereco.tui.events import likelihood_screen
from icereco.tui.events.event_view import EventView
from icereco.tui.events.pulse_table import PulseTable
from icereco.tui.events.screen import EventScreen
from icereco.tui.events.waveform import Waveform
from icereco.watch.likelihood import LightAnswer, ScanAnswer


class Light:
    """Answers as a test lets it."""

    asked: list[tuple[str, str, dict]]

    def __init__(self, answered) -> None:
        self.answered, self.asked, self.closed = answered, [], False

    def ask(self, key, detector, source, table) -> None:
        assert table.num_rows == 1
        self.asked.append((key, detector, source))

    def answer(self, number: int = -1, **values) -> None:
        self.answered(LightAnswer(self.asked[number][0], **values))

    def close(self) -> None:
        self.closed = True


class Scans:
    """The same for scans."""

    def __init__(self, answered) -> None:
        self.answered, self.event_id, self.started = answered, None, []

    def start(self, event_id, detector, table) -> None:
        self.event_id = event_id
        self.started.append(event_id)

    def report(self, **values) -> None:
        event_id = self.started[-1]
        if "doing" not in values:
            self.event_id = None
        self.answered(ScanAnswer(event_id, **values))

    def cancel(self) -> None:
        self.event_id = None


@pytest.fixture
def screen(file, tmp_path, detector, monkeypatch):
    monkeypatch.setattr(likelihood_screen, "LightWorker", Light)
    monkeypatch.setattr(likelihood_screen, "ScanWorker", Scans)
    return EventScreen(file, detector=detector, runs=tmp_path / "runs")


def sky() -> SkyMap:
    order, pixel = healpix.whole_sphere(4)
    return SkyMap(order, pixel, 60.0 * healpix.centres(order, pixel)[:, 0], 2.0)


def text(screen: EventScreen) -> str:
    return "\n".join(strip.text for strip in screen._compositor.render_strips())


@pytest.mark.parametrize("size", SIZES)
def test_expected_light_is_asked_for_shown_and_taken_away(screen, size):
    async def act(pilot, screen):
        await pilot.press("X")
        await until(pilot, lambda: bool(screen._light.asked))
        _, detector, source = screen._light.asked[0]
        assert detector == "icecube86"
        assert source["kind"] == "track"
        assert source["place_m"] is None
        await until(pilot, lambda: "expected light: computing" in text(screen))
        screen._light.answer(photo_electrons=np.full(5160, 2.0), fitted=("place", "time"))
        await until(pilot, lambda: screen.body.state.expected is not None)
        await pilot.pause()
        assert "expected of linefit: 10.3k p.e." in text(screen)
        table = screen.query_one(PulseTable)
        assert [column.title for column in table._columns][:4] == ["t [ns]", "p.e.", "exp.", "DOM"]
        await pilot.press("X")
        await pilot.pause()
        assert "expected" not in text(screen)
        assert len(table._columns) == 5

    play(screen, act, size)


def test_each_event_is_asked_for_once_and_late_answers_are_kept(screen):
    async def act(pilot, screen):
        await pilot.press("X")
        await until(pilot, lambda: len(screen._light.asked) == 1)
        await pilot.press("n")
        await until(pilot, lambda: len(screen._light.asked) == 2)
        screen._light.answer(0, photo_electrons=np.ones(5160))
        await pilot.pause()
        assert screen.body.state.expected is None  # it is of the event before
        screen._light.answer(1, problem="there is no light")
        await until(pilot, lambda: "no expected light of linefit: there is no light" in text(screen))
        await pilot.press("p")
        await until(pilot, lambda: screen.body.state.expected is not None)
        assert screen.body.state.expected.photo_electrons.sum() == 5160
        assert len(screen._light.asked) == 2

    play(screen, act)


def test_events_that_are_read_again_get_their_light_again(screen):
    async def act(pilot, screen):
        await pilot.press("X")
        await until(pilot, lambda: len(screen._light.asked) == 1)
        screen._light.answer(photo_electrons=np.ones(5160))
        await until(pilot, lambda: screen.body.state.expected is not None)
        screen.show_row(screen.body.state.shown.row)
        await until(pilot, lambda: screen.body.state.expected is not None)
        assert len(screen._light.asked) == 1
        screen.open(screen.session.opened.data.path)  # whatever is in the file now
        await until(pilot, lambda: len(screen._light.asked) == 2)

    play(screen, act)


def test_colours_go_from_light_to_time_to_residual(screen):
    async def act(pilot, screen):
        seen = []
        for key in ("X", "C", "C", "C"):
            await pilot.press(key)
            await pilot.pause()
            seen.append(screen.body.state.style.color_by)
        assert seen == ["light", "time", "residual", "light"]
        await pilot.press("X", "C", "C")
        await pilot.pause()
        assert screen.body.state.style.color_by == "time"

    play(screen, act)


def test_turning_with_expected_light_asks_nothing_again(screen):
    async def act(pilot, screen):
        await pilot.press("X")
        await until(pilot, lambda: len(screen._light.asked) == 1)
        screen._light.answer(photo_electrons=np.ones(5160))
        await until(pilot, lambda: screen.body.state.expected is not None)
        await pilot.press("left", "up", "j", "c", "plus")
        await pilot.pause()
        assert len(screen._light.asked) == 1

    play(screen, act)


def test_a_scan_shows_how_far_it_is_and_stays_with_its_event(screen):
    async def act(pilot, screen):
        first = screen.body.state.shown.event_id
        await pilot.press("R")
        await pilot.pause()
        assert screen._scans.started == [first]
        screen._scans.report(doing="nside 8", done=192, of=768)
        await until(pilot, lambda: "scan: nside 8 25%" in text(screen))
        await pilot.press("n")
        await until(pilot, lambda: f"scan of event {first}: nside 8" in text(screen))
        screen._scans.report(sky=sky())
        await pilot.pause()
        assert screen.body.state.scan is None
        await pilot.press("p")
        await until(pilot, lambda: screen.body.state.scan is not None)
        await pilot.pause()
        assert "* scan" in text(screen)
        await pilot.press("R")
        await pilot.pause()
        assert screen.body.state.scan is None
        assert screen._scans.started == [first]

    play(screen, act)


def test_a_scan_can_be_stopped_and_its_failure_is_shown(screen):
    async def act(pilot, screen):
        await pilot.press("R")
        await pilot.press("R")
        await pilot.pause()
        assert screen._scans.event_id is None
        assert "scan:" not in text(screen)
        await pilot.press("R")
        screen._scans.report(problem="the event cannot be fitted")
        await until(pilot, lambda: "the event cannot be fitted" in text(screen))

    play(screen, act)


def test_contours_of_all_of_one_or_of_none(screen):
    async def act(pilot, screen):
        seen = []
        for _ in POSTERIORS:
            await pilot.press("A")
            await pilot.pause()
            seen.append(screen.body.state.style.posteriors)
        assert seen == ["main", "none", "all"]

    play(screen, act)


@pytest.mark.parametrize("size", SIZES)
def test_modules_are_kept_beside_each_other_and_forgotten(screen, size):
    async def act(pilot, screen):
        await pilot.press("h", "h", "M")
        await pilot.pause()
        assert screen.body.state.kept == ()
        await pilot.press("j", "M", "j", "M", "j")
        await pilot.pause()
        assert len(screen.body.state.doms) == 3
        waveform = screen.query_one(Waveform)
        assert "3 modules" in str(waveform.border_subtitle)
        assert screen.region.contains_region(waveform.region)
        await pilot.press("k", "M")
        await pilot.pause()
        assert len(screen.body.state.kept) == 1
        await pilot.press("Z")
        await pilot.pause()
        assert len(screen.body.state.doms) == 1
        assert waveform.region.height in (0, 8)

    play(screen, act, size)


def test_a_click_with_ctrl_adds_a_module(screen):
    async def act(pilot, screen):
        await pilot.press("j")
        await pilot.pause()
        first = screen.body.state.picked
        view = screen.query_one(EventView)
        cells = [(x, y) for y in range(view.content_size.height) for x in range(view.content_size.width)]
        cell = next(cell for cell in cells if view.dom_at(*cell) not in (None, first))
        offset = (cell[0] + view.gutter.left, cell[1] + view.gutter.top)
        await pilot.click(view, offset=offset, control=True)
        await pilot.pause()
        assert screen.body.state.kept == (first,)
        assert screen.body.state.picked == view.dom_at(*cell)
        await pilot.click(view, offset=offset)
        await pilot.pause()
        assert screen.body.state.kept == (first,)

    play(screen, act)


def test_processes_end_with_the_screen(screen):
    async def act(pilot, screen):
        await pilot.press("R")

    play(screen, act)
    assert screen._light.closed
    assert screen._scans.event_id is None

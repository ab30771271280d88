"""Movies of an event: which states they show, and how they are written."""

import numpy as np
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner
from PIL import Image

from icereco.cli import main
from icereco.draw.canvas.camera import Camera
from icereco.draw.canvas.hits import hits_of
from icereco.draw.canvas.scene import frame_of
from icereco.draw.event.state import EventState, Shown
from icereco.draw.export.movie import MOTIONS, require_movie, save_movie, states_of
from icereco.errors import IcerecoError
from icereco.tables.assembly import event_batch
from icereco.tables.columns import one_batch
from icereco.testing.random_events import random_events


@pytest.fixture
def state(detector):
    event = event_batch(one_batch(random_events(np.array([80]), seed=3)), detector)[0]
    start = EventState(frame_of(detector), Camera.around(detector.position_m))
    return start.showing(Shown(0, 1, hits_of(event)), ())


@pytest.mark.parametrize("motion", MOTIONS)
def test_a_movie_runs_through_the_event_turns_once_or_does_both(state, motion):
    states = list(states_of(state, motion, 2.0))
    moments = [shown.time_ns for shown in states]
    yaws = np.unwrap([shown.camera.yaw for shown in states])
    if motion == "spin":
        assert set(moments) == {None}
    else:
        played = [moment for moment in moments if moment is not None]
        assert played[0] == state.window_ns[0]
        assert played == sorted(played)
        assert moments[len(played) :] == [None] * (len(states) - len(played))
        assert moments[-1] is None
    turned = 0.0 if motion == "play" else 2 * np.pi * (1 - 1 / len(states))
    assert yaws[-1] - yaws[0] == pytest.approx(turned)


def test_a_gif_has_all_pictures_in_their_colors(state, tmp_path):
    shades = iter(range(0, 250, 10))

    def picture(_state: EventState) -> Image.Image:
        return Image.new("RGB", (20, 10), (next(shades), 90, 200))

    save_movie(tmp_path / "event.gif", states_of(state, "spin", 1.0), picture)
    with Image.open(tmp_path / "event.gif") as movie:
        assert (movie.n_frames, movie.size, movie.info["loop"]) == (10, (20, 10), 0)
        for number in (0, 9):
            movie.seek(number)
            assert movie.convert("RGB").getpixel((5, 5)) == (10 * number, 90, 200)


@pytest.mark.parametrize(("name", "words"), [("a.giff", "did you mean '.gif'"), ("a", "without suffix"), ("a.mp4", "ffmpeg")])  # fmt: skip
def test_a_movie_that_cannot_be_written_is_refused(name, words, tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(IcerecoError, match=words):
        require_movie(tmp_path / name)


def test_view_refuses_a_run_that_is_not_there(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    table = random_events(np.array([60]), seed=6)
    pq.write_table(table, "events.parquet")
    event = str(table["event_id"][0].as_py())
    result = CliRunner().invoke(main, ["view", "events.parquet", event, "--run", "fest"])
    assert result.exit_code == 2
    assert "did you mean 'fast'?" in result.output

"""How the detector is looked at: near its hits, without perspective, with its axes, and which of its modules are shown."""

from dataclasses import replace

import numpy as np
import pytest

from icereco.draw.canvas.bearings import draw_bearings
from icereco.draw.canvas.braille import Canvas
from icereco.draw.canvas.camera import Camera
from icereco.draw.canvas.colormap import COLORMAPS
from icereco.draw.canvas.hits import hits_of
from icereco.draw.canvas.palette import palette_on
from icereco.draw.canvas.scene import GRIDS, Look, Scene, draw_scene, frame_of
from icereco.draw.event.state import EventState, Shown
from icereco.tables.assembly import event_batch
from icereco.testing.random_events import random_events

PALETTE = palette_on(0x0B0E14)
SIZE = (70, 22)


@pytest.fixture
def camera(detector):
    return Camera.around(detector.position_m)


def event_of(columns, detector):
    """The hits of an event with these columns."""
    table = random_events(np.array([len(columns["sensor_id"])]), seed=3)
    for name, values in columns.items():
        table = table.set_column(table.schema.get_field_index(name), name, [[values]])
    return hits_of(event_batch(table, detector)[0])


def on_string(detector, string: int):
    """An event with a pulse in every module of a string."""
    sensors = np.flatnonzero(detector.string == string).tolist()
    return event_of({"sensor_id": sensors, "auxiliary": [False] * len(sensors)}, detector)


def test_a_camera_near_some_modules_sees_them_large_and_the_detector_in_front_of_it(detector, camera):
    near = detector.position_m[detector.string == 36]
    focused = camera.turned(1.0, 0.3).focused(near)
    width, height = 140, 88
    seen = focused.project(near, width, height)
    assert (seen.x > 0).all()
    assert (seen.x < width).all()
    assert (seen.y > 0).all()
    assert (seen.y < height).all()
    assert np.ptp(seen.y) > 0.6 * height
    assert np.isfinite(focused.project(detector.position_m, width, height).x).all()
    assert (focused.yaw, focused.pitch) == (camera.turned(1.0, 0.3).yaw, camera.turned(1.0, 0.3).pitch)


def test_a_single_module_is_shown_among_its_neighbours(detector, camera):
    focused = camera.focused(detector.position_m[1000:1001])
    seen = focused.project(detector.position_m, 140, 88)
    assert ((seen.x > 0) & (seen.x < 140) & (seen.y > 0) & (seen.y < 88)).sum() > 10


def test_without_perspective_lengths_are_the_same_at_any_distance(camera):
    points = np.array([[-300.0, 0.0, 0.0], [300.0, 0.0, 0.0]])
    parallel = replace(camera.seen_from("x"), parallel=True).project(points, 140, 88)
    assert parallel.scale[0] == parallel.scale[1]
    assert (parallel.x[0], parallel.y[0]) == pytest.approx((parallel.x[1], parallel.y[1]))
    perspective = camera.seen_from("x").project(points, 140, 88)
    assert perspective.scale[1] > perspective.scale[0]


def letters(camera: Camera, size: tuple[int, int] = SIZE) -> dict[str, tuple[int, int]]:
    canvas = Canvas(*size)
    draw_bearings(canvas, camera, PALETTE, 0)
    lines = canvas.cells().lines()
    return {name: (line.index(name), row) for name in "xyz" for row, line in enumerate(lines) if name in line}


def test_the_axes_have_names_where_they_point(camera):
    side, above = letters(camera.seen_from("y")), letters(camera.seen_from("z"))
    assert side.keys() == {"x", "z"}  # y points away from the eye
    assert side["z"][1] < side["x"][1]
    assert side["x"][0] > side["z"][0]
    assert above.keys() == {"x", "y"}
    assert above["y"][1] < above["x"][1]


@pytest.mark.parametrize("yaw", np.linspace(0, 6, 9).tolist())
def test_names_of_axes_are_not_beside_each_other(camera, yaw):
    places = list(letters(replace(camera, yaw=yaw, pitch=0.1)).values())
    assert len(places) > 1
    for number, (column, row) in enumerate(places):
        assert not any(row == line and abs(column - other) < 2 for other, line in places[:number])


@pytest.mark.parametrize("zoom", [1.0, 7.0])
def test_the_scale_bar_is_as_long_as_it_says(camera, zoom):
    canvas, camera = Canvas(*SIZE), camera.zoomed(zoom)
    draw_bearings(canvas, camera, PALETTE, 0)
    last = canvas.cells().lines()[-1]
    (length_m,) = [float(word) for word in last.split() if word.isdigit()]
    right = replace(camera, parallel=True)
    ends = np.stack([np.zeros(3), length_m * np.array([-np.sin(camera.yaw), np.cos(camera.yaw), 0.0])])
    seen = right.project(ends + camera.center_m, canvas.width, canvas.height, canvas.marker.dot_aspect)
    bar = [column for column, letter in enumerate(last) if 0x2800 < ord(letter) < 0x2900]
    assert (bar[-1] - bar[0]) * canvas.marker.across == pytest.approx(seen.x[1] - seen.x[0], abs=4)


def test_a_small_picture_has_no_axes(camera):
    assert not letters(camera, (25, 6))


def modules_drawn(detector, hits, grid: str, size: tuple[int, int]) -> dict[str, int]:
    """How many cells have the colours of modules without hits."""
    canvas = Canvas(*size)
    scene = Scene(frame_of(detector), hits, hits.until(None))
    look = Look(COLORMAPS["ember"], hits.colors_ns, labels=False, grid=grid)
    draw_scene(canvas, scene, Camera.around(detector.position_m), look, PALETTE)
    color = canvas.cells().foreground.ravel().tolist()
    return {name: color.count(getattr(PALETTE, name)) for name in ("near", "far", "ghost")}


def test_where_modules_are_dense_those_of_strings_without_hits_are_hardly_visible(detector):
    hits = on_string(detector, 36)
    dense = modules_drawn(detector, hits, "automatic", SIZE)
    assert dense["near"] == 0
    assert dense["ghost"] > 100
    assert modules_drawn(detector, hits, "automatic", (400, 120))["near"] > 100


def test_the_modules_that_are_shown_can_be_chosen(detector):
    hits = on_string(detector, 36)
    shown = {grid: modules_drawn(detector, hits, grid, SIZE) for grid in GRIDS}
    assert shown["all"]["near"] > 100
    assert shown["hit strings"]["ghost"] == shown["hit strings"]["near"] == 0
    assert shown["none"]["near"] == shown["none"]["ghost"] == 0


def test_the_light_of_an_event_is_found_among_noise(detector):
    string = np.flatnonzero(detector.string == 36)
    sensors = [*string.tolist(), 0, 5159]
    columns = {
        "sensor_id": sensors,
        "time": [*np.linspace(9_000, 9_400, len(string)).tolist(), 1.0, 99_000.0],
        "charge": [1.0] * len(sensors),
        "auxiliary": [False] * len(sensors),
    }
    hits = event_of(columns, detector)
    state = EventState(frame_of(detector), Camera.around(detector.position_m)).showing(Shown(0, 1, hits), ())
    near = {tuple(place) for place in detector.position_m[string].astype(float).tolist()}
    assert {tuple(place) for place in state.light_m.tolist()} < near
    assert len(state.light_m) > 0.8 * len(string)

"""Colours, axes, cameras, skies, hits, scenes and charts."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from icereco.draw.canvas.bins import Points
from icereco.draw.canvas.braille import Canvas
from icereco.draw.canvas.camera import Camera
from icereco.draw.canvas.colormap import COLORMAPS, blended, heat, luminance, readable
from icereco.draw.canvas.curves import GUTTER, Curve, Ink, Level, Sign, View, draw
from icereco.draw.canvas.hits import hits_of
from icereco.draw.canvas.lines import Line
from icereco.draw.canvas.palette import palette_on
from icereco.draw.canvas.scale import by_weight, compact, placed, span_of, ticks
from icereco.draw.canvas.scene import Look, Scene, draw_scene, frame_of, nearest_dom
from icereco.draw.canvas.sky import AllSky, Zoom, ring
from icereco.physics.sphere import direction_from_angles, opening_angle
from icereco.physics.vmf import probability_inside, radius_holding
from icereco.tables.assembly import event_batch
from icereco.testing.random_events import random_events

DARK, LIGHT = 0x0B0E14, 0xFFFFFF
SIZE = (60, 24)

angles = st.tuples(st.floats(0, 6.28), st.floats(1e-3, np.pi - 1e-3))


def contrast(color, background):
    over, under = float(luminance(color)) + 0.05, float(luminance(background)) + 0.05
    return max(over, under) / min(over, under)


@pytest.mark.parametrize("name", COLORMAPS)
@pytest.mark.parametrize("background", [DARK, LIGHT, 0x000000])
def test_every_color_of_every_map_is_visible_on_any_background(name, background):
    colors = COLORMAPS[name].table(background)
    assert min(contrast(color, background) for color in colors.tolist()) >= 2.9
    assert len(set(colors.tolist())) > 8


@pytest.mark.parametrize("name", ["viridis", "cividis", "gray"])
def test_brightness_increases_along_maps_that_can_be_read_without_color(name):
    assert (np.diff(luminance(COLORMAPS[name].table(DARK))) > -0.01).all()


def test_numbers_out_of_range_have_the_color_of_the_nearer_end_and_nan_the_first():
    colormap = COLORMAPS["ember"]
    low, high = colormap.table(DARK)[[0, -1]]
    assert colormap(np.array([-5.0, np.nan, 0.0, 1.0, 9.0]), DARK).tolist() == [low, low, low, high, high]


def test_fewer_steps_are_fewer_colors_with_the_same_ends():
    colors = COLORMAPS["ember"](np.linspace(0, 1, 500), DARK, 8)
    assert len(set(colors.tolist())) == 8
    assert {colors[0], colors[-1]} == set(COLORMAPS["ember"].table(DARK)[[0, -1]].tolist())


def test_a_density_of_zero_has_the_color_of_the_background():
    assert heat(np.array([0.0]), LIGHT).tolist() == [LIGHT]
    assert contrast(int(heat(np.array([1.0]), DARK)[0]), DARK) > 10


def test_a_readable_color_is_not_changed():
    assert int(readable(0xFFFFFF, DARK)) == 0xFFFFFF
    assert int(blended(0xFFFFFF, 0x000000, 0.5)) in (0x7F7F7F, 0x808080)


@given(st.floats(-1e6, 1e6), st.floats(1e-3, 1e6), st.integers(1, 12))
def test_marks_are_few_and_within_the_axis(low, width, count):
    marks = ticks(low, low + width, count)
    assert len(marks) <= count
    assert all(low - 1e-6 * width <= mark <= low + width * (1 + 1e-6) for mark in marks)


def test_places_and_short_numbers():
    assert placed([0, 5, 10], 0, 10, 11).tolist() == [0, 5, 10]
    assert placed([1, 10, 100, 0], 1, 100, 3, log=True).tolist()[:3] == [0, 1, 2]
    assert span_of([np.nan]) == (0.0, 1.0)
    assert [compact(value) for value in (-1234.0, 1e-9, np.nan, 5e16)] == [
        "-1.23k",
        "1.00e-09",
        "–",
        "5.00e+16",
    ]


def test_the_whole_detector_is_visible_from_every_side(detector):
    camera = Camera.around(detector.position_m)
    for yaw in np.linspace(0, 6, 7):
        for pitch in (-1.5, 0.0, 0.8):
            seen = camera.turned(yaw, pitch).project(detector.position_m, 200, 120)
            inside = (seen.x >= 0) & (seen.x < 200) & (seen.y >= 0) & (seen.y < 120)
            assert inside.mean() > 0.97


def test_z_points_up_and_from_above_x_points_to_the_right():
    camera = Camera((0.0, 0.0, 0.0), 100.0)
    points = np.array([[0, 0, 0], [0, 0, 50], [50, 0, 0], [0, 50, 0]], dtype=float)
    side = camera.seen_from("x").project(points, 100, 100)
    assert side.y[1] < side.y[0]
    assert side.scale[2] > side.scale[0]  # x points towards the eye
    above = camera.seen_from("z").project(points, 100, 100)
    assert above.x[2] > above.x[0]
    assert above.y[3] < above.y[0]


@given(st.floats(-7, 7), st.floats(-4, 4), st.floats(0.3, 50))
def test_turning_moving_and_zooming_keep_numbers_finite(yaw, pitch, zoom):
    camera = Camera((0.0, 0.0, 0.0), 100.0).turned(yaw, pitch).zoomed(zoom).panned(0.3, -0.2)
    seen = camera.project(np.random.default_rng(0).uniform(-90, 90, (50, 3)), 80, 60, 2.0)
    assert np.isfinite(seen.x[np.isfinite(seen.scale)]).all()
    assert ((seen.depth >= 0) & (seen.depth <= 1)).all()


def test_points_behind_the_eye_are_not_projected():
    camera = Camera((0.0, 0.0, 0.0), 1.0).seen_from("x")
    assert np.isnan(camera.project(np.array([[100.0, 0, 0]]), 80, 60).x).all()


@given(angles)
def test_both_skies_invert_their_projection(place):
    direction = direction_from_angles(*map(np.array, place))
    for sky in (
        AllSky(160, 80),
        Zoom(direction_from_angles(np.array(1.0), np.array(1.2)), 1.5, 160, 80, 2.0),
    ):
        x, y = sky.place(direction[None])
        assert opening_angle(sky.directions(x, y)[0], direction) < 1e-6


def test_the_sky_has_its_pole_on_top_and_azimuth_grows_to_the_left():
    sky = AllSky(200, 100)
    up, middle, left = (
        sky.place(direction_from_angles(np.array([a]), np.array([z])))
        for a, z in ((0.0, 0.01), (0.0, 1.57), (1.0, 1.57))
    )
    assert up[1] < 5
    assert middle[0] == pytest.approx(100)
    assert left[0] < 100
    assert np.isnan(sky.directions(np.array([0.5]), np.array([0.5]))).all()


@pytest.mark.parametrize("kappa", [0.0, 0.3, 5.0, 1e3, 1e9])
@pytest.mark.parametrize("probability", [0.5, 0.9])
def test_a_contour_contains_its_probability(kappa, probability):
    angle = radius_holding(probability, np.array([kappa]))
    assert probability_inside(angle, np.array([kappa]))[0] == pytest.approx(probability, abs=1e-6)


@given(angles, st.floats(0.001, 3.1))
def test_a_ring_is_at_its_angle(place, angle):
    mean = direction_from_angles(*map(np.array, place))
    assert opening_angle(ring(mean, angle), mean) == pytest.approx(angle, abs=1e-6)


def event_of(pulses, detector, **columns):
    table = random_events(np.array([pulses]), seed=3)
    for name, values in columns.items():
        table = table.set_column(table.schema.get_field_index(name), name, [values])
    return event_batch(table, detector)[0]


def test_hits_are_summed_until_a_moment(detector):
    hits = hits_of(event_of(400, detector))
    first, last = hits.span_ns
    assert hits.until(None).charge_pe.sum() == pytest.approx(hits.counted_pe.sum())
    assert hits.until(first - 1).charge_pe.sum() == 0
    assert not np.isfinite(hits.until(first - 1).first_ns).any()
    half = hits.until((first + last) / 2)
    assert 0 < half.charge_pe.sum() < hits.counted_pe.sum()
    assert first <= hits.colors_ns[0] < hits.colors_ns[1] <= last


def test_auxiliary_pulses_count_only_where_a_module_has_no_others(detector):
    columns = {
        "sensor_id": [[7, 7, 7, 9, 9]],
        "time": [[10.0, 500.0, 600.0, 30.0, 700.0]],
        "charge": [[1.0, 2.0, 4.0, 8.0, 16.0]],
        "auxiliary": [[True, False, False, True, True]],
    }
    hits = hits_of(event_of(5, detector, **columns))
    assert hits.until(None).first_ns.tolist() == [500.0, 30.0]
    assert hits.until(None).charge_pe.tolist() == [6.0, 24.0]
    assert hits.until(550.0).charge_pe.tolist() == [2.0, 8.0]
    assert hits.until(20.0).first_ns.tolist() == [np.inf, np.inf]


def test_an_event_without_pulses_has_empty_hits(detector):
    hits = hits_of(event_of(0, detector))
    assert hits.span_ns == (0.0, 1.0)
    assert hits.center_m.tolist() == [0, 0, 0]
    assert len(hits.until(5.0).charge_pe) == 0


def test_times_and_charges_that_are_not_finite_do_not_spread(detector):
    hits = hits_of(event_of(3, detector, time=[[np.nan, 1.0, 2.0]], charge=[[np.inf, np.nan, -1.0]]))
    assert np.isfinite(hits.time_ns).all()
    assert (hits.charge_pe >= 0).all()
    assert np.isfinite(hits.center_m).all()


def drawn(detector, hits, *, moment=None, look=None, lines=(), picked=(), marker="braille", zoom=1.0):
    canvas = Canvas(*SIZE, marker)
    look = look or Look(COLORMAPS["ember"], hits.colors_ns)
    scene = Scene(frame_of(detector), hits, hits.until(moment), lines, picked)
    draw_scene(canvas, scene, Camera.around(detector.position_m).zoomed(zoom), look, palette_on(DARK))
    return canvas.cells()


def test_hits_have_the_colors_of_their_times_and_appear_at_them(detector):
    hits = hits_of(event_of(400, detector))
    ember = set(COLORMAPS["ember"].table(DARK).tolist())

    def colored(cells):
        return sum(color in ember for color in cells.foreground.ravel().tolist())

    before, half, after = (drawn(detector, hits, moment=m) for m in (0.0, np.median(hits.time_ns), None))
    assert colored(before) == 0
    assert 0 < colored(half) <= colored(after)


def test_auxiliary_hits_are_hollow_and_can_be_left_out(detector):
    event = event_of(1, detector, auxiliary=[[True]], charge=[[500.0]])
    look = Look(COLORMAPS["ember"], hits_of(event).colors_ns)
    ember = set(COLORMAPS["ember"].table(DARK).tolist())

    def dots(cells):
        lit = [
            chr(c)
            for c, f in zip(cells.character.ravel(), cells.foreground.ravel(), strict=True)
            if int(f) in ember
        ]
        return sum((ord(character) - 0x2800).bit_count() for character in lit)

    hollow = dots(drawn(detector, hits_of(event), look=look))
    filled = dots(
        drawn(detector, hits_of(event_of(1, detector, auxiliary=[[False]], charge=[[500.0]])), look=look)
    )
    hidden = drawn(detector, hits_of(event), look=replace(look, auxiliary=False))
    noise = drawn(detector, hits_of(event), look=replace(look, colors_ns=(1e6, 2e6)))
    assert 0 < hollow < filled
    assert dots(hidden) == dots(noise) == 0  # what is far from the times in the colours is grey


def test_discs_grow_with_charge_and_with_the_zoom(detector):
    ember = set(COLORMAPS["ember"].table(DARK).tolist())

    def cells_of(charge, zoom=1.0):
        event = event_of(1, detector, charge=[[charge]], auxiliary=[[False]], sensor_id=[[2800]])
        cells = drawn(detector, hits_of(event), zoom=zoom)
        return sum(int(color) in ember for color in cells.foreground.ravel())

    assert cells_of(0.5) <= cells_of(100.0) < cells_of(10_000.0) < cells_of(10_000.0, zoom=2.0)


def test_names_of_lines_do_not_overlap(detector):
    hits = hits_of(event_of(50, detector))
    direction = np.array([0.6, 0.0, 0.8])
    lines = [
        Line(name, direction, hits.center_m, 0xFFFFFF, cone=0.1)
        for name in ("first", "second", "a very long name indeed")
    ]
    text = drawn(detector, hits, lines=lines).lines()
    for name in ("first", "second", "a very l… indeed"):
        assert sum(name in line for line in text) == 1


@pytest.mark.parametrize("marker", ["braille", "quadrant", "block", "ascii"])
def test_all_sensors_hit_at_once_can_be_drawn(detector, marker):
    event = event_of(5160, detector, sensor_id=[np.arange(5160).tolist()])
    cells = drawn(detector, hits_of(event), marker=marker, picked=(7,))
    assert cells.character.shape == (SIZE[1], SIZE[0])
    if marker == "ascii":
        assert cells.character.max() < 127


def test_the_nearest_hit_is_found_where_it_is_drawn(detector):
    hits = hits_of(event_of(60, detector))
    camera, canvas = Camera.around(detector.position_m), Canvas(*SIZE)
    seen = camera.project(hits.position_m, canvas.width, canvas.height)
    every = np.arange(len(hits.sensor_id))
    for dom in every[:10]:
        nearest = nearest_dom(hits, every, camera, canvas, seen.x[dom], seen.y[dom], 4.0)
        assert np.hypot(seen.x[nearest] - seen.x[dom], seen.y[nearest] - seen.y[dom]) < 1e-6
    assert nearest_dom(hits, every, camera, canvas, -500.0, -500.0, 4.0) is None
    assert nearest_dom(hits, every[:0], camera, canvas, 5.0, 5.0, 4.0) is None


def test_labels_of_an_axis_are_distinct_however_near_its_marks_are():
    steps = np.arange(50)
    points = Points(steps.astype(float), steps, np.linspace(2.5281, 2.5312, 50))
    plot = draw([Curve("loss", points, 1)], View(0, 50), (40, 12), Ink(1, 2, 3), "braille", "step")
    marks = [
        "".join(segment.text for segment in row)[: GUTTER - 1].strip() for row in plot.canvas.segments(0)[:-1]
    ]
    marks = [mark for mark in marks if mark]
    assert len(set(marks)) == len(marks) >= 3


@given(st.floats(0.5, 1e4), st.floats(1.5, 1e5), st.integers(27, 140))
def test_a_logarithmic_axis_has_labels_at_any_width_of_a_chart(low, ratio, columns):
    steps = np.geomspace(low, low * ratio, 30)
    curve = Curve("loss", Points(steps, np.arange(30, dtype=np.int32), np.linspace(3, 1, 30)), 0xFFFFFF)
    view = View(low, low * ratio, log_x=True)
    canvas = draw([curve], view, (columns, 9), Ink(1, 2, 3), "braille", "step").canvas
    labels = "".join(map(chr, canvas.cells().character[-1])).split()
    assert labels[-1] == "step"
    assert len(labels) > (2 if len(by_weight(low, low * ratio)) > 3 and columns > 40 else 1)


def colors_of(time_ns: np.ndarray, charge_pe: np.ndarray, detector) -> tuple[float, float]:
    import pyarrow as pa

    table = random_events(np.array([len(time_ns)]), seed=1)
    for name, values in (
        ("time", time_ns),
        ("charge", charge_pe),
        ("auxiliary", np.zeros(len(time_ns), bool)),
    ):
        place = table.schema.get_field_index(name)
        table = table.set_column(
            place, table.schema.field(place), pa.array([values], table.schema.field(place).type)
        )
    return hits_of(event_batch(table.to_batches()[0], detector)[0]).colors_ns


def test_few_late_pulses_do_not_use_up_the_colours(detector):
    muon, late = np.linspace(0, 3000, 95), np.linspace(4000, 90_000, 5)
    low, high = colors_of(np.concatenate([muon, late]), np.ones(100), detector)
    assert low < 300
    assert 2700 < high < 5000


def test_light_that_comes_evenly_has_all_the_colours(detector):
    low, high = colors_of(np.linspace(0, 1000, 200), np.ones(200), detector)
    assert low < 30
    assert high > 970


@pytest.mark.parametrize("background", [0x000000, LIGHT])
def test_with_16_colours_the_order_of_times_can_be_seen(background):
    from rich.color import Color, ColorSystem

    colors = COLORMAPS["sixteen"](np.linspace(0, 1, 60), background)
    shown = [Color.parse(f"#{color:06x}").downgrade(ColorSystem.STANDARD).number for color in colors.tolist()]
    runs = [number for place, number in enumerate(shown) if not place or shown[place - 1] != number]
    assert len(runs) == len(set(runs)) == 5


@pytest.mark.parametrize("background", [DARK, LIGHT])
def test_without_colours_hits_are_stronger_than_modules_without_hits(background):
    palette = palette_on(background)
    weakest = min(contrast(color, background) for color in COLORMAPS["gray"].table(background).tolist())
    assert weakest > 1.3 * contrast(palette.near, background)


def test_a_name_is_at_the_visible_end_of_its_line(detector):
    frame = frame_of(detector)
    for yaw in np.linspace(0, 6, 13):
        canvas = Canvas(*SIZE)
        camera = Camera.around(detector.position_m).zoomed(3.0).turned(float(yaw), 0)
        line = Line("here", direction_from_angles(np.array(0.3), np.array(1.1)), np.zeros(3), 0x123456)
        look = Look(COLORMAPS["ember"], (0.0, 1.0))
        draw_scene(canvas, Scene(frame, lines=[line]), camera, look, palette_on(DARK))
        cells = canvas.cells()
        (row, column), *_ = [
            (row, "".join(map(chr, text)).find("here"))
            for row, text in enumerate(cells.character)
            if "here" in "".join(map(chr, text))
        ]
        own = np.argwhere((cells.foreground & 0xFFFFFF == 0x123456) & (cells.character >= 0x2800))
        away = np.maximum(np.abs(own[:, 0] - row), np.abs(own[:, 1] - np.clip(own[:, 1], column, column + 3)))
        assert away.min() <= 2


def rows_of(canvas: Canvas) -> list[str]:
    return ["".join(map(chr, row)) for row in canvas.cells().character]


def falling(mark: str = "") -> Curve:
    x = np.arange(0.0, 101.0)
    return Curve("loss", Points(x, np.arange(101, dtype=np.int32), 20.0 - x / 10), 1, mark=mark)


def test_a_level_near_the_curves_is_a_dashed_line_with_its_name_and_widens_the_range():
    levels = [Level("linefit", 8.0, 5)]
    plot = draw([falling()], View(0, 100), (40, 12), Ink(1, 2, 3), "braille", "step", levels)
    cells = plot.canvas.cells()
    (row,) = {*np.flatnonzero((cells.foreground == 5).sum(axis=1) > 12)}
    assert row == 10  # the last above the numbers of the axis
    assert "linefit" in rows_of(plot.canvas)[row - 1]
    dashed = cells.foreground[row, GUTTER:] == 5
    assert 0.4 < dashed.mean() < 1.0


def test_levels_far_from_the_curves_are_written_at_the_edge_with_their_numbers():
    levels = [Level("linefit", 90.0, 5), Level("linefit", 95.0, 6), Level("linefit", -50.0, 7)]
    rows = rows_of(draw([falling()], View(0, 100), (40, 12), Ink(1, 2, 3), "braille", "step", levels).canvas)
    assert rows[1].endswith("linefit 90 ▴")
    assert rows[2].endswith("linefit 95 ▴")
    assert rows[10].endswith("linefit -50 ▾")


@pytest.mark.parametrize(
    ("place", "column"), [(0.0, GUTTER), (50.0, GUTTER + 16), (100.0, 39), (101.0, None)]
)
def test_a_sign_is_above_its_place(place, column):
    signs = [Sign(place, "★", 9)]
    rows = rows_of(
        draw([falling()], View(0, 100), (40, 12), Ink(1, 2, 3), "braille", "step", (), signs).canvas
    )
    assert rows[0].find("★") == (-1 if column is None else column)


def test_the_letters_of_curves_are_on_them_at_different_places():
    curves = [falling("A"), falling("B")]
    rows = rows_of(draw(curves, View(0, 100), (60, 12), Ink(1, 2, 3), "braille", "step").canvas)
    places = {mark: {n for row in rows for n in range(GUTTER, 59) if row[n] == mark} for mark in "AB"}
    assert all(len(found) >= 2 for found in places.values())
    assert not places["A"] & places["B"]

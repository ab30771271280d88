"""Pulses of one module, and of several below each other."""

from dataclasses import replace

import pytest
from event_states import PALETTE, drawn, state_of

from icereco.draw.event.detector import draw_detector, scene_of
from icereco.draw.event.titles import titles_of
from icereco.draw.event.waveform import draw_waveform, waveform_height


@pytest.fixture
def state(detector):
    return state_of(detector, [100, 200, 300, 400], charge=[1.0, 22.0, 3.0, 4.0])


def test_kept_modules_come_before_the_picked_one_and_none_twice(state):
    kept = replace(state, picked=2).kept_or_not(2)
    assert kept.doms == (2,)
    assert replace(kept, picked=0).doms == (2, 0)
    assert kept.kept_or_not(2).kept == ()


def test_several_modules_are_named_and_numbered_as_in_the_picture_of_the_detector(state, detector):
    several = replace(state, kept=(1, 3), picked=0)
    text = "\n".join(drawn(draw_waveform, several, 44, 10))
    for number, dom in enumerate((1, 3, 0), start=1):
        sensor = int(several.shown.hits.sensor_id[dom])
        assert f"{number} {detector.string[sensor]}-{detector.om[sensor]}" in text
    assert scene_of(several, PALETTE).picked == (1, 3, 0)
    picture = "\n".join(drawn(draw_detector, several, 100, 40))
    assert all(mark in picture for mark in "123")
    assert titles_of(several, "", detector)["waveform"][1] == "3 modules"


def test_they_share_an_axis_of_time(state):
    alone, several = (
        drawn(draw_waveform, seen, 44, 10)[-1]
        for seen in (replace(state, picked=0), replace(state, picked=0, kept=(3,)))
    )
    assert alone.split()[0] == several.split()[0]  # from before the first pulse
    assert "10,3" in several  # to after the last one, 300 ns later
    assert "10,3" not in alone


def test_the_last_ones_are_shown_where_there_is_no_room_for_all(state):
    lines = drawn(draw_waveform, replace(state, kept=(0, 1, 2), picked=3), 44, 5)
    assert "+2 more" in lines[-1]
    assert "4 " in "".join(lines)
    assert waveform_height(replace(state, kept=(0, 1, 2), picked=3), 6) == 13

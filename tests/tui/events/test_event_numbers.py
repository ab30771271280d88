"""The event in numbers, and names that stay distinct when they are cut."""

from dataclasses import replace

import numpy as np
import pytest
from event_driver import play

from icereco.draw.canvas.braille import Canvas
from icereco.draw.canvas.names import short_names
from icereco.draw.canvas.palette import palette_on
from icereco.draw.event.numbers import draw_numbers, numbers_height, targets_height
from icereco.draw.event.sky import draw_all_sky
from icereco.draw.event.targets import target_facts
from icereco.events.reconstruction import Estimate
from icereco.events.truth import EventTruth
from icereco.events.vmf_mixture import VmfMixture
from icereco.physics.sphere import direction_from_angles
from icereco.tui.events.event_list import EventList

PALETTE = palette_on(0x0B0E14)


def estimate(name: str, zenith: float, kappa: float | None = None) -> Estimate:
    direction = direction_from_angles(np.array(1.0), np.array(zenith))
    posterior = None if kappa is None else VmfMixture.single(direction[None], np.array([kappa]))
    return Estimate(name, direction, posterior)


@pytest.fixture
def state(screen):
    """The state of the screen, with two checkpoints of one profile and a fit that failed."""
    states = []

    async def act(pilot, screen):
        del pilot
        states.append(screen.body.state)

    play(screen, act)
    estimates = (
        estimate("hierarchical-calm-muon", 1.0, 300.0),
        Estimate("linefit", None),
        estimate("hierarchical-slow-electron", 1.5, 30.0),
    )
    return replace(states[0], estimates=estimates)


def lines_of(state, width: int) -> list[str]:
    canvas = Canvas(width, numbers_height(state, width))
    draw_numbers(canvas, state, PALETTE)
    return canvas.cells().lines()


@pytest.mark.parametrize("width", [30, 44, 56])
def test_sigma_and_pull_are_shown_at_every_width(state, width):
    text = "\n".join(lines_of(state, width))
    error = np.degrees(state.error(state.estimates[0]))
    assert f"{error:.2f}" in text
    assert "3.31" in text  # arccos(1 - 0.5 / 300) in degrees: the angle that holds 39.3 %
    assert "pull" in text


@pytest.mark.parametrize("width", [30, 44, 56])
def test_checkpoints_of_one_profile_have_names_that_differ(state, width):
    lines = lines_of(state, width)
    names = [line.split("  ")[0].strip(" +23") for line in lines if "…" in line or "hierarchical" in line]
    assert len(set(names)) == 2


def test_a_method_has_the_same_number_and_colour_everywhere_even_after_a_failed_one(state):
    canvas = Canvas(60, 16)
    draw_all_sky(canvas, state, PALETTE)
    cells = canvas.cells()
    digits = (
        cells.foreground[cells.character == ord("3")] & 0xFFFFFF
    )  # one of them the mark, the others of degrees
    assert set(digits.tolist()) - {PALETTE.label} == {PALETTE.method(2)}
    assert any(line.startswith("3 hier") for line in lines_of(state, 56))


COMPLETE = {
    "energy_gev": 1500.0,
    "energy_log10_sigma": 0.1,
    "vertex_m": np.array([12.0, -50.0, 300.0]),
    "kind_probability": np.array([0.02, 0.05, 0.93]),
    "inelasticity": 0.41,
}


@pytest.mark.parametrize("width", [30, 44, 56])
def test_energy_vertex_kind_and_inelasticity_are_shown_beside_the_truth(state, width):
    truth = EventTruth(state.shown.truth.direction, 1230.0, "cascade", np.array([10.0, -48.0, 310.0]), 0.38)
    complete = replace(
        state,
        shown=replace(state.shown, truth=truth),
        estimates=(replace(state.estimates[0], **COMPLETE), *state.estimates[1:]),
    )
    lines = lines_of(complete, width)
    assert max(map(len, lines)) <= width
    text = " ".join(" ".join(lines).replace("·", " ").split())
    for said in (
        "energy 1.5 TeV (1.19-1.89) true 1.23 TeV",
        "vertex (12, -50, 300) m true (10, -48, 310) m",
        "cascade 93% starting 5% through 2% true cascade",
        "inelasticity 0.41 true 0.38",
    ):
        assert said in text
    assert text.count("TeV") == 2  # the true energy is said once
    assert targets_height(state, width) == 0


def test_estimates_are_shown_without_a_truth(state):
    estimate = replace(state.estimates[0], energy_gev=2e6, kind_probability=np.array([0.6, 0.3, 0.1]))
    facts = target_facts(estimate, None)
    assert facts == {"energy": ["energy 2 PeV"], "kind": ["through 60%", "starting 30%", "cascade 10%"]}


@pytest.mark.parametrize("width", [8, 12, 20])
def test_short_names_fit_and_differ(width):
    names = [
        "onlinel2_bestfit",
        "onlinel2_splinempe",
        "onlinel2_splinempe_ic",
        "linefit",
        "run (a)",
        "run (b)",
    ]
    short = short_names(names, width)
    assert len(set(short)) == len(names)
    assert max(map(len, short)) <= width
    assert short[3] == "linefit"


def test_columns_of_methods_have_titles_that_differ(screen, tmp_path, table):
    ids, azimuth, zenith = (table[name].to_numpy() for name in ("event_id", "azimuth", "zenith"))
    columns = {"event_id": ids}
    for number, name in enumerate(("mine", "onlinel2_bestfit", "onlinel2_splinempe", "main")):
        known = np.arange(len(ids)) <= number  # most of the last one
        columns |= {
            f"{name}_azimuth": np.where(known, azimuth, np.nan),
            f"{name}_zenith": np.where(known, zenith + 0.1, np.nan),
        }
    import polars as pl

    pl.DataFrame(columns).write_parquet(tmp_path / "fits.parquet")

    async def act(pilot, screen):
        screen.session.add(tmp_path / "fits.parquet")
        screen.show_list()
        await pilot.pause()
        titles = [column.title for column in screen.query_one(EventList)._columns]
        assert len(set(titles)) == len(titles)
        others = ["online…nempe°", "online…stfit°", "mine°"]  # the method of most events comes first
        assert [title for title in titles if title in others] == others
        assert titles.index("mine°") < titles.index("zen°") < titles.index("aux") < titles.index("reco azi°")

    play(screen, act)


@pytest.mark.parametrize("width", [0, 1, 5, 12, 20])
def test_a_very_narrow_card_is_drawn(state, width):
    canvas = Canvas(width, 3)
    draw_numbers(canvas, state, PALETTE)
    assert len(canvas.cells().lines()) == 3

"""The errors of the listed events against their energies."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from tui_driver import drive, notified, text_of, until

from icereco.testing.random_events import random_events
from icereco.tui.common.list_panel import FilterLine


def test_errors_of_the_listed_events_are_shown_against_their_energies(tmp_path):
    events = random_events(np.array([60, 400, 150, 40, 90]), seed=2)
    pq.write_table(events, tmp_path / "events.parquet")
    angles = {"fit_azimuth": np.linspace(0, 6, len(events)), "fit_zenith": np.linspace(0, 3, len(events))}
    pq.write_table(pa.table({"event_id": events["event_id"], **angles}), tmp_path / "fits.parquet")

    async def scenario(pilot):
        screen = pilot.app.screen
        await until(pilot, lambda: "5 events" in text_of(pilot) and "fit" in text_of(pilot))
        screen.query_one(FilterLine).value = "pulses > 80"
        await until(pilot, lambda: "3 of 5 events" in text_of(pilot))
        await pilot.press("D")
        await until(pilot, lambda: "3 events: errors of fit" in text_of(pilot))
        assert "true energy [GeV]" in text_of(pilot)
        await pilot.press("D")
        await until(pilot, lambda: pilot.app.screen is screen)

    drive(scenario, events="events.parquet", beside=(Path("fits.parquet"),))


def test_without_reconstructions_it_says_what_is_missing(tmp_path):
    pq.write_table(random_events(np.array([60, 40]), seed=2), tmp_path / "events.parquet")

    async def scenario(pilot):
        await until(pilot, lambda: "2 events" in text_of(pilot))
        pilot.app.screen.session.listed = pilot.app.screen.session.listed.drop("error", strict=False)
        await pilot.press("D")
        await until(pilot, lambda: "needs the truth and a file of reconstructions" in notified(pilot))

    drive(scenario, events="events.parquet")

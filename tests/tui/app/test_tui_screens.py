"""The screens of profiles, components, data and jobs."""

import json
from dataclasses import replace
from importlib import import_module

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from textual.widgets import OptionList, TextArea
from tui_driver import SIZES, answer, drive, text_of, until

from icereco.data.catalog import DataSet, add, data_sets
from icereco.runs.jobs import JobFolder
from icereco.settings import settings_file
from icereco.tables.reconstructions import METADATA_KEY
from icereco.tui.common.ask import AskScreen, ConfirmScreen
from icereco.tui.common.fit_table import FitTable

import_module("icereco.doctor.examine")  # takes seconds, which no test is to wait for


def test_a_profile_is_copied_edited_checked_and_saved(tmp_path):
    async def scenario(pilot):
        await pilot.press("3")
        await until(pilot, lambda: pilot.app.screen.query("#text"))
        screen = pilot.app.screen
        await until(pilot, lambda: "extends" in screen.query_one("#text", TextArea).text)
        assert screen.text.read_only
        await pilot.press("e")
        await until(pilot, lambda: isinstance(pilot.app.screen, AskScreen))
        await pilot.press("enter")
        await until(pilot, lambda: pilot.app.screen is screen and not screen.text.read_only)
        assert (tmp_path / "my-quick.toml").is_file()
        screen.text.load_text(screen.text.text.replace("layers = 2", "layres = 2", 1))
        problems = screen.query_one("#problems", OptionList)
        await until(pilot, lambda: problems.option_count == 1)
        assert "did you mean 'layers'" in str(problems.get_option_at_index(0).prompt)
        line = screen.text.text.splitlines().index("layres = 2")
        problems.highlighted = 0
        problems.action_select()
        await until(pilot, lambda: screen.text.cursor_location[0] == line)
        await pilot.press("f5")
        assert "layres" in (tmp_path / "my-quick.toml").read_text()
        assert [path.name for path in tmp_path.iterdir() if path.is_file()] == ["my-quick.toml"]

    drive(scenario)


def test_unsaved_texts_are_kept_and_quitting_asks_about_them(tmp_path):
    (tmp_path / "mine.toml").write_text('schema = 1\nextends = "quick"\n')

    async def scenario(pilot):
        await pilot.press("3")
        await until(pilot, lambda: pilot.app.screen.query("#text"))
        screen = pilot.app.screen
        profiles = screen.query_one("#profiles", OptionList)
        await until(pilot, lambda: profiles.option_count)
        profiles.highlighted = profiles.option_count - 1
        await until(pilot, lambda: not screen.text.read_only)
        await pilot.press("enter", "#")
        await until(pilot, lambda: "* mine" in text_of(pilot))
        await pilot.press("escape", "up")
        await until(pilot, lambda: screen.text.read_only)
        await pilot.press("q")
        await until(pilot, lambda: isinstance(pilot.app.screen, ConfirmScreen))
        assert "mine.toml" in text_of(pilot)
        await pilot.press("n", "down")
        await until(pilot, lambda: screen.text.text.startswith("#schema"))
        await pilot.press("f5")
        await until(pilot, lambda: not list(pilot.app.drafts))
        assert (tmp_path / "mine.toml").read_text().startswith("#schema")

    drive(scenario)


def test_a_table_is_never_wider_than_its_space(monkeypatch):
    from icereco.plugins.discovery import registry

    real = registry()
    long = replace(real.plugins[0], entry="a" * 50, distribution="icereco-" + "b" * 60, error="no")
    monkeypatch.setattr(
        "icereco.tui.profiles.components_screen.registry",
        lambda: replace(real, plugins=(long, *real.plugins)),
    )

    async def scenario(pilot):
        await pilot.press("4")
        await until(pilot, lambda: "aaaa…" in text_of(pilot))
        table = pilot.app.screen.query_one(FitTable)
        await pilot.press("down", "down")
        for size in (*SIZES, (60, 18)):
            await pilot.resize_terminal(*size)
            await until(pilot, lambda size=size: pilot.app.screen.size == size)
            await pilot.pause(0.1)
            assert table.virtual_size.width <= table.scrollable_content_region.width
            assert table.cursor_row == 2

    drive(scenario)


def test_components_are_listed_with_their_options():
    async def scenario(pilot):
        await pilot.press("4")
        await until(pilot, lambda: "flex-attention" in text_of(pilot))
        await answer(pilot, "slash", "vmf")
        await until(pilot, lambda: 'use = "vmf"' in text_of(pilot))
        await answer(pilot, "slash", "-no-such")
        await until(pilot, lambda: "No component or plugin matches -no-such." in text_of(pilot))

    drive(scenario)


def test_a_broken_plugin_is_listed_with_its_reason(monkeypatch):
    from icereco.plugins.discovery import registry

    real = registry()
    broken = replace(
        real.plugins[0], entry="sick", distribution="sick-plugin", error="ImportError: no module"
    )
    monkeypatch.setattr(
        "icereco.tui.profiles.components_screen.registry",
        lambda: replace(real, plugins=(broken, *real.plugins)),
    )

    async def scenario(pilot):
        await pilot.press("4")
        await until(pilot, lambda: "sick-plugin" in text_of(pilot))
        await until(pilot, lambda: "ImportError: no module" in text_of(pilot))

    drive(scenario)


def test_data_sets_detectors_and_files_are_listed(tmp_path, event_table):
    pq.write_table(event_table, tmp_path / "mine.parquet")
    (tmp_path / "torn.parquet").write_bytes(b"PAR1 and no more")
    add(DataSet(name="tracks", path=tmp_path / "mine.parquet", detector="icecube86"))
    add(DataSet(name="gone", path=tmp_path / "gone.parquet"))

    async def scenario(pilot):
        await pilot.press("5")
        await until(pilot, lambda: "mine.parquet" in text_of(pilot))
        for words in (
            "icecube86",
            "300",
            "damaged",
            "icereco data add NAME PATH",
            "icereco train --data tracks",
        ):
            assert words in text_of(pilot)
        await pilot.press("down")
        await until(pilot, lambda: "--replace" in text_of(pilot))
        await pilot.press("up", "v")
        await until(pilot, lambda: pilot.app.current_mode == "events" and "tracks" in text_of(pilot))

    drive(scenario)


def test_events_are_looked_into_examined_named_trained_with_and_forgotten(tmp_path, event_table):
    pq.write_table(event_table[:12], tmp_path / "mine.parquet")

    async def scenario(pilot):
        await pilot.press("5")
        await until(
            pilot, lambda: all(words in text_of(pilot) for words in ("pulses", "energy [GeV]", "zenith"))
        )
        await pilot.press("d")
        await until(pilot, lambda: "▲ empty events" in text_of(pilot))
        assert "to do:" in text_of(pilot)
        screen = pilot.app.screen
        await answer(pilot, "a", "")  # the name of the file is proposed
        await until(pilot, lambda: screen.rows[0].data is not None)
        assert [*data_sets()] == ["mine"]
        await pilot.press("n")
        await until(pilot, lambda: "--data mine" in text_of(pilot))
        await pilot.press("escape")
        await until(pilot, lambda: pilot.app.screen is screen)
        await pilot.press("D")
        await until(pilot, lambda: isinstance(pilot.app.screen, ConfirmScreen))
        await pilot.press("y")
        await until(pilot, lambda: not data_sets())

    drive(scenario)


def test_reconstructions_are_looked_into_and_a_large_terminal_has_room_for_their_detector(tmp_path):
    count = 40
    spread = np.linspace(0.1, 3.0, count)
    columns = {"event_id": np.arange(count), "azimuth": spread, "zenith": spread, "kappa": 100 / spread}
    truth = {"true_azimuth": spread, "true_zenith": np.full(count, 1.0)}
    provenance = {
        "content": "reconstruction",
        "method": "mine",
        "inputs": [{"path": "gone.parquet"}],
        "detector": {"name": "orca"},
    }
    table = pa.table(columns | truth).replace_schema_metadata({METADATA_KEY: json.dumps(provenance)})
    pq.write_table(table, tmp_path / "mine.reco.parquet")

    async def scenario(pilot):
        await pilot.press("5")
        await until(pilot, lambda: "error [°]" in text_of(pilot))
        for words in ("reconstructions by mine", "zenith [°]", "40 events"):
            assert words in text_of(pilot)
        assert "─ orca ─" in text_of(pilot)
        assert "from the side" in text_of(pilot)
        await pilot.press("down")
        await until(pilot, lambda: "y/m up" in text_of(pilot) and "─ arca ─" in text_of(pilot))
        await pilot.resize_terminal(120, 40)
        await until(pilot, lambda: "y/m up" not in text_of(pilot))
        assert "from the side" in text_of(pilot)

    drive(scenario, (200, 60))


def test_a_damaged_output_says_so(tmp_path):
    provenance = {"content": "reconstruction", "method": "mine"}
    table = pa.table({"nothing": [1]}).replace_schema_metadata({METADATA_KEY: json.dumps(provenance)})
    pq.write_table(table, tmp_path / "mine.reco.parquet")

    async def scenario(pilot):
        await pilot.press("5")
        await until(pilot, lambda: "there is no column event_id" in text_of(pilot).replace("│", ""))

    drive(scenario, (200, 60))


def test_a_wide_terminal_has_room_for_the_resolved_profile_which_follows_the_text(tmp_path):
    (tmp_path / "mine.toml").write_text('schema = 1\nextends = "quick"\n')

    async def scenario(pilot):
        pilot.app.open_in("profiles", "go_to_profile", "./mine.toml")
        await until(pilot, lambda: "─ resolved ─" in text_of(pilot) and not pilot.app.screen.text.read_only)
        assert "# quick.toml:" in text_of(pilot)
        pilot.app.screen.text.load_text('schema = 1\nextends = "quick"\n[train]\nseed = 77\n')
        await until(pilot, lambda: "# mine.toml:4" in text_of(pilot))
        await pilot.resize_terminal(120, 40)
        await until(pilot, lambda: "─ resolved ─" not in text_of(pilot))

    drive(scenario, (200, 60))


def test_the_profiles_that_use_a_component_are_named():
    async def scenario(pilot):
        await pilot.press("4")
        await until(pilot, lambda: "flex-attention" in text_of(pilot))
        await answer(pilot, "slash", "edge-conv")
        await until(pilot, lambda: "in the profiles dynedge-like" in text_of(pilot))

    drive(scenario)


def test_without_jobs_it_says_how_they_are_made(tmp_path, monkeypatch):
    monkeypatch.setattr(JobFolder, "_start_worker", lambda _self, _job: None)

    async def scenario(pilot):
        await pilot.press("6")
        await until(pilot, lambda: "No jobs yet." in text_of(pilot))
        JobFolder(tmp_path / "runs").submit(["train"], "first", tmp_path, queued=True)
        await until(pilot, lambda: "No jobs yet." not in text_of(pilot) and "… waiting" in text_of(pilot))
        assert pilot.app.focused.id == "jobs"

    drive(scenario)


def test_a_broken_settings_file_is_reported_on_the_data_screen(tmp_path):
    settings_file().parent.mkdir(parents=True, exist_ok=True)
    settings_file().write_text("[data.tracks]\npaht = 3\n")

    async def scenario(pilot):
        await pilot.press("5")
        await until(pilot, lambda: "'path'?" in text_of(pilot))
        assert "icecube86" in text_of(pilot)

    drive(scenario)


def test_jobs_are_listed_with_their_output_and_can_be_removed(tmp_path):
    jobs = JobFolder(tmp_path / "runs")
    jobs.submit(["trian"], "wrong", tmp_path, queued=True)

    async def scenario(pilot):
        await pilot.press("6")
        await until(pilot, lambda: "✖ failed" in text_of(pilot))
        await until(pilot, lambda: "did you mean 'train'?" in text_of(pilot))
        await until(pilot, lambda: bool(pilot.app.alerts))
        [alert] = pilot.app.alerts
        assert (alert.subject, alert.kind) == ("wrong", "failure")
        assert "no command is called 'trian'" in alert.text
        await pilot.press("D", "y")
        await until(pilot, lambda: jobs.all() == [] and not pilot.app.alerts)

    drive(scenario)


def test_the_whole_command_of_a_job_is_shown(tmp_path, monkeypatch):
    monkeypatch.setattr(JobFolder, "_start_worker", lambda _self, _job: None)
    options = [part for number in range(8) for part in ("-o", f"encoder.option_{number}={number}")]
    JobFolder(tmp_path / "runs").submit(["train", *options], "long", tmp_path, queued=True)

    async def scenario(pilot):
        await pilot.press("6")
        await until(pilot, lambda: "option_7=7" in text_of(pilot))

    drive(scenario)


def test_the_parts_of_a_profile_have_colours():
    async def scenario(pilot):
        await pilot.press("3")
        await until(pilot, lambda: pilot.app.screen.query("#text"))
        area = pilot.app.screen.text
        await until(pilot, lambda: "extends" in area.text)
        lines = {
            area.get_line(number).plain: area.get_line(number) for number in range(area.document.line_count)
        }
        styles = {
            words: {str(span.style) for span in lines[words].spans}
            for words in ("[encoder]", "layers = 2", 'extends = "hierarchical"')
        }
        assert all(styles.values())
        assert len(set(map(frozenset, styles.values()))) == 3

    drive(scenario)


def test_a_job_that_fails_before_its_run_exists_is_reported_once(tmp_path):
    async def scenario(pilot):
        await until(pilot, lambda: not pilot.app._unseen)
        JobFolder(tmp_path / "runs").submit(["train", "--data", "nowhere"], "early", tmp_path, queued=False)
        await until(pilot, lambda: "there is no" in text_of(pilot) and "early: failure" in text_of(pilot))
        assert len(pilot.app._notifications) == 1

    drive(scenario)

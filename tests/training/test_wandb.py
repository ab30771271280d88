import subprocess
import sys

import pytest

from icereco.errors import IcerecoError
from icereco.training.wandb import PROJECT, Tracker, choose_mode, is_logged_in, mode_of_run

KEY = "0123456789abcdef" * 3


@pytest.fixture(autouse=True)
def _not_logged_in(monkeypatch, tmp_path):
    for name in ("WANDB_API_KEY", "WANDB_MODE", "WANDB_BASE_URL", "WANDB_IDENTITY_TOKEN_FILE", "NETRC"):
        monkeypatch.delenv(name, raising=False)
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("WANDB_CONFIG_DIR", str(home / "config"))
    monkeypatch.setenv("WANDB_CACHE_DIR", str(home / "cache"))
    monkeypatch.setenv("WANDB_DATA_DIR", str(home / "data"))
    monkeypatch.chdir(home)


class BrokenRun:
    """A stand-in for a W&B run whose service has died."""

    url = None
    calls = 0

    def log(self, *_arguments, **_options):
        self.calls += 1
        raise RuntimeError("service is gone")

    def finish(self, **_options):
        raise BrokenPipeError("service is gone")


def test_without_a_login_there_is_no_tracking():
    assert not is_logged_in()
    assert choose_mode(None) == "disabled"


@pytest.mark.parametrize("server", [None, "https://wandb.example.org"])
def test_a_key_in_netrc_is_a_login_for_its_server_only(monkeypatch, tmp_path, server):
    (tmp_path / "home" / ".netrc").write_text(f"machine wandb.example.org\n  login user\n  password {KEY}\n")
    if server:
        monkeypatch.setenv("WANDB_BASE_URL", server)
    assert is_logged_in() == (server is not None)


def test_a_server_in_the_settings_file_is_asked_for(tmp_path):
    (tmp_path / "home" / "config").mkdir()
    (tmp_path / "home" / "config" / "settings").write_text(
        "[default]\nbase_url = https://wandb.example.org\n"
    )
    (tmp_path / "home" / ".netrc").write_text(f"machine wandb.example.org login user password {KEY}\n")
    assert is_logged_in()


def test_a_login_alone_sends_nothing(monkeypatch):
    monkeypatch.setenv("WANDB_API_KEY", KEY)
    assert is_logged_in()
    assert choose_mode(None) == "disabled"
    assert choose_mode("online") == "online"


def test_a_broken_netrc_is_no_login(tmp_path):
    (tmp_path / "home" / ".netrc").write_text("nonsense {{{\n")
    assert not is_logged_in()


@pytest.mark.parametrize(
    ("variable", "mode"),
    [("online", "online"), ("offline", "offline"), ("dryrun", "offline"), ("disabled", "disabled")],
)
def test_the_environment_decides_unless_asked_otherwise(monkeypatch, variable, mode):
    monkeypatch.setenv("WANDB_API_KEY", KEY)
    monkeypatch.setenv("WANDB_MODE", variable)
    assert choose_mode(None) == mode
    assert choose_mode("online") == "online"


def test_online_without_a_login_says_how_and_never_prompts():
    with pytest.raises(IcerecoError, match="wandb login, or train with --wandb offline"):
        choose_mode("online")


def test_disabled_never_imports_wandb(tmp_path):
    code = (
        "import sys; from pathlib import Path; from icereco.training.wandb import Tracker\n"
        f"tracker = Tracker.open('disabled', Path({str(tmp_path)!r}), 'name', {{}})\n"
        "tracker.log({'loss': 1.0}, 1); tracker.finish(); print('wandb' in sys.modules)"
    )
    assert subprocess.check_output([sys.executable, "-c", code], text=True) == "False\n"


def test_a_service_that_dies_is_one_warning_and_no_error(caplog):
    run = BrokenRun()
    tracker = Tracker(run)
    for step in range(3):
        tracker.log({"loss": 1.0}, step)
    tracker.finish()
    assert run.calls == 1
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert "could not log: service is gone" in caplog.text


def test_a_finish_that_fails_is_a_warning(caplog):
    Tracker(BrokenRun()).finish()
    assert "could not finish" in caplog.text


def test_a_start_that_fails_leaves_training_alone(caplog, tmp_path):
    tracker = Tracker.open("offline", tmp_path / "missing", "name", {})
    tracker.log({"loss": 1.0}, 1)
    assert "could not start" in caplog.text


def test_offline_keeps_a_run_to_upload_and_resumes_it(tmp_path):
    folder = tmp_path / "run"
    folder.mkdir()
    for step in (1, 2):
        tracker = Tracker.open(
            "offline", folder, "quick-simulated-v1", {"aggregator": {"use": "deepsets"}}, tags=["test"]
        )
        tracker.log({"train/loss": 1.0 / step, "bad": float("nan")}, step)
        tracker.finish()
    files = list(folder.glob("wandb/offline-run-*/run-*.wandb"))
    assert len(files) == 2
    assert {file.stem for file in files} == {f"run-{(folder / 'wandb-id').read_text()}"}
    assert all(file.stat().st_size for file in files)


def test_a_resumed_run_is_tracked_as_it_was(tmp_path, monkeypatch, caplog):
    folder = tmp_path / "run"
    folder.mkdir()
    assert mode_of_run(folder) is None  # never tracked
    Tracker.open("offline", folder, "quick-simulated-v1", {}, "my project").finish()
    assert mode_of_run(folder) == ("offline", "my project")
    (folder / "wandb-mode").write_text(f"online {PROJECT}\n")
    assert mode_of_run(folder) == ("disabled", PROJECT)  # not logged in any more
    assert "is not from here on" in caplog.text
    monkeypatch.setenv("WANDB_API_KEY", KEY)
    assert mode_of_run(folder) == ("online", PROJECT)
    monkeypatch.setenv("WANDB_MODE", "disabled")
    assert mode_of_run(folder) is None


def test_settings_in_the_working_folder_are_no_login(tmp_path):
    """They may have come with somebody's archive."""
    (tmp_path / "home" / "wandb").mkdir()
    (tmp_path / "home" / "wandb" / "settings").write_text(
        f"[default]\napi_key = {KEY}\nbase_url = https://wandb.example.org\n"
    )
    assert choose_mode(None) == "disabled"

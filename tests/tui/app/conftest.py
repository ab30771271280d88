"""Every test of the app runs in its own folder."""

import pytest

from icereco.watch.system import SystemFeed, SystemView


@pytest.fixture(autouse=True)
def own_place(tmp_path, monkeypatch):
    """Isolate the app from the user's files, and fix the load of the machine."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("ICERECO_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("TEXTUAL_ANIMATIONS", "none")
    still = SystemView(0.25, 8, 4 * 10**9, 16 * 10**9, 0.0, 0.0, 50 * 10**9, 100 * 10**9)
    monkeypatch.setattr(SystemFeed, "look", lambda _self: still)

"""The app in a browser: who has access, and that it works there."""

import asyncio
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import numpy as np
import psutil
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from icereco.testing.random_events import random_events
from icereco.tui.serve import LARGEST, within_limits

pytest.importorskip("textual_serve", reason="needs textual-serve: pip install 'icereco[serve]'")

FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--window-size=1200,800",
)  # fmt: skip


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


class Served:
    """`icereco tui --serve` in its own process."""

    def __init__(self, folder: Path, host: str, *what: str) -> None:
        self.port = free_port()
        command = [
            sys.executable,
            "-m",
            "icereco",
            "tui",
            *what,
            "--serve",
            "--host",
            host,
            "--port",
            str(self.port),
        ]
        self.process = subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, text=True)
        self.line = self.process.stdout.readline()
        self.token = self.line.split("token=")[1].split()[0]
        wait_for(lambda: self.status("/static/images/background.png") in (200, 403, 404))

    def status(self, path: str = "/", **headers: str) -> int:
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", headers=headers)
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                return answer.status
        except urllib.error.HTTPError as error:
            return error.code
        except OSError:
            return 0

    def end(self) -> None:
        self.process.send_signal(signal.SIGINT)
        self.process.communicate(timeout=20)


def wait_for(condition, seconds: float = 90.0):
    deadline = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < deadline
        time.sleep(0.1)
    return value


@pytest.fixture
def serve(tmp_path):
    begun = []

    def start(host: str, *what: str) -> Served:
        begun.append(Served(tmp_path, host, *what))
        return begun[-1]

    yield start
    for served in begun:
        served.end()


@pytest.mark.parametrize("host", ["127.0.0.1", "0.0.0.0"])
def test_the_token_is_required_also_by_other_users_of_this_machine(serve, host):
    served = serve(host)
    assert served.status() == 403
    assert served.status("/ws") == 403
    assert served.status("/?token=guess") == 403
    assert served.status(Host="evil.example") == 403
    assert served.status(f"/?token={served.token}") == 200
    cookie = f"icereco_token={served.token}"
    assert served.status(Cookie=cookie) == 200
    assert served.status("/ws", Origin="http://evil.example", Cookie=cookie) == 403


def test_the_page_has_a_title_fits_phones_and_asks_no_other_server(serve):
    served = serve("127.0.0.1")
    with urllib.request.urlopen(
        f"http://127.0.0.1:{served.port}/?token={served.token}", timeout=10
    ) as answer:
        page = answer.read().decode()
    assert "<title>icereco</title>" in page
    assert 'name="viewport"' in page
    touched = {"Escape", "Tab", "Enter", "?", *(f"Arrow{side}" for side in ("Left", "Up", "Down", "Right"))}
    assert set(re.findall('<button data-key="([^"]+)" data-code="[0-9]+">', page)) == touched
    assert 'data-key="p" data-code="80" data-ctrl' in page, "the palette finds what has no key on a phone"
    assert "pointer: coarse" in page
    assert "max-width: 600px" in page
    hosts = set(re.findall(r"(?:https?|wss?)://([^/\"]+)", page))
    assert hosts == {f"127.0.0.1:{served.port}"}
    files = re.findall(r"https?://[^/\"]+(/static/[^\"]+\.(?:css|js|ttf))", page)
    assert {Path(file).suffix for file in files} == {".css", ".js", ".ttf"}
    cookie = f"icereco_token={served.token}"
    assert {served.status(file, Cookie=cookie) for file in files} == {200}
    assert 'querySelector(".xterm-helper-textarea")?.focus()' in page, "keys need no click"


@given(st.integers() | st.text(), st.integers() | st.text())
def test_no_visitor_gets_a_larger_app_than_is_allowed(width, height):
    columns, rows = within_limits(width, height)
    assert 1 <= columns <= LARGEST[0]
    assert 1 <= rows <= LARGEST[1]


def children(pid: int) -> list[psutil.Process]:
    return psutil.Process(pid).children(recursive=True)


def test_a_visitors_app_has_a_limited_size_and_ends_with_the_visit(serve):
    import aiohttp

    served = serve("127.0.0.1")
    cookies = {"icereco_token": served.token}

    async def visit() -> str:
        address = f"http://127.0.0.1:{served.port}/ws?width=100000&height=100000"
        async with aiohttp.ClientSession(cookies=cookies) as session, session.ws_connect(address) as socket_:
            drawn = b""
            while b"No runs yet" not in drawn:
                drawn += (await socket_.receive(timeout=60)).data
            (app,) = children(served.process.pid)
            return app.environ()["COLUMNS"], app.environ()["ROWS"]

    assert asyncio.run(visit()) == tuple(map(str, LARGEST))
    wait_for(lambda: not children(served.process.pid))


def test_what_a_visitor_saves_is_offered_as_a_download_and_not_written_here(tmp_path, serve):
    import aiohttp

    pq.write_table(random_events(np.array([60, 400, 150]), seed=2), tmp_path / "events.parquet")
    before = set(tmp_path.iterdir())
    served = serve("127.0.0.1", "events.parquet")
    address, cookies = f"127.0.0.1:{served.port}", {"icereco_token": served.token}

    async def visit() -> dict[str, tuple[str, bytes]]:
        found = {}
        async with (
            aiohttp.ClientSession(cookies=cookies) as session,
            session.ws_connect(f"ws://{address}/ws?width=120&height=40") as visitor,
        ):
            while b"3 events" not in (await visitor.receive(timeout=60)).data:
                pass
            for key in ("\x1bOR", "P", "E"):  # F3, the picture of the event, the list as CSV
                await visitor.send_str(json.dumps(["stdin", key]))
                while (message := await visitor.receive(timeout=60)).type != aiohttp.WSMsgType.TEXT:
                    pass
                what, delivery = json.loads(message.data)
                assert what == "deliver_file_start"
                async with session.get(f"http://{address}/download/{delivery}") as answer:
                    found[key] = answer.headers["Content-Disposition"], await answer.read()
        return found

    screen, event, table = asyncio.run(visit()).values()
    for offered, suffix in ((screen, ".svg"), (event, ".svg"), (table, ".csv")):
        assert offered[0].startswith("attachment; filename=")
        assert offered[0].endswith(suffix)
    assert b"<svg" in screen[1]
    assert b"<svg" in event[1]
    assert table[1].startswith(b"row,event_id,")
    assert len(table[1].splitlines()) == 4
    assert set(tmp_path.iterdir()) == before


def test_without_textual_serve_it_says_what_to_install(monkeypatch):
    from icereco.cli import main

    monkeypatch.setitem(sys.modules, "textual_serve", None)
    monkeypatch.setitem(sys.modules, "textual_serve.server", None)
    result = CliRunner().invoke(main, ["tui", "--serve"])
    assert result.exit_code == 2
    assert "pip install 'icereco[serve]'" in result.output


# In a real browser


class Browser:
    """Chromium, driven by the WebDriver protocol."""

    def __init__(self, profile: Path) -> None:
        port = free_port()
        self.driver = subprocess.Popen(
            ["chromedriver", f"--port={port}"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        self.base = f"http://127.0.0.1:{port}"
        wait_for(self._ready)
        options = {"args": [*FLAGS, f"--user-data-dir={profile}"]}
        wanted = {"capabilities": {"alwaysMatch": {"goog:chromeOptions": options}}}
        session = self.call("POST", "/session", wanted)["sessionId"]
        self.base += f"/session/{session}"

    def call(self, method: str, path: str, body: object = None):
        data = json.dumps(body).encode() if body is not None else None
        request = urllib.request.Request(self.base + path, data, method=method)
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.load(answer)["value"]

    def _ready(self) -> bool:
        try:
            return bool(self.call("GET", "/status")["ready"])
        except OSError:
            return False

    def press(self, key: str) -> None:
        actions = [{"type": kind, "value": key} for kind in ("keyDown", "keyUp")]
        self.call("POST", "/actions", {"actions": [{"type": "key", "id": "keys", "actions": actions}]})

    def end(self) -> None:
        self.call("DELETE", "")
        self.driver.terminate()
        self.driver.wait(10)


@pytest.fixture
def browser(tmp_path):
    if not (shutil.which("chromedriver") and (shutil.which("chromium") or shutil.which("google-chrome"))):
        pytest.skip("needs the Debian packages chromium and chromium-driver")
    opened = Browser(tmp_path / "browser")
    yield opened
    opened.end()


@pytest.mark.slow
def test_keys_work_in_a_browser(tmp_path, serve, browser):
    served = serve("127.0.0.1")
    browser.call("POST", "/url", {"url": f"http://127.0.0.1:{served.port}/?token={served.token}"})
    script = "return document.body.className + ' ' + document.querySelectorAll('.xterm').length"
    wait_for(lambda: "1" in browser.call("POST", "/execute/sync", {"script": script, "args": []}))
    time.sleep(3)  # the app starts behind the page
    browser.press("6")
    time.sleep(1)
    tap = "document.querySelector('.touch [data-key=\"%s\"]').click()"
    browser.call("POST", "/execute/sync", {"script": tap % "?", "args": []})
    time.sleep(1)
    browser.call("POST", "/execute/sync", {"script": tap % "Escape", "args": []})  # the help is closed again
    time.sleep(1)
    browser.call(
        "POST", "/execute/sync", {"script": tap % "p", "args": []}
    )  # the palette, which takes what is typed
    time.sleep(1)
    browser.call("POST", "/execute/sync", {"script": tap % "Escape", "args": []})
    time.sleep(1)
    browser.press("\ue033")  # F3: a picture of what is shown
    wait_for(lambda: list(tmp_path.glob("*.svg")))
    time.sleep(0.5)
    (picture,) = tmp_path.glob("*.svg")
    assert "jobs" in picture.read_text()
    if folder := os.environ.get("ICERECO_BROWSER_PICTURE"):
        import base64

        Path(folder).write_bytes(base64.b64decode(browser.call("GET", "/screenshot")))

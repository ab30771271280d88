"""A service in its own process, and requests to it."""

import http.client
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pyarrow as pa

ARROW, JSON = "application/vnd.apache.arrow.stream", "application/json"


class Served:
    """`icereco serve` on a free port."""

    def __init__(self, cwd: Path, *arguments: object, **variables: str) -> None:
        command = [sys.executable, "-m", "icereco", "serve", *map(str, arguments)]
        if "--bind" not in command:
            command += ["--bind", "127.0.0.1:0"]
        environment = os.environ | {"OMP_NUM_THREADS": "1", "NO_COLOR": "1"} | variables
        self.process = subprocess.Popen(
            command, cwd=cwd, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        line = self.process.stdout.readline()
        assert line.startswith("icereco: http://"), self.process.communicate()[1]
        self.port = int(line.split()[1].rpartition(":")[2])

    def ask(self, method: str, path: str, body: bytes | None = None, **headers: str) -> "Answer":
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            connection.request(
                method, path, body, {name.replace("_", "-"): text for name, text in headers.items()}
            )
            answer = connection.getresponse()
            return Answer(answer.status, answer.read(), dict(answer.getheaders()))
        finally:
            connection.close()

    def send(self, events: pa.Table, **headers: str) -> "Answer":
        return self.ask("POST", "/reconstruct", stream(events), **{"Content_Type": ARROW} | headers)

    def send_json(self, document: object, **headers: str) -> "Answer":
        body = document if isinstance(document, bytes) else json.dumps(document).encode()
        return self.ask("POST", "/reconstruct", body, **{"Content_Type": JSON} | headers)

    def metric(self, name: str) -> float:
        text = self.ask("GET", "/metrics").body.decode()
        (line,) = [line for line in text.splitlines() if line.startswith(f"{name} ")]
        return float(line.split()[1])

    def end(self, number: int = signal.SIGTERM) -> tuple[int, str]:
        self.process.send_signal(number)
        said = self.process.communicate(timeout=90)[1]
        return self.process.returncode, said


class Answer:
    def __init__(self, status: int, body: bytes, headers: dict[str, str]) -> None:
        self.status, self.body, self.headers = status, body, headers

    @property
    def json(self):
        return json.loads(self.body)

    @property
    def table(self) -> pa.Table:
        return pa.ipc.open_stream(self.body).read_all()

    @property
    def error(self) -> str:
        return self.json["error"]


def stream(table: pa.Table, compression: str | None = None) -> bytes:
    sink = pa.BufferOutputStream()
    options = pa.ipc.IpcWriteOptions(compression=compression)
    with pa.ipc.new_stream(sink, table.schema, options=options) as writer:
        writer.write_table(table)
    return sink.getvalue().to_pybytes()


def wait_for(condition, seconds: float = 90.0):
    deadline = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < deadline, "it took too long"
        time.sleep(0.01)
    return value

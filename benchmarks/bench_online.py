"""The service of `icereco serve` with simulated events, a request each or several: rate and latency as clients see them.

python benchmarks/bench_online.py --events 1000
python benchmarks/bench_online.py --events 1000 -- --run RUN --device cuda

Compared with the method alone, in this process, on batches of 128 events. What follows `--` goes to `icereco serve`; without,
it is the reference profile with the weights that it starts with, on one thread.
"""

import argparse
import asyncio
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import aiohttp
import pyarrow as pa
import torch
from common import console, hierarchical, median_seconds, simulated_table
from rich.table import Table

from icereco.detector.detector import load_detector
from icereco.model.checkpoint import save_checkpoint
from icereco.model.model import build_model
from icereco.online.request_events import ARROW
from icereco.reconstruction.methods import model_method
from icereco.tables.assembly import event_batch

CASES = ((1, 1), (16, 1), (64, 1), (16, 16), (64, 16))
"""Clients that each send their next request when the last is answered, and events in a request."""


def stream(table: pa.Table) -> bytes:
    """Rows as an Arrow IPC stream."""
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return sink.getvalue().to_pybytes()


async def drive(address: str, bodies: Sequence[bytes], clients: int) -> list[float]:
    """Send every body once; the seconds that each took. Refused requests are sent again, which counts."""
    waiting, seconds = list(reversed(bodies)), list[float]()

    async def client(session: aiohttp.ClientSession) -> None:
        while waiting:
            body, begun = waiting.pop(), time.perf_counter()
            while True:
                async with session.post(address, data=body, headers={"Content-Type": ARROW}) as answer:
                    await answer.read()
                if answer.status == 200:
                    break
                assert answer.status == 429, answer.status
                await asyncio.sleep(0.1)
            seconds.append(time.perf_counter() - begun)

    connector = aiohttp.TCPConnector(limit=clients)
    async with aiohttp.ClientSession(connector=connector) as session:
        await asyncio.gather(*(client(session) for _ in range(clients)))
    return seconds


def measure(address: str, events: pa.Table) -> Table:
    """Every case; the first once before, to warm up."""
    table = Table(title=f"{events.num_rows} simulated events")
    for heading in ("clients", "events a request", "events/s", "p50 ms", "p99 ms"):
        table.add_column(heading, justify="right")
    for number, (clients, size) in enumerate((CASES[0], *CASES)):
        bodies = [stream(events.slice(start, size)) for start in range(0, events.num_rows, size)]
        begun = time.perf_counter()
        seconds = asyncio.run(drive(f"{address}/reconstruct", bodies, clients))
        rate = events.num_rows / (time.perf_counter() - begun)
        cuts = [f"{cut * 1e3:.1f}" for cut in statistics.quantiles(seconds, n=100)]
        if number:
            table.add_row(str(clients), str(size), f"{rate:,.0f}", cuts[49], cuts[98])
    return table


def alone(checkpoint: Path, events: pa.Table) -> float:
    """Events a second of the method without a service, from rows to results."""
    method = model_method(checkpoint)
    parts = [events.slice(start, 128) for start in range(0, events.num_rows, 128)]

    def work() -> None:
        for part in parts:
            method(event_batch(part, method.detector))

    return events.num_rows / median_seconds(work, 3)


def main(count: int, arguments: Sequence[str]) -> None:
    """Measure and print."""
    torch.set_num_threads(1)
    events = simulated_table(count)
    with tempfile.TemporaryDirectory() as folder:
        if not arguments:
            checkpoint, profile = Path(folder) / "new.safetensors", hierarchical()
            detector = load_detector("icecube86")
            save_checkpoint(checkpoint, build_model(profile, detector), profile, detector, {"step": 0})
            console.print(f"the method alone, batches of 128: {alone(checkpoint, events):,.0f} events/s")
            arguments = ["--model", str(checkpoint), "--threads", "1"]
        command = [sys.executable, "-m", "icereco", "serve", "--bind", "127.0.0.1:0", *arguments]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            address = process.stdout.readline().split()[1]
            console.print(measure(address, events))
            process.send_signal(signal.SIGTERM)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--events", type=int, default=1000)
    parser.add_argument("serve", nargs="*", help="arguments of icereco serve, after --")
    given = parser.parse_args()
    main(given.events, given.serve)

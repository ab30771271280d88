"""`icereco reconstruct` from file to file, models side by side: with one thread, with all, and with several processes.

python benchmarks/bench_reconstruct.py complete fast
python benchmarks/bench_reconstruct.py complete fast --pulses 60 72      # events of about the median size alone
python benchmarks/bench_reconstruct.py fast --precisions float32 bfloat16 --copies 10

Every model gets the same simulated events. A rate counts everything from the first byte that is read to the last that is
written, without the start of Python; the ratio is to the first model in the same way of computing. The least time of three.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import pyarrow.compute as pc
import pyarrow.parquet as pq
from common import console, matmul_rate, simulated_table
from rich.table import Table

from icereco.system.processors import available_processors

REPEATS = 3


def events_file(
    folder: Path, events: int, pulses: tuple[int, int] | None, simulated: int, copies: int
) -> Path:
    """Simulated events, of all sizes or of some, so many times one after the other."""
    table = simulated_table(simulated if pulses else events)
    if pulses:
        sizes = pc.list_value_length(table["sensor_id"])
        table = table.filter(pc.and_(pc.greater_equal(sizes, pulses[0]), pc.less_equal(sizes, pulses[1])))
    path = folder / "events.parquet"
    table = table.slice(0, events)
    place = table.schema.get_field_index("event_id")
    with pq.ParquetWriter(path, table.schema) as writer:
        for copy in range(copies):
            ids = pc.add(table["event_id"], copy << 32)
            writer.write_table(table.set_column(place, table.schema.field(place), ids), row_group_size=2048)
    return path


def rate(path: Path, model: str, *how: str) -> float:
    """Events per second, as the command says them."""
    command = [sys.executable, "-m", "icereco", "reconstruct", str(path), "--model", model, "--json", *how]
    output = path.with_name("reconstructed.parquet")
    rates = []
    for _ in range(REPEATS):
        done = subprocess.run([*command, "-o", str(output)], capture_output=True, text=True, check=True)
        rates.append(json.loads(done.stdout)["events_per_second"])
        output.unlink()
    return float(max(rates))


def main() -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("models", nargs="+", metavar="MODEL")
    parser.add_argument("--events", type=int, default=10_000)
    parser.add_argument("--pulses", type=int, nargs=2, metavar=("LEAST", "MOST"))
    parser.add_argument(
        "--simulated", type=int, default=50_000, help="events that those of some sizes are taken from"
    )
    parser.add_argument("--copies", type=int, default=1, help="of the events, for a longer file")
    parser.add_argument("--precisions", nargs="+", default=["float32"])
    given = parser.parse_args()
    every = str(available_processors())
    processors = {
        "1 thread": ("--threads", "1"),
        f"{every} threads": ("--threads", every),
        f"{every} processes": ("--workers", every, "--threads", "1"),
    }
    ways = {
        f"{words}, {precision}": (*how, "--precision", precision)
        for precision in given.precisions
        for words, how in processors.items()
    }
    table = Table("events/s", *given.models)
    with tempfile.TemporaryDirectory() as folder:
        path = events_file(Path(folder), given.events, given.pulses, given.simulated, given.copies)
        table.title = f"{pq.read_metadata(path).num_rows:,} events"
        for words, how in ways.items():
            rates = [rate(path, model, *how) for model in given.models]
            table.add_row(words, *(f"{one:,.0f} ({one / rates[0]:.1f})" for one in rates))
    console.print(table)
    console.print(f"ceiling of all processors: {matmul_rate() / 1e9:.0f} GFLOP/s float32")


if __name__ == "__main__":
    main()

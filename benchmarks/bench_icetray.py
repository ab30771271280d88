"""How fast .i3 files are read, pulses and all, compared with decompressing them alone; per core, of the bytes of the frames.

python benchmarks/bench_icetray.py Level2_*.i3.zst

Small files are repeated until reading takes long enough, each as members of their own, so that they compress as they do alone.
"""

import argparse
import logging
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from common import console
from icereco_icetray.compression import read_chunks
from icereco_icetray.frames import read_frames
from icereco_icetray.options import IcetrayOptions
from icereco_icetray.reader import IcetrayReader
from rich.table import Table

from icereco.detector.detector import load_detector

_BYTES = 12_000_000


def repeated(path: Path, folder: Path) -> Path:
    """A file that is `path` many times: a file behind another is a file again."""
    size = sum(map(len, read_chunks(path)))
    larger = folder / path.name
    larger.write_bytes(path.read_bytes() * max(_BYTES // size, 1))
    return larger


def core_seconds(work: Callable[[], object]) -> float:
    """The least time on a processor of five runs: other work on the machine can only add to it."""
    times = []
    for _ in range(5):
        started = time.process_time()
        work()
        times.append(time.process_time() - started)
    return min(times)


def main(paths: list[Path], options: IcetrayOptions) -> None:
    """Measure and print."""
    logging.disable(logging.WARNING)
    reader, detector = IcetrayReader(options), load_detector("icecube86")
    shown = Table(
        "file",
        "MB",
        "decompressing, MB/s",
        "keys of frames, MB/s",
        "events, MB/s",
        "times as long",
        "ms an event",
    )
    with tempfile.TemporaryDirectory() as folder:
        for path in paths:
            file = repeated(path, Path(folder))
            size = sum(map(len, read_chunks(file))) / 1e6
            plain = core_seconds(lambda file=file: sum(map(len, read_chunks(file))))
            frames = core_seconds(lambda file=file: sum(1 for _ in read_frames(file)))
            events = core_seconds(
                lambda file=file: sum(batch.num_rows for batch in reader.read(file, detector))
            )
            cells = (
                f"{size / plain:,.0f}",
                f"{size / frames:,.0f}",
                f"{size / events:,.0f}",
                f"{events / plain:.1f}",
            )
            shown.add_row(path.name, f"{size:.1f}", *cells, f"{1e3 * events / reader.count(file):.2f}")
    console.print(shown)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("files", nargs="+", type=Path)
    parser.add_argument("--pulses", help="key of the pulses  [default: as the reader chooses]")
    arguments = parser.parse_args()
    main(arguments.files, IcetrayOptions(pulses=arguments.pulses))

"""`icereco follow`: files that arrive in a folder are reconstructed, each once."""

import json
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click
from rich.markup import escape

from icereco.cli.compute import computing_with, device_option, precision_option, threads_option
from icereco.cli.console import Console
from icereco.cli.drop_option import drop_unknown_option
from icereco.cli.echo import echo
from icereco.cli.method_options import (
    detector_option,
    method_option,
    model_option,
    reader_option,
    run_option,
)
from icereco.errors import INTERRUPTED
from icereco.system.json_lines import plain

if TYPE_CHECKING:
    from icereco.data.catalog import DataSet
    from icereco.data.sources.source import Source
    from icereco.online.follower import Follower
    from icereco.online.ledger import Entry
    from icereco.reconstruction.choice import Choice
    from icereco.reconstruction.wanted import Precision, Wanted
    from icereco.training.stop_request import StopRequest

__all__ = ["command"]

_SOME_FAILED = 2

_NOTICED_SECONDS = 0.1
"""Within so long a signal ends the waiting for files."""


@click.command("follow")
@click.argument("folder", type=click.Path(path_type=Path))
@click.option(
    "-o", "--output", required=True, type=click.Path(path_type=Path), metavar="OUT",
    help="Folder of the results, OUT/NAME.reco.parquet for the file NAME; OUT/follow.jsonl says what became of each file.",
)  # fmt: skip
@run_option
@model_option
@method_option
@detector_option
@reader_option
@click.option(
    "--match", "pattern", default="*", metavar="PATTERN", show_default=True,
    help="Only files of such names, as '*.i3.zst'. Temporary ones (.NAME, NAME.part, NAME.tmp, …) are left alone in any case.",
)  # fmt: skip
@click.option(
    "--poll-seconds", type=click.FloatRange(min=0.01), default=2.0, show_default=True, metavar="SECONDS",
    help="How often to look. A file is read once two looks have found it the same.",
)  # fmt: skip
@click.option(
    "--once", is_flag=True,
    help="Reconstruct what is there and end, with exit status 2 if there is no result of some file.",
)  # fmt: skip
@click.option("--retry-failed", is_flag=True, help="Try files again that failed and have not changed since.")
@click.option(
    "--new-model",
    is_flag=True,
    help="Go on where OUT has results of another model; those that are there stay.",
)
@click.option(
    "--skip-bad", is_flag=True,
    help="Leave bad events out, and list them in OUT/NAME.reco.parquet.skipped.jsonl.",
)  # fmt: skip
@drop_unknown_option
@device_option
@precision_option
@threads_option
@click.option("--json", "as_json", is_flag=True, help="Write a line of JSON for each file, for programs.")
def command(
    folder: Path,
    output: Path,
    runs: tuple[str, ...],
    models: tuple[str, ...],
    method: str | None,
    detector: str | None,
    reader: str | None,
    pattern: str,
    poll_seconds: float,
    once: bool,
    retry_failed: bool,
    new_model: bool,
    skip_bad: bool,
    drop_unknown_sensors: bool,
    device: str | None,
    precision: "Precision",
    threads: int | None,
    as_json: bool,
) -> None:
    """Reconstruct files as they arrive in FOLDER, each once, until Ctrl-C.

    Move files into FOLDER when they are whole, or write them under a temporary name and rename them. What is
    reconstructed is not repeated after a restart, also if it was killed; what was begun is done again. A file that cannot be
    reconstructed is reported, and the others go on.

    \b
    icereco follow incoming -o results --run RUN
    icereco follow incoming -o results --match '*.i3.zst' --reader icetray:gcd=GCD.i3.gz
    icereco follow incoming -o results --once --json
    """  # noqa: D301 -- \b is click's mark for lines to keep
    from icereco.online.follower import Inputs, follower
    from icereco.reconstruction.wanted import Wanted
    from icereco.training.stop_request import stop_on_signals

    wanted, count = Wanted(runs, models, method, detector, device=device, precision=precision), 0
    inputs = Inputs(reader, drop_unknown_sensors, skip_bad)
    choose = _chooser(wanted, threads)
    with stop_on_signals() as stop:
        try:
            with follower(folder, output, choose, inputs, pattern=pattern, new_model=new_model) as following:
                following.advance = lambda _: _interrupt_if(stop)
                _prepare(following, wanted, choose, retry_failed)
                for entry in _entries(following, stop, once, poll_seconds):
                    count += 1
                    _report(entry, as_json)
                failed, unsettled = following.failed(), following.arrivals.unsettled
        except KeyboardInterrupt:
            echo(
                f"stopped after {_files(count)}; the same command goes on: what is in {output} is not repeated",
                err=True,
            )
            raise click.exceptions.Exit(INTERRUPTED) from None
    _end(count, failed, unsettled)


def _chooser(
    wanted: "Wanted", threads: int | None
) -> "Callable[[Sequence[DataSet], Sequence[Source]], Choice]":
    """What chooses the method, says what is used, and prepares this process to compute with it."""

    def choose(data: "Sequence[DataSet]", sources: "Sequence[Source]") -> "Choice":
        choice = wanted.choice(data, sources)
        computing_with(threads)
        Console(stderr=True).print(
            f"reconstructing with {escape(choice.words)}", highlight=False, soft_wrap=True
        )
        return choice

    return choose


def _prepare(
    following: "Follower",
    wanted: "Wanted",
    choose: "Callable[[Sequence[DataSet], Sequence[Source]], Choice]",
    retry_failed: bool,
) -> None:
    """Load the model before the first file comes, where it does not depend on that."""
    if retry_failed:
        following.retry_failed()
    if not wanted.needs_events:
        following.use(choose([], []))


def _entries(
    following: "Follower", stop: "StopRequest", once: bool, poll_seconds: float
) -> "Iterator[Entry]":
    """What becomes of each file; `once`, of those that two looks find, else until a stop is requested."""
    yield from following.look()
    while True:
        _sleep(poll_seconds, stop)
        for entry in following.look():
            yield entry
            _interrupt_if(stop)
        if once:
            return


def _sleep(seconds: float, stop: "StopRequest") -> None:
    """Wait, but no longer than until a stop is requested."""
    end = time.monotonic() + seconds
    while (left := end - time.monotonic()) > 0:
        _interrupt_if(stop)
        time.sleep(min(left, _NOTICED_SECONDS))


def _interrupt_if(stop: "StopRequest") -> None:
    """Interrupt between batches and files, where nothing is left half written."""
    if stop:
        raise KeyboardInterrupt


def _report(entry: "Entry", as_json: bool) -> None:
    if as_json:
        echo(json.dumps(plain(asdict(entry))))
    elif entry.state == "failed":
        click.secho(f"error: {entry.reason}", fg="red", err=True)
    else:
        rate = entry.events / max(entry.seconds, 1e-9)
        echo(
            f"{entry.file}: {entry.events:,} events in {entry.seconds:.1f} s ({rate:,.0f} events/s) -> {entry.output}"
        )


def _end(count: int, failed: "Sequence[Entry]", unsettled: int) -> None:
    """Say in what state the folder is, and end with it."""
    words = [_files(count)]
    words += [f"{unsettled:,} still being written, and left"] if unsettled else []
    if failed:
        names = ", ".join(entry.file for entry in failed[:3]) + (", …" if len(failed) > 3 else "")
        words += [f"no result of {len(failed):,} ({names}); try them again with --retry-failed"]
    echo("; ".join(words), err=True)
    if failed:
        raise click.exceptions.Exit(_SOME_FAILED)


def _files(count: int) -> str:
    return f"{count:,} file{'' if count == 1 else 's'}"

"""`icereco tail`: the state and metrics of a training, as text or JSON, once or as it runs."""

import json
import time
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from icereco.cli import completion
from icereco.cli.echo import echo
from icereco.runs.folder import RunFolder, resolve, runs_dir
from icereco.runs.metrics import POSITIONS
from icereco.system.json_lines import plain, row_of
from icereco.watch.log import Log
from icereco.watch.tail import Tail

__all__ = ["command"]

LOOK_SECONDS = 0.5
SHOWN_LOG_LINES = 5


@click.command("tail")
@click.argument("name", metavar="RUN", shell_complete=completion.runs)
@click.option(
    "--runs-dir",
    type=click.Path(path_type=Path, file_okay=False),
    default=runs_dir,
    show_default="runs",
    help="Folder of the runs.",
)
@click.option("--once", is_flag=True, help="Print the present state, and exit.")
@click.option("--json", "as_json", is_flag=True, help="Write JSON: one document, or a line for each change.")
def command(name: str, runs_dir: Path, once: bool, as_json: bool) -> None:
    """Print metrics and log of a training as they come, until it ends.

    \b
    icereco tail RUN                  like tail -f, for people
    icereco tail RUN --once --json    one document, for scripts and CI
    """  # noqa: D301 -- \b is click's mark for lines to keep
    run = resolve(name, runs_dir)
    if once:
        document = _document(run)
        echo(json.dumps(document, indent=2) if as_json else _text(document))
        return
    for change in _changes(run):
        echo(json.dumps(plain(change)) if as_json else _line(change))


def _document(run: RunFolder) -> dict[str, Any]:
    """Everything about a run, with the newest value of each metric."""
    status, log = run.status(), Log(run.log)
    log.look()
    newest: dict[str, dict[str, Any]] = {}
    rows = run.read_metrics()
    for row in rows:
        newest |= {name: {"value": value, "step": row.get("step")} for name, value in _metrics(row).items()}
    document = {
        "name": run.name,
        "path": str(run.path),
        "state": run.state(),
        "profile": run.profile_name(),
        "status": asdict(status) if status else None,
        "rows": len(rows),
        "metrics": newest,
        "log": [f"{line.clock} {line.message}" for line in log.lines[-SHOWN_LOG_LINES:]],
    }
    plain_document: dict[str, Any] = plain(document)
    return plain_document


def _text(document: dict[str, Any]) -> str:
    status = document["status"] or {}
    lines = [f"{document['name']}  {document['state']}  {document['profile'] or '?'}"]
    if status:
        lines.append(f"step {status['step']:,}  epoch {status['epoch']:.2f} / {status['epochs'] or '?'}")
    if status.get("message"):
        lines.append(status["message"])
    width = max((len(name) for name in document["metrics"]), default=0)
    for name, newest in document["metrics"].items():
        lines.append(f"  {name:<{width}}  {_number(newest['value']):>10}  at step {newest['step']}")
    return "\n".join([*lines, *document["log"]])


def _changes(run: RunFolder) -> Iterator[dict[str, Any]]:
    """Yield rows of metrics, lines of the log and changes of state as they come; earlier ones are not repeated."""
    metrics, log = Tail(run.metrics, last_bytes=0), Tail(run.log, last_bytes=0)
    state = None
    while True:
        now = run.state()  # before the files: what a run writes last is read below
        for line in _new_lines(metrics):
            if row := row_of(line):
                yield row
        for line in _new_lines(log):
            yield {"log": line}
        if now != state:
            state = now
            yield {"state": now, "run": run.name}
        if now != "running":
            return
        time.sleep(LOOK_SECONDS)


def _new_lines(tail: Tail) -> Iterator[str]:
    while (tailed := tail.read()) is not None and tailed.lines:
        yield from tailed.lines.decode(errors="replace").splitlines()


def _line(change: dict[str, Any]) -> str:
    if "log" in change:
        return str(change["log"])
    if "state" in change:
        return f"{change['run']}: {change['state']}"
    figures = "  ".join(f"{name} {_number(value)}" for name, value in _metrics(change).items())
    return f"step {change.get('step', '?')}  {figures}"


def _metrics(row: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name not in POSITIONS}


def _number(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, int | float) else "nan" if value is None else str(value)

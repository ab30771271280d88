"""`icereco calibrate`: fit the uncertainties of a trained model to other events."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click
from rich import box
from rich.table import Table

from icereco.cli import completion
from icereco.cli.calibrate_method import calibrate_method
from icereco.cli.calibrated_targets import calibrated_targets
from icereco.cli.compute import computing_with, device_option, threads_option
from icereco.cli.console import Console
from icereco.cli.echo import echo
from icereco.cli.nothing_fitted import nothing_fitted
from icereco.cli.progress import event_progress
from icereco.errors import IcerecoError

if TYPE_CHECKING:
    from icereco.data.catalog import DataSet
    from icereco.detector.detector import Detector
    from icereco.events.batch import EventBatch
    from icereco.training.calibration import Group, UnseenEvents

__all__ = ["command"]

_ROWS = 256


@click.command("calibrate")
@click.argument(
    "run", required=False, metavar="[RUN|CHECKPOINT|MODEL]", shell_complete=completion.runs_or_models
)
@click.option(
    "--method", metavar="METHOD", shell_complete=completion.methods,
    help="A method without training instead, such as likelihood, or with options likelihood:form=first; -o writes its calibration to a file "
    "of its own.",
)  # fmt: skip
@click.option(
    "--data", required=True, metavar="NAME|FILE", shell_complete=completion.data,
    help="Events with a known direction that the model was not trained on.",
)  # fmt: skip
@click.option(
    "--events",
    type=click.IntRange(min=1),
    default=20_000,
    show_default=True,
    help="Use so many at most: the first.",
)
@click.option(
    "--reader", metavar="READER", shell_complete=completion.readers,
    help="What reads the data  [default: as declared, or detected automatically].",
)  # fmt: skip
@click.option(
    "-o", "--output", type=click.Path(path_type=Path), metavar="OUT",
    help="Write the calibrated model here  [default: in place of the one that was given]; with --method the calibration, OUT.json.",
)  # fmt: skip
@device_option
@threads_option
@click.option("--json", "as_json", is_flag=True, help="Write the summary as JSON for programs.")
def command(
    run: str | None,
    method: str | None,
    data: str,
    events: int,
    reader: str | None,
    output: Path | None,
    device: str | None,
    threads: int | None,
    as_json: bool,
) -> None:
    """Calibrate the uncertainties of a trained model, or of a method without training, on events with truth, so that contours of 90 % hold 90 %.

    Every training does this at its end, on events that it holds out. Do it again where the model is used on other data, such as
    another simulation. Directions stay as they are; widths and tails of posteriors change, and where the model has them, energies and
    their intervals, covariances of vertices, probabilities of kinds, and sigmas of inelasticities, in all that is reconstructed with the
    model from then on. A model that `icereco models` lists stays as it is: write the calibrated one elsewhere, with -o. The calibration of
    a method without training is a file that `icereco reconstruct --method METHOD --calibration FILE` takes.

    \b
    icereco calibrate quick --data events.parquet
    icereco calibrate quick --data events.parquet -o calibrated.safetensors
    icereco calibrate --method likelihood --data events.parquet --events 400 -o likelihood.json
    """  # noqa: D301 -- \b is click's
    from icereco.data.catalog import find

    if (run is None) == (method is None):
        raise IcerecoError(
            "name one thing to calibrate: a run, a checkpoint or a trained model, or else --method METHOD"
        )
    computing_with(threads)
    chosen = find(data).read_with(reader)
    with event_progress(events) as advance:

        def batches(detector: "Detector") -> "Iterator[EventBatch]":
            return _first(chosen, detector, events, advance)

        if method is not None:
            seen, target = calibrate_method(method, chosen, batches, output, device), output
        else:
            assert run is not None
            seen, target = _calibrated_model(run, chosen, batches, output, device)
    assert target is not None
    _report(seen, target, as_json, "calibration" if run is None else "calibrated model")


def _calibrated_model(
    run: str,
    chosen: "DataSet",
    batches: "Callable[[Detector], Iterator[EventBatch]]",
    output: Path | None,
    device: str | None,
) -> "tuple[UnseenEvents, Path]":
    """Calibrate a trained model; return the events that it was fitted to, and the file."""
    from icereco.model.checkpoint import load_checkpoint
    from icereco.reconstruction.models import weights_of
    from icereco.system.devices import find_device
    from icereco.training.calibration import save_recalibrated, unseen_events

    weights = weights_of(run)
    if "model" in weights.facts and output is None:
        raise IcerecoError(
            f"the trained model {run!r} is not changed; say where to write the calibrated one: -o OUT.safetensors"
        )
    path = weights.path
    checkpoint = load_checkpoint(path, find_device(device))
    chosen.require_detector(checkpoint.detector)
    seen = unseen_events(checkpoint.model, batches(checkpoint.detector))
    fitted = None if seen is None else seen.recalibrations()
    if seen is None or not fitted:
        without = (
            f"{path} gives no posteriors of few densities for these events, and no energy, vertex, kind or inelasticity (a model with the "
            "loss vmf, vmf-mixture or kent has them)"
        )
        raise nothing_fitted(without, chosen.path, seen)
    facts = {"calibration": {"data": str(chosen.path.resolve()), "events": len(seen)}}
    save_recalibrated(output or path, checkpoint, fitted, facts)
    return seen, output or path


def _report(seen: "UnseenEvents", path: Path, as_json: bool, what: str) -> None:
    """Print how events fare before and after calibration, each half with what the other half gave."""
    from icereco.evaluation.targets import evaluate_targets
    from icereco.training.calibration import cross_validated, groups_of_directions

    after = cross_validated(seen)
    groups = groups_of_directions(seen, after)
    targets = [evaluate_targets(one.made, one.truth) for one in (seen, after)]
    if as_json:
        before_and_after = dict(zip(("before", "after"), (one.to_json() for one in targets), strict=True))
        echo(json.dumps({"checkpoint": str(path), "groups": groups, "targets": before_and_after}, indent=2))
        return
    console = Console(highlight=False)
    if groups:
        console.print(_directions(groups))
    if any(targets):
        console.print(calibrated_targets(*targets))
    console.print(f"the {what} is in {path}", soft_wrap=True)


def _first(
    data: "DataSet", detector: "Detector", events: int, advance: "Callable[[int], object]"
) -> "Iterator[EventBatch]":
    """Yield the first so many events in batches."""
    from icereco.tables.assembly import event_batch

    left = events
    for rows in data.open().checked(detector, _ROWS):
        batch = event_batch(rows.slice(0, left), detector)
        yield batch
        advance(len(batch))
        left -= len(batch)
        if not left:
            return


def _directions(groups: "dict[str, Group]") -> Table:
    table = Table(
        box=box.SIMPLE_HEAD, padding=(0, 0, 0, 1), caption_justify="left",
        caption="truth inside the contours, and mean log density at the truth; each half of the events with what the other half gave",
    )  # fmt: skip
    table.add_column("\ngroup")
    for heading in (
        "\nevents",
        "50%\nbefore",
        "\nafter",
        "90%\nbefore",
        "\nafter",
        "density\nbefore",
        "\nafter",
    ):
        table.add_column(heading, justify="right")
    for name, group in groups.items():
        before, after = group["before"], group["after"]
        cells = [f"{one['inside'][level]:.1%}" for level in ("50%", "90%") for one in (before, after)]
        densities = [f"{one['log_density']:.3f}" for one in (before, after)]
        table.add_row(name, f"{group['events']:,}", *cells, *densities)
    return table

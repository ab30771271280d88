"""`icereco likelihood scan`: a map of the sky of one event."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from rich.markup import escape

from icereco.cli import completion
from icereco.cli.compute import computing_with, device_option, threads_option
from icereco.cli.console import Console
from icereco.cli.echo import echo
from icereco.cli.progress import stage_progress
from icereco.data.catalog import DEFAULT_DETECTOR, find
from icereco.errors import IcerecoError, did_you_mean
from icereco.system.signals import interrupted_by_signals

if TYPE_CHECKING:
    from numpy import ndarray

    from icereco.data.sources.source import Source
    from icereco.events.batch import EventBatch
    from icereco.protocols import ProfileLikelihood
    from icereco.reconstruction.methods import Method
    from icereco.reconstruction.scan import Scan

__all__ = ["command"]

_SUFFIXES = (".fits", ".json", ".png", ".svg")


@click.command("scan")
@click.argument("file", metavar="NAME|FILE", shell_complete=completion.data)
@click.argument("event", type=int)
@click.option(
    "-o", "--output", "outputs", type=click.Path(path_type=Path), multiple=True, metavar="OUT",
    help="The file to write: the map (.fits), its contours (.json), or a picture (.png, .svg); may be repeated.",
)  # fmt: skip
@click.option(
    "--hypothesis", type=click.Choice(["auto", "track", "starting", "cascade"]),
    help="What shone: as the option of the method  [default: auto, the best of them at each direction].",
)  # fmt: skip
@click.option(
    "--nside", type=click.Choice(["16", "32", "64", "128", "256", "512", "1024"]), default="256", show_default=True,
    help="Size of the smallest pixels, which are 58.6°/NSIDE wide.",
)  # fmt: skip
@click.option(
    "--method", default="likelihood", show_default=True, metavar="METHOD",
    help="A method with a likelihood, or likelihood:model_error=0.2 with an option.",
    shell_complete=completion.methods,
)  # fmt: skip
@click.option(
    "--detector",
    metavar="NAME",
    help=f"Detector of the events  [default: as declared, or by their sensors, or {DEFAULT_DETECTOR}].",
    shell_complete=completion.detectors,
)
@device_option
@threads_option
@click.option("--force", is_flag=True, help="Replace files that exist.")
@click.option("--json", "as_json", is_flag=True, help="Write the summary as JSON for programs.")
def command(
    file: str,
    event: int,
    outputs: tuple[Path, ...],
    hypothesis: str | None,
    nside: str,
    method: str,
    detector: str | None,
    device: str | None,
    threads: int | None,
    force: bool,
    as_json: bool,
) -> None:
    """Map the likelihood of the event with this event_id over the sky.

    For the direction of each pixel, log L is maximised over everything else: place, time, light, length. All 768 pixels of
    nside 8 come first, then again and again the parts of those that hold the probability. The map shows what one
    ellipse around the best fit does not: tails, and second maxima. FILE is a data set by its name or path.

    \b
    icereco likelihood scan events.parquet 17
    icereco likelihood scan events.parquet 17 -o scan.fits -o scan.json -o scan.png
    icereco likelihood scan events.parquet 17 --hypothesis cascade --nside 64
    """  # noqa: D301 -- \b is click's
    _require_writable(outputs, force)
    from icereco.data.sources.detector_of import detector_of
    from icereco.reconstruction.methods import untrained_method
    from icereco.reconstruction.scan import scan

    data = find(file)
    source = data.open()
    options = {} if hypothesis is None else {"hypothesis": hypothesis}
    used = untrained_method(method, detector or data.detector or detector_of(source), options, device)
    computing_with(threads)
    data.require_detector(used.detector)
    batch = _event(source, used, event)
    with interrupted_by_signals(), stage_progress() as progress:
        made = scan(lambda: _profile(used, batch), int(nside), progress)
    truth = _truth(batch)
    facts = _facts(source, used, event)
    for path in outputs:
        _write(path, made, truth, facts)
    if as_json:
        from icereco.reconstruction.sky_outputs import scan_document

        files = {"event_id": event, "outputs": [str(path) for path in outputs]}
        echo(json.dumps(files | scan_document(made, truth), indent=2))
    else:
        _print(made, truth, outputs)


def _require_writable(outputs: Sequence[Path], force: bool) -> None:
    for path in outputs:
        if path.suffix.lower() not in _SUFFIXES:
            near = did_you_mean(path.suffix.lower(), _SUFFIXES)
            allowed = ", ".join(_SUFFIXES)
            raise IcerecoError(
                f"{path}: a scan is not written as {path.suffix or 'a file without suffix'!r}{near} (allowed: {allowed})"
            )
        if path.is_dir():
            raise IcerecoError(f"{path} is a folder; give the name of a file with -o")
        if path.exists() and not force:
            raise IcerecoError(
                f"{path} already exists; choose another name with -o, or replace it with --force"
            )


def _event(source: "Source", method: "Method", event_id: int) -> "EventBatch":
    """Read the event.

    Raises:
        IcerecoError: there is no such event, or it has no pulses.
    """
    from icereco.data.one_event import one_event

    batch = one_event(source, method.detector, event_id)
    if not len(batch.time_ns):
        raise IcerecoError(
            f"{source.path}: event {event_id} has no pulses, so every direction is equally likely"
        )
    return batch


def _profile(method: "Method", batch: "EventBatch") -> "ProfileLikelihood":
    """Fit the event.

    Raises:
        IcerecoError: the method has no likelihood, or cannot fit this event.
    """
    import numpy as np

    if method.profile is None:
        raise IcerecoError(f"the method {method.name!r} has no likelihood to scan; use --method likelihood")
    profile = method.profile(batch)
    if not np.isfinite(profile.fitted.direction).all():
        status = "" if profile.fitted.status is None else f" ({profile.fitted.status[0]})"
        counts = ((len(batch.time_ns), "pulse"), (len(batch.sensor_id), "module"))
        light = " in ".join(f"{count:,} {what}{'s' * (count != 1)}" for count, what in counts)
        raise IcerecoError(
            f"event {batch.event_id[0]}, with {light}, cannot be fitted{status}, so there is nothing to scan"
        )
    return profile


def _truth(batch: "EventBatch") -> "ndarray | None":
    import numpy as np

    if batch.truth is None or not np.isfinite(batch.truth.direction).all():
        return None
    direction: ndarray = batch.truth.direction[0]
    return direction


def _facts(source: "Source", method: "Method", event_id: int) -> dict[str, Any]:
    from icereco.runs.provenance import provenance

    detector = {"name": method.detector.name, "fingerprint": method.detector.fingerprint}
    return provenance(
        method=method.name, **method.provenance, detector=detector, inputs=[source.facts()], event_id=event_id
    )


def _write(path: Path, made: "Scan", truth: "ndarray | None", facts: dict[str, Any]) -> None:
    suffix = path.suffix.lower()
    if suffix in (".png", ".svg"):
        from icereco.draw.export.frame import DARK
        from icereco.draw.export.save import save_picture
        from icereco.draw.export.sky import sky_figure

        title = f"event {facts['event_id']} · {Path(facts['inputs'][0]['path']).name} · {facts['method']}"
        save_picture(path, *sky_figure(made.sky, title, truth, DARK), DARK)
        return
    from icereco.reconstruction.sky_outputs import write_contours, write_fits

    if suffix == ".fits":
        write_fits(path, made, facts)
    else:
        write_contours(path, made, truth, facts)


def _print(made: "Scan", truth: "ndarray | None", outputs: Sequence[Path]) -> None:
    from icereco.reconstruction.sky_outputs import scan_document

    document = scan_document(made, truth)
    console = Console(highlight=False, soft_wrap=True)
    console.print(
        f"[bold]{document['pixels']:,}[/] pixels, the smallest of nside {document['nside']}, in {made.seconds:.1f} s"
    )
    console.print(f"best pixel  {_angles(document['best'])}  log L {document['best']['log_likelihood']:.2f}")
    console.print(f"fit         {_angles(document['fit'])}  at the {document['fit']['content']:.1%} contour")
    for contour, size in document["contours"].items():
        area = size["area_square_deg"]
        console.print(
            f"{contour} region  {area:,.{2 if area < 100 else 0}f} square degrees, "
            f"the area of a circle of radius {size['radius_deg']:.3g}°"
        )
    if document["truth"] is not None:
        true = document["truth"]
        console.print(
            f"true        {_angles(true)}  {true['separation_deg']:.2f}° from the best pixel, at the {true['content']:.1%} contour"
        )
    if made.missed:
        console.print(
            f"[yellow]the map does not contain the maximum of the fit[/], whose log L is higher by {made.missed:.1f} than the size "
            "of pixels explains: the climbs at fixed directions did not reach it"
        )
    for path in outputs:
        console.print(f"wrote [bold]{escape(str(path))}[/]")


def _angles(direction: dict[str, float]) -> str:
    return f"zenith {direction['zenith_deg']:6.2f}°  azimuth {direction['azimuth_deg']:6.2f}°"

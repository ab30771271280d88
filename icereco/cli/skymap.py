"""`icereco skymap`: the posterior of events of a reconstruction file as maps, contours and figures."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from rich.markup import escape

from icereco.cli import completion
from icereco.cli.console import Console
from icereco.cli.echo import echo
from icereco.errors import IcerecoError, did_you_mean

if TYPE_CHECKING:
    from icereco.detector.site import Site
    from icereco.events.sky_frame import FrameName
    from icereco.reconstruction.event_sky import EventSky
    from icereco.tables.saved_reconstructions import SavedReconstructions

__all__ = ["command"]

_FIGURES = (".png", ".pdf", ".svg")
_SUFFIXES = (".fits", ".json", *_FIGURES, ".npz")


@click.command("skymap")
@click.argument("file", metavar="FILE", type=click.Path(path_type=Path))
@click.argument("events", metavar="EVENT...", type=int, nargs=-1, required=True)
@click.option(
    "-o", "--output", "outputs", type=click.Path(path_type=Path), multiple=True, metavar="OUT",
    help="The file to write: map (.fits), contours (.json), figure (.png, .pdf, .svg), or result of a scan for skyreader (.npz); may be "
    "repeated. Of several events each has its event_id in the name: sky.fits becomes sky-17.fits.",
)  # fmt: skip
@click.option(
    "--frame",
    type=click.Choice(["equatorial", "detector"]),
    help="Coordinates of map and figure  [default: equatorial where time and site are known].",
)
@click.option(
    "--detector",
    metavar="NAME",
    help="Detector whose site is taken  [default: that of the file].",
    shell_complete=completion.detectors,
)
@click.option("--force", is_flag=True, help="Replace files that exist.")
@click.option("--json", "as_json", is_flag=True, help="Write the summary as JSON for programs.")
def command(
    file: Path,
    events: tuple[int, ...],
    outputs: tuple[Path, ...],
    frame: "FrameName | None",
    detector: str | None,
    force: bool,
    as_json: bool,
) -> None:
    """Map how sure a reconstruction is of the direction of events with these event_ids.

    FILE is what icereco reconstruct wrote, with a posterior (a column kappa). The map is a multi-order HEALPix table, as those of
    gravitational waves and of IceCube's alerts, whose probability sums to 1. Where the file has the time of an event and the
    site of the detector is known, the coordinates are right ascension and declination.

    \b
    icereco skymap events.reco.parquet 17
    icereco skymap events.reco.parquet 17 -o sky.fits -o sky.json -o sky.pdf
    icereco skymap events.reco.parquet 17 23 42 -o sky.png --frame detector
    """  # noqa: D301 -- \b is click's
    places = _places(outputs, list(dict.fromkeys(events)), force)
    if any(path.suffix.lower() in _FIGURES for path in outputs):
        _require_figures()
    from icereco.reconstruction.event_sky import event_skies
    from icereco.tables.saved_reconstructions import read_reconstructions

    saved = read_reconstructions(file)
    documents = []
    for sky in event_skies(saved, list(places), _site(saved, detector), frame):
        for path in places[sky.event_id]:
            _write(path, sky, saved)
        documents.append(_document(sky) | {"outputs": [str(path) for path in places[sky.event_id]]})
        if not as_json:
            _print(documents[-1])
    if as_json:
        echo(json.dumps(documents, indent=2))


def _places(outputs: Sequence[Path], events: Sequence[int], force: bool) -> dict[int, list[Path]]:
    """Return where the files of each event are written.

    Raises:
        IcerecoError: one has a suffix that is not written, is a folder, or exists and is not to be replaced.
    """
    for path in outputs:
        if path.suffix.lower() not in _SUFFIXES:
            raise IcerecoError(
                f"{path}: a sky map is not written as {path.suffix or 'a file without suffix'!r}"
                f"{did_you_mean(path.suffix.lower(), _SUFFIXES)} (allowed: {', '.join(_SUFFIXES)})"
            )
    many = len(events) > 1
    places = {
        event: [path.with_stem(f"{path.stem}-{event}") if many else path for path in outputs]
        for event in events
    }
    for path in (path for paths in places.values() for path in paths):
        if path.is_dir():
            raise IcerecoError(f"{path} is a folder; give the name of a file with -o")
        if path.exists() and not force:
            raise IcerecoError(
                f"{path} already exists; choose another name with -o, or replace it with --force"
            )
    return places


def _require_figures() -> None:
    """Check that figures can be drawn before anything is written."""
    from icereco.plots.style import styled

    with styled():
        pass


def _site(saved: "SavedReconstructions", detector: str | None) -> "Site | None":
    """Return the site of the detector that is named, or else of that which the file names, if there is such a card."""
    from icereco.detector.detector import load_detector

    if detector is not None:
        return load_detector(detector).site
    named = saved.provenance.get("detector")
    try:
        return load_detector(str(named["name"])).site if isinstance(named, dict) else None
    except (IcerecoError, LookupError):  # a card of the user's own
        return None


def _write(path: Path, sky: "EventSky", saved: "SavedReconstructions") -> None:
    suffix = path.suffix.lower()
    if suffix in _FIGURES:
        from icereco.plots.sky import sky_figure
        from icereco.plots.style import save_figure

        save_figure(path, sky_figure(sky, f"event {sky.event_id} of {saved.path.name}"))
        return
    from icereco.reconstruction import event_sky_outputs as files

    if suffix == ".npz":
        files.write_skyreader(path, sky)
    elif suffix == ".fits":
        files.write_event_fits(path, sky, _facts(sky, saved))
    else:
        files.write_event_contours(path, sky, _facts(sky, saved))


def _facts(sky: "EventSky", saved: "SavedReconstructions") -> dict[str, Any]:
    from icereco.runs.provenance import provenance

    return provenance(
        method=sky.method,
        method_options=saved.provenance.get("method_options", {}),
        detector=saved.provenance.get("detector"),
        inputs=[{"path": str(saved.path.resolve())}],
        event_id=sky.event_id,
        reconstruction=dict(saved.provenance),
    )


def _document(sky: "EventSky") -> dict[str, Any]:
    from icereco.reconstruction.event_sky_outputs import sky_document

    return sky_document(sky)


def _print(document: dict[str, Any]) -> None:
    console = Console(highlight=False, soft_wrap=True)
    console.print(
        f"[bold]event {document['event_id']}[/]  {escape(document['method'])}  {_angles(document['direction'])}"
    )
    for contour, size in document["contours"].items():
        area = size["area_square_deg"]
        console.print(
            f"{contour} region  {f'{area:,.0f}' if area >= 100 else f'{area:.3g}'} square degrees, "
            f"the area of a circle of radius {size['radius_deg']:.3g}°"
        )
    others = document["others"] | ({"true": document["truth"]} if document["truth"] else {})
    for name, other in others.items():
        console.print(
            f"{escape(name)}  {_angles(other)}  {other['separation_deg']:.2f}° away, at the {other['content']:.1%} contour"
        )
    for path in document["outputs"]:
        console.print(f"wrote [bold]{escape(path)}[/]")


def _angles(place: dict[str, float]) -> str:
    names = {
        "ra_deg": "right ascension",
        "dec_deg": "declination",
        "zenith_deg": "zenith",
        "azimuth_deg": "azimuth",
    }
    return "  ".join(f"{word} {place[name]:.2f}°" for name, word in names.items() if name in place)

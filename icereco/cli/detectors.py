"""`icereco detectors`: list the detector cards, draw one, and make one of a geometry file."""

import json
from contextlib import suppress
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from rich import box
from rich.markup import escape
from rich.table import Table

from icereco.cli import completion
from icereco.cli.console import Console
from icereco.cli.echo import echo
from icereco.detector.cards import find_card
from icereco.detector.detector import Detector, detector_names, load_detector, of_geometry
from icereco.detector.geometry_file import Geometry, is_geometry_file, read_geometry
from icereco.errors import IcerecoError

if TYPE_CHECKING:
    from numpy import ndarray

__all__ = ["command"]


@click.group("detectors", invoke_without_command=True)
@click.option("--json", "as_json", is_flag=True, help="Write JSON for programs.")
@click.pass_context
def command(context: click.Context, as_json: bool) -> None:
    """List detector cards, or show one.

    Cards ship with icereco or come with plugins. Every option that takes a detector also takes the folder of a card
    of your own, or a geometry file: KM3NeT's .detx and .datx, Prometheus' .geo, or a table of modules (CSV, text or parquet
    with string, om, x, y, z); FILE:like=CARD takes the medium of that card.
    """
    if context.invoked_subcommand is not None:
        return
    documents, broken = [], []
    for name in detector_names():
        try:
            documents.append(_document(name))
        except IcerecoError as error:
            broken.append(str(error))
    if as_json:
        echo(json.dumps(documents, indent=2))
    else:
        Console().print(_table(documents))
    for problem in broken:
        Console(stderr=True).print(f"[red]left out[/]  {escape(problem)}", soft_wrap=True, highlight=False)


@command.command("show")
@click.argument("name", metavar="NAME|FOLDER|FILE", shell_complete=completion.detectors)
@click.option("--json", "as_json", is_flag=True, help="Write JSON for programs.")
def show(name: str, as_json: bool) -> None:
    """Draw the detector NAME from above and from the side, with its medium and sources."""
    if as_json:
        echo(json.dumps(_document(name), indent=2))
        return
    _print(load_detector(name), _texts(name), Console(highlight=False))


@command.command("import")
@click.argument("file", metavar="FILE", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, file_okay=False),
    required=True,
    metavar="FOLDER",
    help="Folder of the card, whose name is that of the detector; it must be new.",
)
@click.option(
    "--like",
    metavar="NAME",
    help="A detector whose medium and site are taken; by default the medium that the file names, or that is usual at its depth, and no site.",
    shell_complete=completion.detectors,
)
def import_(file: Path, output: Path, like: str | None) -> None:
    """Make a detector card of a geometry file: KM3NeT's .detx or .datx, Prometheus' .geo, a table of modules, or IceTray's GCD file."""
    from icereco.detector.card_writer import write_card

    if output.exists() and any(output.iterdir()):
        raise IcerecoError(f"the folder {output} is not empty; give a new one with -o")
    geometry = _geometry(file, like)
    geometry.report()
    detector = of_geometry(geometry)
    write_card(detector, output.resolve().name, geometry.texts, output)
    load_detector(output)
    echo(f"{len(detector.string):,} modules -> {output}\nnext: icereco detectors show {output}")


def _geometry(file: Path, like: str | None) -> Geometry:
    """What a geometry file says, or a file of events with which modules come."""
    try:
        return read_geometry(f"{file}:like={like}" if like else file)
    except IcerecoError:
        from icereco.data.sources.detector_of import geometry_with

        with suppress(IcerecoError):  # then it is neither, and the first error says what is wrong
            if (geometry := geometry_with(file)) is not None:
                return replace(geometry, like=like or "")
        raise


def _texts(name: str) -> dict[str, str]:
    """What the card says in words, by its entries: summary, origin and sources."""
    if is_geometry_file(name):
        return read_geometry(name).texts
    card = find_card(name)
    entries = ["summary", "origin", *(f"source.{part}" for part in card.keys("source"))]
    return {entry: card.text(entry) for entry in entries}


def _sources(texts: dict[str, str]) -> dict[str, str]:
    return {entry.partition(".")[2]: text for entry, text in texts.items() if entry.startswith("source.")}


def _table(documents: list[dict[str, Any]]) -> Table:
    table = Table(box=box.SIMPLE_HEAD)
    table.add_column("detector", no_wrap=True)
    for heading in ("strings", "modules"):
        table.add_column(heading, no_wrap=True, justify="right")
    table.add_column("medium", no_wrap=True)
    table.add_column("summary", ratio=1)
    for document in documents:
        table.add_row(
            f"[bold]{escape(document['name'])}[/]",
            f"{document['strings']:,}",
            f"{document['modules']:,}",
            document["medium"]["kind"],
            escape(document["summary"]),
        )
    return table


def _print(detector: Detector, texts: dict[str, str], console: Console) -> None:
    from icereco.draw.detector_text import side_view, top_view

    ascii_only = not console.encoding.startswith("utf")
    alive = int(detector.alive.sum())
    size = " x ".join(f"{2 * half:,.0f}" for half in detector.extent_m)
    console.print(f"[bold]{escape(detector.name)}[/]  {escape(texts['summary'])}", soft_wrap=True)
    console.print(
        f"{len(detector.alive):,} modules ({alive:,} in use) on {_strings(detector):,} strings, {size} m; {_optics(detector)}",
        soft_wrap=True,
    )
    for title, lines in (
        ("From above, a mark for each string", top_view(detector, ascii_only=ascii_only)),
        ("From the side", side_view(detector, ascii_only=ascii_only)),
    ):
        console.print(f"\n[bold]{title}[/]")
        console.print(escape("\n".join(lines)), soft_wrap=True)
    console.print(f"\norigin   {escape(texts['origin'])}")
    for kind, place in detector.file_origins_m.items():
        console.print(
            f"         in files of {escape(kind)} at x, y, z = {', '.join(f'{p:g}' for p in place)} m"
        )
    if (site := detector.site) is not None:
        console.print(
            f"site     latitude {site.latitude_deg:g}°, longitude {site.longitude_deg:g}°, x axis at the bearing {site.x_axis_deg:g}°"
        )
    for part, text in _sources(texts).items():
        if part != "site":
            console.print(f"{escape(part):<8} {escape(text)}")


def _strings(detector: Detector) -> int:
    return len(set(detector.string[detector.alive].tolist()))


def _optics(detector: Detector) -> str:
    medium = detector.medium
    unknown = [
        name
        for name, value in (
            ("absorption", medium.absorption_length_m),
            ("scattering", medium.scattering_length_m),
            ("dark noise", detector.noise_rate_hz),
        )
        if value is None
    ]
    known = f"{medium.kind}, refractive index {medium.refractive_index_phase:g} (group {medium.refractive_index_group:g})"
    return known + (f"; not in the card: {', '.join(unknown)}" if unknown else "")


def _document(name: str) -> dict[str, Any]:
    detector, texts = load_detector(name), _texts(name)
    medium = detector.medium
    return {
        "name": detector.name,
        "summary": texts["summary"],
        "folder": name if is_geometry_file(name) else str(find_card(name).folder),
        "strings": _strings(detector),
        "modules": len(detector.alive),
        "modules_in_use": int(detector.alive.sum()),
        "centre_m": detector.centre_m.tolist(),
        "extent_m": detector.extent_m.tolist(),
        "origin": texts["origin"],
        "file_origins_m": {kind: list(place) for kind, place in detector.file_origins_m.items()},
        "has_dom_ids": detector.dom_id is not None,
        "noise_rate_hz": _range(detector.noise_rate_hz),
        "medium": {
            "kind": medium.kind,
            "refractive_index_phase": medium.refractive_index_phase,
            "refractive_index_group": medium.refractive_index_group,
            "absorption_length_m": _range(medium.absorption_length_m),
            "scattering_length_m": _range(medium.scattering_length_m),
        },
        "site": None if detector.site is None else asdict(detector.site),
        "source": _sources(texts),
        "fingerprint": detector.fingerprint,
    }


def _range(values: "ndarray | None") -> list[float] | None:
    """Smallest and largest, None where unknown."""
    return None if values is None else [float(values.min()), float(values.max())]

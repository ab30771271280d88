"""Real IceCube events: a model or a method without training, and the line fit, compared with IceCube's own fits.

Run: python benchmarks/real_events.py ../shared/data/icecube_real [RUN|METHOD]
The folder holds pulses.parquet, events.parquet and fits.parquet; by default METHOD is likelihood.
"""

import sys
from pathlib import Path

import numpy as np
import polars as pl
from rich.console import Console
from rich.table import Table

from icereco.data.sources.source import open_source
from icereco.errors import IcerecoError
from icereco.physics.sphere import direction_from_angles, opening_angle
from icereco.physics.vmf import angular_sigma
from icereco.reconstruction.models import load_model
from icereco.tables.assembly import event_batch

TRACK_FITS = ("SplineMPE", "MPEFit", "SPEFit", "BestFit")
CASCADE_FITS = ("CascadeLlh", "Monopod", "Cascade")

console = Console()


def official(fits: pl.DataFrame, names: tuple[str, ...]) -> tuple[str, np.ndarray] | None:
    """The first official fit whose name holds one of `names`, the best kind first."""
    for part in names:
        found = fits.filter(pl.col("name").str.contains(part) & pl.col("zenith").is_finite())
        if len(found):
            row = found.row(0, named=True)
            return row["name"], direction_from_angles(np.array(row["azimuth"]), np.array(row["zenith"]))
    return None


def degrees(first: np.ndarray, second: np.ndarray) -> str:
    """The opening angle, for a table."""
    return f"{np.degrees(opening_angle(first, second)):.1f}"


def print_real(events: pl.DataFrame, fits: pl.DataFrame, results: dict, order: dict[int, int]) -> None:
    """A row for each real event and official fit."""
    table = Table(title="real events: degrees from the official fits")
    for heading in (
        "event",
        "pulses",
        "model zenith",
        "azimuth",
        "sigma",
        "official fit",
        "model",
        "line fit",
    ):
        table.add_column(heading, justify="right")
    for event in events.iter_rows(named=True):
        row = order[event["event_id"]]
        own = [
            part
            for names in (TRACK_FITS, CASCADE_FITS)
            if (part := official(fits.filter(pl.col("event_id") == event["event_id"]), names))
        ]
        model, line = results["model"], results["linefit"].direction[row]
        x, y, z = model.direction[row]
        sigma = "-" if model.kappa is None else f"{np.degrees(angular_sigma(model.kappa[row])):.1f}"
        facts = [
            str(event["event_id"]),
            str(event["n_pulses"]),
            f"{np.degrees(np.arccos(z)):.1f}",
            f"{np.degrees(np.arctan2(y, x)) % 360:.1f}",
            sigma,
        ]
        for number, (name, direction) in enumerate(own):
            table.add_row(
                *(facts if number == 0 else [""] * 5),
                name,
                degrees(model.direction[row], direction),
                degrees(line, direction),
            )
    console.print(table)


def print_simulated(events: pl.DataFrame, results: dict, order: dict[int, int]) -> None:
    """Median angular error on the official simulated events."""
    truth = direction_from_angles(events["true_azimuth"].to_numpy(), events["true_zenith"].to_numpy())
    rows = [order[event] for event in events["event_id"]]
    for name, result in results.items():
        error = np.degrees(opening_angle(result.direction[rows], truth))
        console.print(
            f"{len(rows)} official simulated events (DeepCore, low energy): {name} median "
            f"{np.nanmedian(error):.1f}°"
        )


def main(folder: Path, name: str) -> None:
    """Reconstruct and print."""
    if not (folder / "pulses.parquet").is_file():
        raise IcerecoError(f"{folder} has no pulses.parquet; give the folder icecube_real")
    console.print(f"model: {name}")
    methods = {"model": load_model(name), "linefit": load_model("linefit")}
    (table,) = open_source(folder / "pulses.parquet").batches(methods["model"].detector)
    batch = event_batch(table, methods["model"].detector)
    results = {name: method(batch) for name, method in methods.items()}
    order = {int(event): row for row, event in enumerate(batch.event_id)}
    events, fits = pl.read_parquet(folder / "events.parquet"), pl.read_parquet(folder / "fits.parquet")
    print_real(events.filter(pl.col("kind").str.contains("real")), fits, results, order)
    known = events.filter(pl.col("true_zenith").is_not_null())
    print_simulated(known, results, order)


if __name__ == "__main__":
    try:
        main(Path(sys.argv[1]), sys.argv[2] if len(sys.argv) > 2 else "likelihood")
    except (IcerecoError, IndexError) as error:
        sys.exit(f"error: {error}\n{__doc__}")

"""Every registered component passes the conformance kit: registered means tested."""

from pathlib import Path

import pytest
from i3_files import event_frames, write

from icereco.plugins.component import KINDS
from icereco.plugins.discovery import registry
from icereco.testing.conformance import Example, checks_of
from icereco.testing.conformance.samples import detector, event_table

SETTINGS = {
    ("loss", "sphere-bins"): [{"cells_per_side": 3, "smoothing_deg": 20}],
    ("simulator", "ice-telescope"): [{"primaries_per_block": 64}],
    ("reconstructor", "likelihood"): [
        {"seed_count": 2, "hops": 0},
        {"seed_count": 2, "hops": 0, "form": "first", "hypothesis": "track"},
    ],
    ("reader", "table"): [
        {"event": "event_id", "sensor": "sensor_id", "zenith": "zenith", "azimuth": "azimuth"}
        | {name: name for name in ("time", "charge", "auxiliary", "energy", "kind", "inelasticity")}
        | {"vertex": "vertex_x+vertex_y+vertex_z"}
    ],
}
"""Options to check a component with, where those by default do not say it all, or take long."""


def write_own(folder):
    import pyarrow.parquet as pq

    pq.write_table(event_table(), folder / "events.parquet")
    return folder / "events.parquet"


def write_icetray(folder):
    pulses = {
        (1, 1, 0): [(5_000.0, 1.0, 8.0, 1)],
        (30, 7, 0): [(5_100.5, 0.5, 8.0, 4), (6_000.0, 2.5, 8.0, 7)],
    }
    return write(
        folder / "events.i3.zst", [raw for event in range(10) for raw in event_frames(pulses, event=event)]
    )


def write_kaggle(folder):
    from icereco.data.write.kaggle import KaggleWriter

    with KaggleWriter(folder / "events", detector(), {}) as writer:
        for batch in event_table().to_batches():
            writer.write(batch)
    return folder / "events"


SHARED = Path(__file__).resolve().parents[3] / "shared" / "data"
GRAPHNET = "oscNext_genie_level7_v02"
EXAMPLES = {
    "icereco": Example(write_own, event_table()),
    "icetray": Example(write_icetray),
    "kaggle": Example(write_kaggle, event_table()),
    "graphnet-sqlite": Example(SHARED / "graphnet" / "sqlite" / GRAPHNET / f"{GRAPHNET}_first_5_frames.db"),
    "graphnet-parquet": Example(SHARED / "graphnet" / "parquet" / GRAPHNET / "merged"),
    "prometheus": Example(SHARED / "prometheus" / "raw" / "22980001_photons.parquet", detector="arca"),
    "table": Example(write_own, event_table()),
    "km3net": None,  # no file of theirs that may be kept beside the project
}
"""Readers and a file of theirs. A reader that is not here fails `test_every_reader_has_an_example`."""


def every_check():
    for declaration in (one for kind in KINDS for one in registry().of_kind(kind)):
        kind, name = declaration.kind, declaration.component.name
        example = EXAMPLES.get(name) if kind == "reader" else None
        if example and not callable(example.path) and not example.path.exists():
            example = None  # the folder of shared data is not beside this checkout
        for settings in SETTINGS.get((kind, name), [{}]):
            chosen = "".join(f" {key}={value}" for key, value in settings.items())
            for check in checks_of(declaration, example, settings or None):
                if not check.waived:
                    yield pytest.param(check, id=f"{kind} {check}{chosen}")


@pytest.mark.parametrize("check", list(every_check()))
def test_every_component_keeps_its_promises(check):
    check()


@pytest.mark.parametrize("name", registry().names("reader"))
def test_every_reader_has_an_example(name):
    assert name in EXAMPLES

"""Options, the detector, batch sizes and further columns of a method, through the command line as its own process."""

import json

import pyarrow.parquet as pq
import pytest
from icereco_reconstructors.options import LineFitOptions
from reconstruct_driver import SIZES, written

import icereco
from icereco.detector.detector import load_detector
from icereco.errors import IcerecoError
from icereco.tables.reconstructions import provenance_of

DECLARED = """
    from icereco import Component, hookimpl

    @hookimpl
    def icereco_reconstructors():
        yield Component("tilted", "tilted_part:Tilted", "tilted_options:Options", "along an axis")
"""

OPTIONS = """
    from typing import Literal
    from pydantic import BaseModel, ConfigDict, Field

    class Options(BaseModel):
        model_config = ConfigDict(extra="forbid", frozen=True)

        axis: Literal["x", "y", "z"] = Field("z", description="which axis")
        sign_count: int = Field(1, description="how many signs")
"""

PART = """
    import numpy as np
    from icereco import Reconstruction

    class Tilted:
        events_per_batch = 4
        pulses_per_call = 50

        def __init__(self, options, detector):
            self.options, self.sensors = options, float(len(detector.position_m))

        def __call__(self, batch):
            direction = np.tile(np.eye(3)["xyz".index(self.options.axis)], (len(batch), 1))
            calls, sensors = np.full(len(batch), float(len(batch))), np.full(len(batch), self.sensors)
            status = np.where(batch.pulse_count > 1, "converged", "one pulse")
            {extras}
            return Reconstruction(direction, status=status, extras=extras)
"""

EXTRAS = 'extras = {"events_of_call": calls, "sensor_count": sensors}'


def install(environment, extras=EXTRAS):
    modules = {
        "tilted.py": DECLARED,
        "tilted_options.py": OPTIONS,
        "tilted_part.py": PART.format(extras=extras),
    }
    environment.write("icereco-tilted", modules, version="2.5")


@pytest.fixture
def tilted(fresh):
    """An environment with a method that has options, and events in its working folder."""
    install(fresh)
    written(fresh.folder / "events.parquet", SIZES)
    return fresh


@pytest.mark.parametrize(
    "request_",
    [
        ("--method", "tilted:axis=x,sign_count=3"),
        ("--method", "tilted", "-o", "tilted.axis=x", "-o", "tilted.sign_count=3"),
        ("--method", "tilted:axis=y,sign_count=3", "-o", "tilted.axis=x"),
    ],
    ids=["in its text", "with -o", "-o wins"],
)
def test_options_reach_the_method_and_the_provenance(tilted, request_):
    done = tilted.icereco("reconstruct", "events.parquet", *request_, "-o", "out.parquet")
    assert done.returncode == 0, done.stderr
    table = pq.read_table(tilted.folder / "out.parquet").to_pylist()
    assert [row["direction_x"] for row in table] == [1.0 if size else None for size in SIZES]
    facts = provenance_of(tilted.folder / "out.parquet")
    assert facts["method"] == "tilted"
    assert facts["method_options"] == {"axis": "x", "sign_count": 3}


def test_the_detector_reaches_a_factory_that_asks_for_it(tilted):
    """With the further columns of the method, null where an event has no pulses."""
    done = tilted.icereco("reconstruct", "events.parquet", "--method", "tilted", "--detector", "icecube86")
    assert done.returncode == 0, done.stderr
    table = pq.read_table(tilted.folder / "events.reco.parquet").to_pydict()
    sensors = float(len(load_detector("icecube86").position_m))
    assert table["sensor_count"] == [sensors if size else None for size in SIZES]
    status = [None if size == 0 else "converged" if size > 1 else "one pulse" for size in SIZES]
    assert table["status"] == status


def test_a_method_suggests_how_many_events_are_read_and_pulses_are_given_at_once(tilted):
    done = tilted.icereco("reconstruct", "events.parquet", "--method", "tilted", "--json")
    assert json.loads(done.stdout)["used"] == "method tilted", done.stderr
    calls = pq.read_table(tilted.folder / "events.reco.parquet")["events_of_call"].to_pylist()
    assert calls == [2, 2, None, 1, 2, 2, 1, None, 1, 2, 2, 1, 1, 1, 1]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (
            ["--method", "tilted:axes=x"],
            "axes is not an option of the reconstructor 'tilted'; did you mean 'axis'?\n  it has: axis, sign_count",
        ),
        (["--method", "tilted", "-o", "tilted.sign_cuont=2"], "did you mean 'sign_count'?"),
        (
            ["--method", "tilted:axis=w"],
            "option axis of the reconstructor 'tilted': Input should be 'x', 'y' or 'z'",
        ),
        (["--method", "tilted", "-o", "tilted.sign_count=many"], "not 'many'"),
        (["--method", "tilted:axis"], "'axis' is not an option; write NAME:KEY=VALUE"),
        (
            ["--method", "tilted", "-o", "a.out", "-o", "tilte.axis=x"],
            "a.out and tilte.axis=x: give one; an option",
        ),
        (["--method", "tilded:axis=x"], "did you mean 'tilted'?"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_wrong_option_is_one_message(tilted, arguments, words):
    done = tilted.icereco("reconstruct", "events.parquet", *arguments)
    assert done.returncode == 2, done.stdout
    assert words in done.stderr
    assert "Traceback" not in done.stderr
    assert not list(tilted.folder.glob("*.out")) + list(tilted.folder.glob("*.reco.parquet"))


@pytest.mark.parametrize(
    ("extras", "words"),
    [
        ('extras = {"kappa": calls}', "gives extras called 'kappa'"),
        ('extras = {"linefit_azimuth": calls}', "gives extras called 'linefit_azimuth'"),
        ('extras = {"height": calls[:0]}', "gives 'height' of shape (0,) for "),
        ('extras = {"height": ["high"] * len(batch)}', "could not convert string to float"),
    ],
)
def test_columns_that_a_table_cannot_hold_are_refused_and_name_the_plugin(fresh, extras, words):
    install(fresh, extras)
    written(fresh.folder / "events.parquet", SIZES)
    done = fresh.icereco("reconstruct", "events.parquet", "--method", "tilted")
    assert done.returncode == 2, done.stdout
    assert words in done.stderr
    assert "reconstructor 'tilted' of icereco-tilted 2.5" in done.stderr
    assert not (fresh.folder / "events.reco.parquet").exists()


def test_a_model_is_loaded_with_options():
    options = icereco.load_model("linefit:weight_by_charge=true").provenance["method_options"]
    assert options == LineFitOptions(weight_by_charge=True, robust=False).model_dump()
    with pytest.raises(IcerecoError, match=r"did you mean 'weight_by_charge'\?"):
        icereco.load_model("linefit:weigh_by_charge=true")
    with pytest.raises(IcerecoError, match="did you mean 'linefit'"):
        icereco.load_model("linfit:weight_by_charge=true")

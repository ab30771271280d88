"""The module for trays makes of each frame what icereco makes of the file."""

import importlib
import math
import subprocess
import sys
from types import SimpleNamespace

import pyarrow.parquet as pq
import pytest
from icereco_icetray.events import SubEvents
from icereco_icetray.frames import read_frames
from icereco_icetray.mixing import Mixer
from stand_in_tray import Frame, OMKey, icecube, pulses_of, run

from icereco.data.catalog import DEFAULT_DETECTOR
from icereco.detector.detector import load_detector
from icereco.errors import IcerecoError


@pytest.fixture
def reconstruct(monkeypatch):
    """The module, imported where there is an `icecube`."""
    for name, module in icecube().items():
        monkeypatch.setitem(sys.modules, name, module)
    monkeypatch.delitem(sys.modules, "icereco_icetray.tray", raising=False)
    yield importlib.import_module("icereco_icetray.tray").Reconstruct
    sys.modules.pop("icereco_icetray.tray", None)


@pytest.fixture
def frames(small_file):
    """The frames of the file as a tray has them: in frames P the whole readout under one key."""
    found = SubEvents(small_file, None)
    made = []
    for mixed in Mixer().mix(read_frames(small_file)):
        frame = Frame(mixed.own.stream, I3EventHeader="header")
        if found.header(mixed) is not None:
            frame["Pulses"] = pulses_of(mixed.pulses("InIcePulses"))
        made.append(frame)
    return made


def rows(invoke, tmp_path, small_file, *options):
    done = invoke(
        "reconstruct", small_file, *options, "--reader", "icetray:pulses=InIcePulses", "-o", "out.parquet"
    )
    assert done.exit_code == 0, done.output
    return pq.read_table(tmp_path / "out.parquet").to_pylist()


@pytest.mark.parametrize(
    ("parameters", "options", "key"),
    [
        ({"Method": "linefit"}, ("--method", "linefit"), "icereco_linefit"),
        ({"Model": "complete", "Output": "mine"}, ("--model", "complete"), "mine"),
    ],
    ids=["method", "model"],
)
def test_each_frame_gets_what_a_file_of_them_gets(
    reconstruct, frames, invoke, tmp_path, small_file, parameters, options, key
):
    expected = rows(invoke, tmp_path, small_file, *options)
    before = [dict(frame) for frame in frames]
    pushed = run(reconstruct, frames, Pulses="Pulses", **parameters)
    assert [frame.stream for frame in pushed] == [frame.stream for frame in frames]
    assert all(old.items() <= new.items() for old, new in zip(before, pushed, strict=True)), "nothing is lost"
    particles = [frame[key] for frame in pushed if key in frame]
    assert len(particles) == len(expected) > 0
    for particle, row in zip(particles, expected, strict=True):
        assert particle.dir.zenith == pytest.approx(row["zenith"], abs=1e-5)
        assert particle.dir.azimuth == pytest.approx(row["azimuth"], abs=1e-5)
        assert (particle.fit_status, particle.shape) == ("OK", "InfiniteTrack")
        energy = row.get("energy")
        assert particle.energy == pytest.approx(energy, rel=1e-4) if energy else math.isnan(particle.energy)
    for name in {"sigma", "r90", "probability_cascade"} & expected[0].keys():
        values = [frame[f"{key}_{name}"].value for frame in pushed if key in frame]
        assert values == pytest.approx([row[name] for row in expected], rel=1e-4)


def test_frames_without_the_pulses_pass_and_are_counted(reconstruct, frames, caplog):
    passing = Frame("P", other="thing")
    pushed = run(reconstruct, [*frames, passing, passing], Pulses="Pulses", Method="linefit")
    assert pushed[-1] == {"other": "thing"}
    assert "2 frames P have no Pulses" in caplog.text


def test_an_event_without_pulses_has_a_particle_that_says_so(reconstruct):
    (frame,) = run(reconstruct, [Frame("P", Pulses={})], Pulses="Pulses", Method="linefit")
    assert frame["icereco_linefit"].fit_status == "InsufficientHits"
    assert math.isnan(frame["icereco_linefit"].dir.zenith)


def test_modules_are_where_the_frame_g_says(reconstruct, frames):
    """Where the numbers of two modules are exchanged in the geometry, their places are."""
    card = load_detector(DEFAULT_DETECTOR)
    at = {
        OMKey(int(string), int(om), 0): SimpleNamespace(
            position=SimpleNamespace(**dict(zip("xyz", place, strict=True)))
        )
        for string, om, place in zip(card.string, card.om, card.position_m.tolist(), strict=True)
    }
    shifted = dict(zip(at, [*list(at.values())[60:], *list(at.values())[:60]], strict=True))
    events = [frame for frame in frames if "Pulses" in frame]

    def zeniths(modules):
        geometry = Frame("G", I3Geometry=SimpleNamespace(omgeo=modules))
        copies = [Frame("P", **frame) for frame in events]
        pushed = run(reconstruct, [geometry, *copies], Pulses="Pulses", Method="linefit")
        return [frame["icereco_linefit"].dir.azimuth for frame in pushed[1:]]

    alone = run(reconstruct, [Frame("P", **frame) for frame in events], Pulses="Pulses", Method="linefit")
    assert zeniths(at) == [frame["icereco_linefit"].dir.azimuth for frame in alone]
    assert zeniths(shifted) != zeniths(at)


def test_a_module_that_the_geometry_lacks_is_named(reconstruct, frames):
    event = next(frame for frame in frames if "Pulses" in frame)
    series = next(iter(event["Pulses"].values()))
    frame = Frame("P", Pulses={OMKey(200, 7, 0): series})
    with pytest.raises(IcerecoError, match="string 200, om 7"):
        run(reconstruct, [frame], Pulses="Pulses", Method="linefit")


def test_outside_icetray_the_import_says_what_to_do():
    done = subprocess.run(
        [sys.executable, "-c", "from icereco_icetray.tray import Reconstruct"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "icereco reconstruct FILE.i3.zst --format i3" in done.stderr

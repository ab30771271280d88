"""Copies of .i3 files with reconstructions: what was there stays, byte for byte, and the results can be read."""

import math

import pyarrow.parquet as pq
import pytest
from i3_files import event_frames, frame, header, mask, particle, write
from icereco_icetray.checksum import is_intact
from icereco_icetray.frames import read_frames
from icereco_icetray.objects import read_particle

from icereco.data.sources.source import open_source
from icereco.detector.detector import load_detector

LINEFIT = "--method", "linefit"


def without(raw, added):
    """The frame without the last slots."""
    (one,) = (frame for frame in _parsed(raw))
    assert set(added) <= set(one.slots)
    return {key: one.blob(key) for key in one.slots if key not in added}


def _parsed(raw):
    from pathlib import Path

    from icereco_icetray.frames import frames_of

    return list(frames_of(iter([raw]), Path("memory")))


@pytest.mark.parametrize("suffix", [".i3", ".i3.gz", ".i3.bz2", ".i3.zst", ".i3.xz"])
def test_all_frames_are_copied_and_the_results_added(small_file, tmp_path, invoke, suffix):
    before = small_file.read_bytes()
    done = invoke("reconstruct", small_file, *LINEFIT, "--format", "i3", "-o", f"out{suffix}")
    assert done.exit_code == 0, done.output
    assert small_file.read_bytes() == before
    invoke("reconstruct", small_file, *LINEFIT, "-o", "out.parquet")
    expected = iter(pq.read_table(tmp_path / "out.parquet").to_pylist())
    pairs = zip(read_frames(small_file), read_frames(tmp_path / f"out{suffix}"), strict=True)
    for old, new in pairs:
        assert is_intact(new)
        if old.stream != "P":
            assert new.raw == old.raw
            continue
        assert without(new.raw, ["icereco_linefit"]) == {key: old.blob(key) for key in old.slots}
        assert new.raw.startswith(old.raw[:11])
        assert old.raw[15:-4] in new.raw, "what is copied is not written anew"
        found, row = read_particle(new.blob("icereco_linefit")), next(expected)
        assert (found.zenith, found.azimuth) == (row["zenith"], row["azimuth"])
        assert (found.fit_status, found.shape, found.pdg) == (0, 40, 0)
        assert math.isnan(found.energy_gev)


def test_a_copy_is_read_with_its_results_as_a_fit_to_compare_with(small_file, tmp_path, invoke):
    invoke("reconstruct", small_file, *LINEFIT, "--format", "i3", "-o", "out.i3")
    done = invoke("reconstruct", "out.i3", "--method", "plane-wave", "-o", "out.parquet")
    assert done.exit_code == 0, done.output
    row = pq.read_table(tmp_path / "out.parquet").to_pylist()[0]
    assert (row["icereco_linefit_zenith"], row["subevent_stream"]) == (row["linefit_zenith"], "InIceSplit")


def test_frames_that_are_no_events_are_copied_as_they_are(tmp_path, three_pulses, invoke):
    null = frame("P", {"I3EventHeader": ("I3EventHeader", header(stream="NullSplit"))})
    empty = {"SplitInIcePulses": ("", mask("InIcePulses", [None] * 3))}
    frames = [null, *event_frames(three_pulses, empty), null, *event_frames(three_pulses, event=2), null]
    path = write(tmp_path / "a.i3", frames)
    assert invoke("reconstruct", path, *LINEFIT, "--format", "i3", "-o", "out.i3").exit_code == 0
    copied = list(read_frames(tmp_path / "out.i3"))
    assert ["icereco_linefit" in one.slots for one in copied] == [
        False,
        False,
        True,
        False,
        False,
        True,
        False,
    ]
    failed = read_particle(copied[2].blob("icereco_linefit"))
    assert failed.fit_status == 20
    assert math.isnan(failed.zenith)


def test_further_figures_are_those_of_the_table(tmp_path, small_file):
    import numpy as np
    import pyarrow as pa
    from icereco_icetray.reader import IcetrayReader

    (batch,) = open_source(small_file).checked(load_detector("icecube86"))
    known = {"sigma": 0.15, "kappa": 40.0, "r50": 0.18, "r90": None, "area50_sr": 0.1, "area90_sr": 0.4}
    known |= {
        "energy_16": 2e3,
        "vertex_covariance_xy": -30.0,
        "probability_cascade": 0.7,
        "inelasticity_sigma": 0.2,
    }
    one = {"zenith": 1.0, "azimuth": 2.0, "pulses_total": 4, "energy": 5e3, **known}
    rows = pa.RecordBatch.from_pylist([{"event_id": event, **one} for event in batch["event_id"].to_pylist()])
    with IcetrayReader().annotated([small_file], tmp_path / "out.i3", "my run") as copy:
        copy.write(rows)
    last = list(read_frames(tmp_path / "out.i3"))[-1]
    for name, value in known.items():
        written = np.frombuffer(last.blob(f"icereco_my_run_{name}"), "<f8", 1, 28)[0]
        assert written == pytest.approx(np.nan if value is None else value, nan_ok=True)
    assert read_particle(last.blob("icereco_my_run")).energy_gev == 5e3


@pytest.mark.parametrize(("status", "number"), [("not converged", 30), ("converged", 0), (None, 0)])
def test_a_fit_that_did_not_converge_is_marked(tmp_path, small_file, status, number):
    import pyarrow as pa
    from icereco_icetray.reader import IcetrayReader

    (batch,) = open_source(small_file).checked(load_detector("icecube86"))
    one = {"zenith": 1.0, "azimuth": 2.0, "pulses_total": 4, "status": status}
    rows = pa.RecordBatch.from_pylist([{"event_id": event, **one} for event in batch["event_id"].to_pylist()])
    with IcetrayReader().annotated([small_file], tmp_path / "out.i3", "fit") as copy:
        copy.write(rows)
    last = list(read_frames(tmp_path / "out.i3"))[-1]
    assert read_particle(last.blob("icereco_fit")).fit_status == number


def test_several_files_become_one(tmp_path, three_pulses, invoke):
    paths = [
        write(tmp_path / f"{name}.i3.gz", event_frames(three_pulses, run=run))
        for run, name in enumerate("ab")
    ]
    done = invoke("reconstruct", *paths, *LINEFIT, "--format", "i3", "-o", "both.i3.gz")
    assert done.exit_code == 0, done.output
    assert "".join(one.stream for one in read_frames(tmp_path / "both.i3.gz")) == "QPQP"


def test_a_gcd_file_given_first_is_the_geometry_and_not_an_event(tmp_path, invoke):
    from i3_files import geometry

    place = tuple(map(float, load_detector("icecube86").position_m[99]))
    other = tuple(map(float, load_detector("icecube86").position_m[199]))
    gcd = write(
        tmp_path / "geo.i3",
        [frame("G", {"I3Geometry": ("", geometry({(90, 1, 0): place, (91, 1, 0): other}))})],
    )
    pulses = {(90, 1, 0): [(1.0, 1.0, 8.0, 1)], (91, 1, 0): [(500.0, 1.0, 8.0, 1)]}
    data = write(tmp_path / "a.i3", event_frames(pulses))
    assert "icetray:gcd=PATH" in invoke("reconstruct", data, *LINEFIT, "-o", "o.parquet").output
    done = invoke("reconstruct", gcd, data, *LINEFIT, "-o", "o.parquet")
    assert done.exit_code == 0, done.output
    assert pq.read_table(tmp_path / "o.parquet").num_rows == 1
    assert "has no events" in invoke("reconstruct", gcd, gcd, *LINEFIT, "-o", "o.parquet").output


@pytest.mark.parametrize(
    ("output", "words"),
    [
        ("small.i3.zst", "is an input and would be overwritten"),
        ("there.i3", "there.i3 exists and is not overwritten"),
        ("out.parquet", "give a name that ends with .i3"),
    ],
)
def test_nothing_is_overwritten(small_file, tmp_path, invoke, output, words):
    (tmp_path / "there.i3").write_bytes(b"kept")
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    done = invoke("reconstruct", small_file, *LINEFIT, "--format", "i3", "-o", output)
    assert done.exit_code == 2
    assert words in done.output
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_keys_that_are_there_are_kept(tmp_path, three_pulses, invoke):
    path = write(
        tmp_path / "a.i3", event_frames(three_pulses, {"icereco_linefit": ("I3Particle", particle())})
    )
    done = invoke("reconstruct", path, *LINEFIT, "--format", "i3", "-o", "out.i3")
    assert done.exit_code == 2
    assert "frame 1 has the key icereco_linefit already" in done.output
    assert not (tmp_path / "out.i3").exists()


def test_other_formats_and_selections_cannot_be_copied(small_file, tmp_path, invoke, event_table):
    pq.write_table(event_table.slice(10, 5), tmp_path / "events.parquet")
    done = invoke("reconstruct", "events.parquet", *LINEFIT, "--format", "i3", "-o", "out.i3")
    assert (done.exit_code, "this is read by icereco" in done.output) == (2, True)
    cut = tmp_path / "cut.i3"
    cut.write_bytes(b"".join(one.raw for one in read_frames(small_file))[:-5])
    done = invoke("reconstruct", cut, *LINEFIT, "--format", "i3", "--skip-bad", "-o", "out.i3")
    assert (done.exit_code, "leave out --skip-bad" in done.output) == (2, True)
    assert not (tmp_path / "out.i3").exists()


def test_a_cut_file_is_read_as_far_as_it_is_whole_when_asked_for(small_file, tmp_path, invoke):
    cut = tmp_path / "cut.i3"
    cut.write_bytes(b"".join(one.raw for one in read_frames(small_file))[:-5])
    assert invoke("reconstruct", cut, *LINEFIT, "-o", "o.parquet").exit_code == 2
    done = invoke("reconstruct", cut, *LINEFIT, "-o", "o.parquet", "--skip-bad")
    assert done.exit_code == 0, done.output
    assert pq.read_table(tmp_path / "o.parquet").num_rows == 5


def test_events_with_a_time_have_right_ascension_and_declination(tmp_path, small_file, invoke):
    import numpy as np

    from icereco.physics.equatorial import equatorial_angles
    from icereco.physics.sphere import direction_from_angles

    assert invoke("reconstruct", small_file, *LINEFIT, "-o", "out.parquet").exit_code == 0
    table = pq.read_table(tmp_path / "out.parquet")
    column = {name: np.array(table[name], float) for name in ("azimuth", "zenith", "start_mjd", "ra", "dec")}
    direction = direction_from_angles(column["azimuth"], column["zenith"])
    expected = equatorial_angles(direction, column["start_mjd"], load_detector("icecube86").site)
    assert np.isfinite(column["ra"]).any()
    np.testing.assert_allclose([column["ra"], column["dec"]], expected)

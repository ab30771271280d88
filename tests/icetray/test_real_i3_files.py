"""Real .i3 files and alerts of IceCube, compared with values that were read from them independently."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from icereco_icetray.archive import class_of
from icereco_icetray.checksum import is_intact
from icereco_icetray.frames import read_frames
from icereco_icetray.mixing import Mixed, Mixer
from icereco_icetray.objects import read_header, read_numbers, read_particle
from icereco_icetray.pulses import parts_of_key
from icereco_icetray.reader import IcetrayReader
from icereco_icetray.tree import read_tree

from icereco.data.sources.source import open_source
from icereco.detector.detector import load_detector
from icereco.errors import IcerecoError

NUGEN = "graphnet/wBDT_wDNN_L345_IC86-2016_NuMu-021220-009993_first_5_frames.i3.gz"
GENIE = "graphnet/oscNext_genie_level7_v02_first_5_frames.i3.gz"
UPGRADE = "graphnet/upgrade_genie_step4_140028_000998_first_5_frames.i3.gz"
SHOWN = "pdg", "shape", "fit_status", "location", "zenith", "azimuth"


@pytest.fixture(scope="module")
def folder(shared_data) -> Path:
    if not (shared_data / "i3").is_dir():
        pytest.skip("needs ../shared/data/i3 beside the checkout")
    return shared_data / "i3"


@pytest.fixture(scope="module")
def expected(folder) -> dict[str, Any]:
    return json.loads((folder / "expected.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def sub_events(folder, expected) -> list[tuple[Mixed, dict[str, Any]]]:
    """Every frame P of every file, with what is known of it."""
    found = []
    for name, of_file in expected["files"].items():
        frames = [one for one in Mixer().mix(read_frames(folder / name)) if one.own.stream == "P"]
        found += zip(frames, of_file["p_frames"], strict=True)
    return found


def described(sub_events, part: str) -> Iterator[tuple[Mixed, str, dict[str, Any]]]:
    for frame, known in sub_events:
        for key, values in known.get(part, {}).items():
            yield frame, key, values


def test_headers_and_start_times_are_those_of_the_files(sub_events):
    for frame, known in sub_events:
        header = read_header(frame.own.blob("I3EventHeader"))
        names = {"run", "subrun", "event", "subevent"}
        assert {name: getattr(header, name) for name in names} == {name: known[name] for name in names}
        assert header.stream == known["subevent_stream"]
        assert header.start_mjd == pytest.approx(known["start_mjd"], abs=1e-10)


def test_every_pulse_map_is_that_of_the_files(sub_events):
    classes = set()
    for frame, key, known in described(sub_events, "pulse_maps"):
        pulses = frame.pulses(key)
        classes.add(class_of(frame.get(key) or b""))
        assert (len(pulses), len(pulses.key)) == (known["n_pulses"], known["n_keys"]), key
        assert int(pulses.coincident.sum()) == known["n_lc"], key
        assert float(pulses.charge_pe.astype(np.float64).sum()) == pytest.approx(
            known["sum_charge"], abs=1e-6
        )
        if len(pulses):
            assert (pulses.time_ns.min(), pulses.time_ns.max()) == (known["t_first"], known["t_last"]), key
            for place, name in ((0, "first_in_key_order"), (-1, "last_in_key_order")):
                om = [int(part[place]) for part in parts_of_key(pulses.key_of_pulse)]
                charge = float(pulses.charge_pe[place])
                assert [*om, pulses.time_ns[place], charge] == known[name][:5], key
    assert len(classes) == 4, "maps, masks, unions and SuperDST"


def test_particles_are_those_of_the_files(sub_events):
    for frame, key, known in described(sub_events, "particles"):
        particle = read_particle(frame.get(key) or b"")
        assert particle is not None
        place = dict(zip("xyz", particle.position_m, strict=True))
        values = {name: getattr(particle, name) for name in SHOWN} | {"energy": particle.energy_gev} | place
        assert all(values[name] == known[name] for name in values if known[name] is not None), key


def test_weights_are_those_of_the_files(sub_events):
    for frame, key, known in described(sub_events, "weights"):
        numbers = read_numbers(frame.get(key) or b"")
        assert {name: numbers[name] for name, value in known.items() if value is not None} == {
            name: value for name, value in known.items() if value is not None
        }


def test_trees_are_those_of_the_files(sub_events):
    for frame, key, known in described(sub_events, "mctrees"):
        tree = read_tree(frame.get(key) or b"")
        roots = tree.children(-1)
        assert (len(tree), len(roots)) == (known["n_particles"], known["n_roots"]), key
        listed = known["roots"]  # the first three
        assert [len(tree.children(root)) for root in roots[: len(listed)]] == [
            root["n_children"] for root in listed
        ]
        assert [tree[root].zenith for root in roots[: len(listed)]] == [root["zenith"] for root in listed]
        depths = []
        for parent in tree.parent.tolist():
            depths.append(1 if parent < 0 else depths[parent] + 1)
        assert max(depths, default=0) == known["depth"], key


def test_checksums_are_right_and_a_flipped_bit_is_found(folder, expected):
    for name, known in expected["files"].items():
        frames = list(read_frames(folder / name))
        assert "".join(frame.stream for frame in frames) == known["streams"]
        assert sum(map(is_intact, frames)) == known["checksums_ok"] == len(frames)
    flipped = folder / "compressed/one_bit_flipped.i3"
    bad = expected["compression_and_damage"]["compressed/one_bit_flipped.i3"]["checksums_bad"]
    assert [frame.number for frame in read_frames(flipped) if not is_intact(frame)] == bad
    assert len(IcetrayReader().damaged(flipped)) == len(bad)


def test_every_compression_is_read_to_its_end_or_to_where_it_is_cut(folder, expected):
    for name, known in expected["compression_and_damage"].items():
        if name.startswith("icetray_serialization"):
            continue  # from before frames of version 5
        streams, message = "", None
        try:
            for frame in read_frames(folder / name):
                streams += frame.stream
        except IcerecoError as error:
            message = str(error)
        assert streams == known["streams"]
        assert (message is None) == (known["error_after_that"] is None)
        assert message is None or f"after {known['complete_frames']} whole frames" in message


def test_old_frames_are_read_or_refused_with_their_version(folder, expected):
    for name, known in expected["old_fixtures"].items():
        if known["frame_version"] == 5:
            (frame,) = read_frames(folder / name)
            assert is_intact(frame)
            assert class_of(frame.blob(known["key"])) == known["cls"]
        else:
            with pytest.raises(
                IcerecoError, match=f"frames of version {known['frame_version']}, from before 2009"
            ):
                list(read_frames(folder / name))


def rows(path: Path, reader: str | None = None) -> list[dict[str, Any]]:
    detector = load_detector("icecube86")
    return [row for batch in open_source(path, reader).checked(detector) for row in batch.to_pylist()]


def test_events_have_identity_truth_and_fits(folder, expected):
    for row, known in zip(rows(folder / GENIE), expected["files"][GENIE]["p_frames"], strict=True):
        names = "run", "subrun", "event", "subevent", "subevent_stream"
        assert [row[name] for name in names] == [known[name] for name in names]
        truth = known["truth"]
        assert (row["zenith"], row["azimuth"], row["energy"]) == (
            truth["zenith"],
            truth["azimuth"],
            truth["energy"],
        )
        assert [row[f"vertex_{axis}"] for axis in "xyz"] == [truth[axis] for axis in "xyz"]
        assert row["kind"] in ("starting_track", "cascade")
        fit = known["particles"]["MPEFit"]
        assert (row["fit_MPEFit_zenith"], row["fit_MPEFit_azimuth"]) == (fit["zenith"], fit["azimuth"])
        pulses = known["pulse_maps"]["SplitInIcePulses"]
        assert len(row["time"]) == pulses["n_pulses"]
        assert row["auxiliary"].count(False) == pulses["n_lc"]
        assert row["first_pulse_ns"] == pulses["t_first"]
        assert (min(row["time"]), max(row["time"])) == (0.0, pulses["t_last"] - pulses["t_first"])


def test_the_energy_of_nugen_is_that_in_the_ice_and_its_vertex_is_where_the_muon_begins(folder, expected):
    for row, known in zip(rows(folder / NUGEN), expected["files"][NUGEN]["p_frames"], strict=True):
        assert row["energy"] == known["weights"]["I3MCWeightDict"]["InIceNeutrinoEnergy"]
        assert row["energy"] <= known["truth"]["energy"]
        assert row["inelasticity"] == known["weights"]["I3MCWeightDict"]["BjorkenY"]
        assert row["kind"] == "through_track"
        place = np.array([row[f"vertex_{axis}"] for axis in "xyz"])
        direction = np.array(
            [
                np.sin(row["zenith"]) * np.cos(row["azimuth"]),
                np.sin(row["zenith"]) * np.sin(row["azimuth"]),
                np.cos(row["zenith"]),
            ]
        )
        assert np.linalg.norm(place) < 5_000
        assert np.linalg.norm(np.cross(place, direction)) < 1_500, "the track passes through the detector"


def test_modules_that_the_card_lacks_are_refused_with_the_remedy(folder):
    with pytest.raises(IcerecoError, match=r"such as string 8\d, om \d+, pmt \d+, .*icetray:gcd=PATH"):
        rows(folder / UPGRADE)


def test_alerts_are_events(folder, expected):
    for name, known in expected["files"].items():
        if name.startswith("realtime"):
            (row,) = rows(folder / name)
            (frame,) = known["p_frames"]
            assert (row["run"], row["event"]) == (frame["run"], frame["event"])
            split = (
                frame["pulse_maps"].get("SplitInIcePulses")
                or frame["pulse_maps"]["SplitUncleanedInIcePulses"]
            )
            assert len(row["time"]) == split["n_pulses"]


def test_a_file_twice_is_events_twice_which_is_refused(folder):
    with pytest.raises(IcerecoError, match="occurs more than once"):
        rows(folder / "compressed/two_members.i3.gz")

"""The reader of .i3 files: which frames are events, which pulses, whose truth, where the modules are."""

import math
import struct
import tracemalloc

import numpy as np
import pyarrow.parquet as pq
import pytest
from i3_files import (
    double_map,
    event_frames,
    frame,
    geometry,
    header,
    mask,
    particle,
    pulse_map,
    superdst,
    tree,
    union,
    write,
)
from icereco_icetray.frames import read_frames
from icereco_icetray.mixing import Mixer

from icereco.data.sources.source import open_source
from icereco.detector.detector import load_detector
from icereco.doctor.checksums import check_checksums
from icereco.doctor.sample import take_sample
from icereco.errors import IcerecoError

HEADER = "I3EventHeader"
CARD = load_detector("icecube86")
CARD_PLACES = {
    (int(string), int(om), 0): tuple(map(float, place))
    for string, om, place in zip(CARD.string, CARD.om, CARD.position_m, strict=True)
}


def rows(path, reader=None, detector="icecube86", at_once=100):
    source = open_source(path, reader)
    read = [row for batch in source.checked(load_detector(detector), at_once) for row in batch.to_pylist()]
    assert len(read) == source.count()
    return read


def one(path, **options):
    (row,) = rows(path, **options)
    return row


def complaint(path, reader=None, detector="icecube86"):
    with pytest.raises(IcerecoError) as caught:
        rows(path, reader, detector)
    return str(caught.value)


@pytest.mark.parametrize("suffix", ["", ".gz", ".bz2", ".zst", ".xz"])
def test_pulses_are_those_of_the_sensors_by_string_and_number(tmp_path, three_pulses, suffix):
    row = one(write(tmp_path / f"a.i3{suffix}", event_frames(three_pulses)))
    card = load_detector("icecube86")
    assert [(int(card.string[sensor]), int(card.om[sensor])) for sensor in row["sensor_id"]] == [
        (1, 1), (21, 30), (21, 30), (86, 60),
    ]  # fmt: skip
    assert row["time"] == [9.75, 20.25, 509.75, 0.0]
    assert row["first_pulse_ns"] == 9_990.25
    assert row["charge"] == [1.0, 0.5, 2.0, 0.25]
    assert row["auxiliary"] == [True, False, True, True]


def test_what_a_file_is_compressed_with_is_seen_from_its_bytes(tmp_path, three_pulses):
    packed = write(tmp_path / "a.i3.gz", event_frames(three_pulses))
    assert one(packed.rename(tmp_path / "renamed.i3"))
    assert one((tmp_path / "renamed.i3").rename(tmp_path / "of_another_name.dat"))


def test_members_that_follow_one_another_are_all_read(tmp_path, three_pulses):
    parts = [
        write(tmp_path / f"{number}.i3.zst", event_frames(three_pulses, event=number)).read_bytes()
        for number in range(3)
    ]
    (tmp_path / "all.i3.zst").write_bytes(b"".join(parts))
    assert [row["event"] for row in rows(tmp_path / "all.i3.zst")] == [0, 1, 2]


def test_identity_and_start_are_columns(tmp_path, three_pulses):
    ticks = (31 * 86_400 + 43_200) * 10_000_000_000
    frames = event_frames(three_pulses, run=3, subrun=2, event=5, subevent=4, stream="Final", ticks=ticks)
    row = one(write(tmp_path / "a.i3", frames))
    names = ("run", "subrun", "event", "subevent", "subevent_stream")
    assert [row[name] for name in names] == [3, 2, 5, 4, "Final"]
    assert row["start_mjd"] == 57_419.5, "noon of 1 February 2016"


def test_an_event_has_its_id_wherever_it_is(tmp_path, three_pulses):
    alone = write(tmp_path / "a.i3", event_frames(three_pulses, event=2))
    both = write(
        tmp_path / "b.i3", [*event_frames(three_pulses, event=1), *event_frames(three_pulses, event=2)]
    )
    assert one(alone)["event_id"] == rows(both)[1]["event_id"] != rows(both)[0]["event_id"]


@pytest.mark.parametrize("name", ["run", "subrun", "event", "subevent", "stream"])
def test_each_part_of_the_identity_makes_another_id(tmp_path, three_pulses, name):
    other = {"stream": "Final"} if name == "stream" else {name: 9}
    path = write(tmp_path / "a.i3", [*event_frames(three_pulses), *event_frames(three_pulses, **other)])
    first, second = rows(path)
    assert first["event_id"] != second["event_id"]


def test_simulations_without_numbers_of_files_have_ids_of_their_own(tmp_path, three_pulses):
    unset = 0xFFFFFFFF
    for name in ("a.i3", "b.i3"):
        write(tmp_path / name, event_frames(three_pulses, subrun=unset) * 2)
    assert len({row["event_id"] for row in rows(tmp_path)}) == 4


def test_splits_without_deep_events_are_left_out_and_counted(tmp_path, three_pulses, messages):
    others = ("NullSplit", "IceTopSplit", "NullSplit")
    frames = [frame("P", {HEADER: (HEADER, header(stream=stream))}) for stream in others]
    frames += event_frames(three_pulses)
    assert len(rows(write(tmp_path / "a.i3", frames))) == 1
    assert "1 sub-events IceTopSplit, 2 sub-events NullSplit" in messages.text


def test_frames_without_the_pulses_are_skipped_and_counted(tmp_path, three_pulses, messages):
    frames = event_frames(three_pulses) + event_frames(three_pulses, key="Others", event=2)
    assert len(rows(write(tmp_path / "a.i3", frames))) == 1
    assert "1 sub-events without these pulses" in messages.text


def test_pulses_are_chosen_by_their_name(tmp_path, three_pulses):
    series = {"SRTInIcePulses": ("", mask("SplitInIcePulses", [None, [False, True], [False]]))}
    path = write(tmp_path / "a.i3", event_frames(three_pulses, series))
    assert len(one(path)["time"]) == 4
    assert one(path, reader="icetray:pulses=SRTInIcePulses")["charge"] == [2.0]


def test_pulses_that_are_nowhere_are_refused_with_what_there_is(tmp_path, three_pulses):
    path = write(tmp_path / "a.i3", event_frames(three_pulses))
    message = complaint(path, "icetray:pulses=SplitInIcePulse")
    assert "did you mean 'SplitInIcePulses'" in message
    assert "InIcePulses (4 pulses in 1 sub-events), SplitInIcePulses (4 pulses in 1 sub-events)" in message
    other = {HEADER: (HEADER, header()), "Mine": ("", pulse_map(three_pulses))}
    assert "Mine (4 pulses in 1 sub-events)" in complaint(write(tmp_path / "b.i3", [frame("P", other)]))


def test_masks_choose_through_masks_unions_and_empty_modules(tmp_path):
    first = {
        (1, 1, 0): [(1.0, 1.0, 8.0, 1)],
        (2, 1, 0): [],
        (3, 1, 0): [(2.0, 2.0, 8.0, 1), (5.0, 3.0, 8.0, 1)],
    }
    second = {(3, 1, 0): [(3.0, 4.0, 8.0, 1)]}
    daq = {
        "A": ("", pulse_map(first)),
        "B": ("", pulse_map(second)),
        "Both": ("", union(["A", "B"])),
        "InIcePulses": ("", mask("Both", [[True], [], [True, True, False]])),
    }
    sub = {HEADER: (HEADER, header()), "SplitInIcePulses": ("", mask("InIcePulses", [None, [False, True]]))}
    path = write(tmp_path / "a.i3", [frame("Q", daq), frame("P", sub)])
    assert one(path)["charge"] == [4.0]
    assert one(path, reader="icetray:pulses=Both")["charge"] == [1.0, 2.0, 4.0, 3.0]


@pytest.mark.parametrize(
    ("blob", "words"),
    [
        (mask("InIcePulses", [[True]]), "chooses from another 'InIcePulses'"),
        (mask("InIcePulses", [[True], [True], [True]]), "chooses from another 'InIcePulses'"),
        (mask("SplitInIcePulses", [[True], [True, True], [True]]), "refers to itself"),
        (mask("Nothing", [[True]]), "there is no 'Nothing'"),
        (union([]), "a union of nothing"),
        (double_map({"a": 1.0}), "is an I3MapStringDouble, which is not supported"),
        (b"", "is an unknown object"),
        (pulse_map({(1, 1, 0): [(1.0, 1.0, 1.0, 1)] * 3})[:-3], "it ends early"),
        (pulse_map({(1, 1, 0): [(1.0, 1.0, 1.0, 1)]}) + b"more", "4 bytes follow the object"),
    ],
)  # fmt: skip
def test_pulses_that_do_not_fit_are_refused_with_frame_and_key(tmp_path, three_pulses, blob, words):
    frames = event_frames(three_pulses, {"SplitInIcePulses": ("", blob)})
    message = complaint(write(tmp_path / "a.i3", frames))
    assert "a.i3: frame 1, SplitInIcePulses" in message
    assert words in message


def test_superdst_is_read_with_every_overflow(tmp_path):
    readouts = [
        (1, 1, True, [(100, 3, 2), (380, 63, 5), (70_000, 62, 1)]),
        (40, 60, False, [(9_000_000, 63 + 65_535 + 7, 3)]),
        (86, 5, False, [(9_000_001, 0, 4)]),
    ]
    sub = {HEADER: (HEADER, header()), "I3SuperDST": ("", superdst(readouts))}
    row = one(write(tmp_path / "a.i3", [frame("P", sub)]), reader="icetray:pulses=I3SuperDST")
    assert row["first_pulse_ns"] == 100.0
    assert row["time"] == [0.0, 280.0, 69_900.0, 8_999_900.0, 8_999_901.0]
    np.testing.assert_allclose(row["charge"], [0.175, 3.175, 3.125, 65_605 * 0.05 + 0.025, 0.025], rtol=1e-6)
    assert row["auxiliary"] == [False, False, False, True, True]


def test_modules_of_icetop_are_left_out_and_counted(tmp_path, three_pulses, messages):
    surface = {**three_pulses, (21, 61, 0): [(1.0, 1.0, 8.0, 1)] * 2}
    row = one(write(tmp_path / "a.i3", event_frames(surface)))
    assert row["first_pulse_ns"] == 9_990.25
    assert "2 pulses of IceTop" in messages.text


def test_an_event_without_pulses_keeps_its_place(tmp_path, three_pulses):
    empty = {"SplitInIcePulses": ("", mask("InIcePulses", [None] * 3))}
    frames = [*event_frames(three_pulses, empty, event=1), *event_frames(three_pulses, event=2)]
    assert [len(row["time"]) for row in rows(write(tmp_path / "a.i3", frames))] == [0, 4]


def test_strings_that_the_card_lacks_need_the_geometry(tmp_path, three_pulses):
    path = write(tmp_path / "a.i3", event_frames({(90, 2, 3): [(1.0, 1.0, 8.0, 1)]}))
    assert "string 90, om 2, pmt 3" in complaint(path)
    assert "--reader icetray:gcd=PATH" in complaint(path)
    card = load_detector("icecube86")
    place = tuple(map(float, card.position_m[1_234]))
    gcd = write(tmp_path / "geo.i3.gz", [frame("G", {"I3Geometry": ("", geometry({(90, 2, 3): place}))})])
    assert one(path, reader=f"icetray:gcd={gcd}")["sensor_id"] == [1_234]
    gcd.rename(tmp_path / "GCD.i3.gz")
    assert one(path)["sensor_id"] == [1_234], "a GCD file in the same folder"
    own = frame("G", {"I3Geometry": ("", geometry({(90, 2, 3): tuple(map(float, card.position_m[5]))}))})
    (tmp_path / "GCD.i3.gz").unlink()
    assert one(write(tmp_path / "b.i3", [own, *event_frames({(90, 2, 3): [(1.0, 1.0, 8.0, 1)]})]))[
        "sensor_id"
    ] == [5]


@pytest.mark.parametrize(
    ("name", "frames", "words"),
    [
        ("missing.i3", None, "no such file"),
        ("events.i3", [frame("Q"), frame("P")], "is not a GCD file"),
        ("old.i3", [frame("G", {"I3Geometry": ("", geometry({})[:-30])})], "it ends early"),
    ],
)  # fmt: skip
def test_a_file_that_is_no_geometry_is_refused(tmp_path, three_pulses, name, frames, words):
    path = write(tmp_path / "a.i3", event_frames(three_pulses))
    if frames is not None:
        write(tmp_path / name, frames)
    message = complaint(path, f"icetray:gcd={tmp_path / name}")
    assert name in message
    assert words in message


def with_truth(three_pulses, more):
    return event_frames(three_pulses, {key: ("", blob) for key, blob in more.items()})


PRIMARY = {"pdg": 14, "shape": 10, "status": -1, "location": 20}


def test_truth_is_that_of_the_primary_in_the_ice(tmp_path, three_pulses):
    more = {
        "MCPrimary1": particle(0.5, 0.5, 9.0, **PRIMARY),
        "MCInIcePrimary": particle(1.5, 3.0, 7.0, vertex=(0.0, 0.0, 0.0), **PRIMARY),
        "I3MCWeightDict": double_map({"InteractionType": 1.0}),
    }
    row = one(write(tmp_path / "a.i3", with_truth(three_pulses, more)))
    assert (row["zenith"], row["azimuth"], row["energy"], row["kind"]) == (1.5, 3.0, 7.0, "starting_track")
    assert [row[f"vertex_{axis}"] for axis in "xyz"] == [0.0, 0.0, 0.0]


def test_without_a_primary_truth_is_the_root_of_the_tree(tmp_path, three_pulses):
    particles = [
        {"pdg": 2212, "energy": 99.0},
        {"pdg": 14, "energy": 5.0, "zenith": 0.3},
        {"pdg": 13, "energy": 4.0},
        {"pdg": -14, "energy": 6.0, "zenith": 0.7, "x": 8.0},
    ]
    bits = [1, 0, 1, 1, 0, 0, 1, 0, 0]
    row = one(write(tmp_path / "a.i3", with_truth(three_pulses, {"I3MCTree": tree(bits, particles)})))
    assert (row["zenith"], row["energy"], row["vertex_x"]) == (0.7, 6.0, 8.0), (
        "the neutrino of highest energy"
    )


def test_a_root_without_energy_leaves_truth_to_its_child(tmp_path, three_pulses):
    particles = [{"pdg": 0, "energy": math.nan}, {"pdg": 13, "energy": 4.0, "zenith": 0.2}]
    row = one(
        write(tmp_path / "a.i3", with_truth(three_pulses, {"I3MCTree": tree([1, 1, 0, 0, 0], particles)}))
    )
    assert (row["zenith"], row["energy"], row["kind"]) == (0.2, 4.0, "through_track")


def test_noise_has_no_truth(tmp_path, three_pulses):
    row = one(write(tmp_path / "a.i3", with_truth(three_pulses, {"I3MCTree": tree([], [])})))
    assert "azimuth" not in row


def test_fits_that_ended_well_are_columns_and_the_others_null(tmp_path, three_pulses):
    frames = event_frames(three_pulses, {"MPEFit": ("", particle(1.1, -1.0)), "Mine": ("", particle(0.1))})
    frames += event_frames(three_pulses, {"MPEFit": ("", particle(status=10))}, event=2)
    path = write(tmp_path / "a.i3", frames)
    first, second = rows(path)
    assert (first["fit_MPEFit_zenith"], first["fit_MPEFit_azimuth"]) == (1.1, -1.0 % (2 * math.pi))
    assert second["fit_MPEFit_zenith"] is None
    assert "fit_Mine_zenith" not in first
    assert rows(path, "icetray:fits=all")[0]["fit_Mine_zenith"] == 0.1
    assert rows(path, "icetray:fits=Absent")[0]["fit_Absent_zenith"] is None
    assert not any("fit" in name for name in rows(path, "icetray:fits=none")[0])
    assert set(rows(path, "icetray:fits=Mine")[0]) & {"fit_Mine_zenith", "fit_MPEFit_zenith"} == {
        "fit_Mine_zenith"
    }


def test_batches_do_not_depend_on_their_size(small_file):
    assert rows(small_file, at_once=2) == rows(small_file)


def test_folders_and_patterns_name_files(tmp_path, three_pulses):
    for number, name in enumerate(["b.i3.gz", "a.i3", "c.i3.zst"]):
        write(tmp_path / name, event_frames(three_pulses, event=number))
    write(tmp_path / "Level2_GCD.i3", [frame("G", {"I3Geometry": ("", geometry(CARD_PLACES))})])
    (tmp_path / "notes.txt").write_text("not one of them")
    assert open_source(tmp_path).part_names() == ["a.i3", "b.i3.gz", "c.i3.zst"]
    assert [row["event"] for row in rows(tmp_path / "*.i3.*", "icetray")] == [0, 2]


def test_a_truncated_file_says_how_many_frames_are_whole(small_file, tmp_path):
    content = small_file.read_bytes()
    for kept in (len(content) - 3, len(content) // 2):
        cut = tmp_path / f"cut{kept}.i3.zst"
        cut.write_bytes(content[:kept])
        assert "whole frames" in complaint(cut)


def test_a_cut_between_frames_is_the_end_and_one_inside_is_not(tmp_path, three_pulses):
    first, second = (
        b"".join(event_frames(three_pulses, event=1)),
        b"".join(event_frames(three_pulses, event=2)),
    )
    write(tmp_path / "whole.i3", [first])
    assert one(tmp_path / "whole.i3")
    for extra in (1, 9, len(second) - 1):
        message = complaint(write(tmp_path / "cut.i3", [first, second[:extra]]))
        assert "cut.i3: ends within frame" in message


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "holds no events"),
        (b"[i3]", "ends within frame 0, after 0 whole frames"),
        (b"nothing of the kind", "is not an .i3 file"),
        (struct.pack("<4sIQ", b"[i3]", 4, 8), "frames of version 4, from before 2009"),
        (struct.pack("<IQ", 3, 8), "frames of version 3, from before 2009"),
        (b"\x1f\x8b not compressed", "cannot be decompressed"),
        (frame("Q") + b"[i4]" + frame("Q")[4:], "frame 1 does not begin like a frame, after 1 whole frames"),
        (frame("Q")[:11] + struct.pack("<II", 1, 1 << 20) + bytes(20), "ends within frame 0"),
        (frame("Q")[:11] + struct.pack("<II", 1, 0xFFFFFFF0) + bytes(20), "claims to be larger than 2 GiB"),
        (
            frame("Q")[:11] + struct.pack("<IIcIIQ", 1, 1, b"k", 0, 0xFFFFFFFF, 1 << 50) + bytes(20),
            "claims to be larger than 2 GiB",
        ),
    ],
)  # fmt: skip
def test_files_of_no_use_are_refused(tmp_path, content, words):
    (tmp_path / "a.i3").write_bytes(content)
    assert words in complaint(tmp_path / "a.i3")


def test_frames_see_the_last_of_every_other_stream_but_of_p_and_i(small_file):
    for mixed in Mixer().mix(_frames(small_file)):
        seen = [(parent.stream, parent.number) for parent in mixed.parents]
        assert seen == ([("Q", mixed.own.number - 1)] if mixed.own.stream == "P" else [])


def test_memory_does_not_grow_with_the_number_of_frames(tmp_path, three_pulses):
    def peak(copies: int) -> int:
        path = write(
            tmp_path / f"{copies}.i3.zst",
            [b"".join(event_frames(three_pulses, {"Big": ("", bytes(50_000))}))] * copies,
        )
        tracemalloc.start()
        assert sum(1 for _ in Mixer().mix(_frames(path))) == 2 * copies
        most = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return most

    assert peak(800) < 1.2 * peak(100), "40 MB and 5 MB"


def _frames(path):
    return read_frames(path)


def test_the_doctor_compares_checksums(small_file, tmp_path):
    detector = load_detector("icecube86")
    (finding,) = check_checksums(take_sample(open_source(small_file), detector, 10))
    assert finding.severity == "ok"
    raw = bytearray(b"".join(one.raw for one in _frames(small_file)))
    place = raw.index(b"InIcePulses", len(raw) // 2)
    raw[place] ^= 1
    (tmp_path / "flipped.i3").write_bytes(raw)
    (finding,) = check_checksums(take_sample(open_source(tmp_path / "flipped.i3"), detector, 10))
    assert finding.severity == "error"
    assert "flipped.i3: frame" in finding.evidence


def test_what_the_table_has_besides_the_reconstruction_is_carried(tmp_path, small_file, invoke):
    done = invoke("reconstruct", small_file, "--method", "linefit", "-o", "out.parquet")
    assert done.exit_code == 0, done.output
    table, events = pq.read_table(tmp_path / "out.parquet"), rows(small_file)
    for name in ("run", "subevent_stream", "first_pulse_ns"):
        assert table[name].to_pylist() == [event[name] for event in events]

"""Which detector .i3 files are of: that of the GCD file that comes with them, or IceCube-86, which is said."""

import json

import numpy as np
import pyarrow.parquet as pq
import pytest
from i3_files import event_frames, frame, geometry, write

from icereco.detector.detector import load_detector

UPGRADE = {
    (string, om, pmt): (20.0 * (string - 88), 5.0 + 0.1 * pmt, -300.0 - 5 * om)
    for string in (88, 89)
    for om in (1, 2, 3, 70)
    for pmt in (0, 1)
}
"""Modules of several photomultipliers on strings that IceCube-86 lacks, one with the number of a tank."""
TANK = {(1, 61, 0): (0.0, 0.0, 1948.0)}
PULSES = {key: [(100.0 * key[1] + key[2], 1.0, 8.0, 1)] for key in UPGRADE}
LINEFIT = "reconstruct", "--method", "linefit", "-o", "out.parquet"


@pytest.fixture
def gcd(tmp_path):
    card = load_detector("icecube86")
    places = {
        (int(string), int(om), 0): tuple(map(float, place))
        for string, om, place in zip(card.string[:120], card.om[:120], card.position_m[:120], strict=True)
    }
    slots = {"I3Geometry": ("", geometry({**places, **UPGRADE, **TANK}))}
    return write(tmp_path / "geo.i3.gz", [frame("G", slots)])


@pytest.fixture
def upgrade(tmp_path):
    return write(tmp_path / "upgrade.i3", event_frames(PULSES))


def shown(invoke, *words):
    result = invoke("data", "show", *words, "--json")
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)["detector"], result.stderr


def test_a_file_of_icecube_says_so(invoke, small_file):
    detector, said = shown(invoke, small_file)
    assert detector == "icecube86"
    assert "modules as in the card of IceCube-86" in said
    assert invoke("doctor", small_file, "--no-speed").exit_code in (0, 1)
    assert invoke(*LINEFIT, small_file).exit_code == 0


@pytest.mark.parametrize(
    "command",
    [("data", "show"), LINEFIT, ("reconstruct", "-o", "out.parquet"), ("doctor", "--no-speed")],
    ids=["show", "reconstruct", "nothing named", "doctor"],
)
def test_strings_beyond_icecube_without_their_geometry_are_refused_with_the_remedy(invoke, upgrade, command):
    result = invoke(*command, upgrade)
    said = " ".join((result.output + result.stderr).split())
    assert result.exit_code in (1, 2)
    assert "are not in the card of IceCube-86" in said
    assert "--reader icetray:gcd=PATH" in said


def test_the_geometry_that_is_given_is_the_detector(invoke, tmp_path, upgrade, gcd):
    reader = f"icetray:gcd={gcd}"
    detector, said = shown(invoke, upgrade, "--reader", reader)
    assert detector == "geo"
    assert f"is of the detector geo, with the {120 + 8} modules of {gcd}" in said
    assert invoke(*LINEFIT, upgrade, "--reader", reader).exit_code == 0
    (tmp_path / "out.parquet").unlink()
    assert invoke(*LINEFIT, gcd, upgrade).exit_code == 0, "given first"
    assert pq.read_table(tmp_path / "out.parquet").num_rows == 1
    document = json.loads(invoke("doctor", upgrade, "--reader", reader, "--no-speed", "--json").stdout)
    assert document["data"][0]["detector"] == "geo"
    assert document["data"][0]["examined"] == 1


def test_a_geometry_beside_the_events_or_in_their_file_is_the_detector(invoke, tmp_path, upgrade, gcd):
    own = write(
        tmp_path / "both.i3", [frame("G", {"I3Geometry": ("", geometry(UPGRADE))}), *event_frames(PULSES)]
    )
    assert shown(invoke, own)[0] == "both"
    gcd.rename(tmp_path / "GCD_upgrade.i3.gz")
    assert shown(invoke, upgrade)[0] == "GCD_upgrade"


def test_a_geometry_of_icecube_alone_leaves_the_card(invoke, tmp_path, small_file):
    card = load_detector("icecube86")
    places = {
        (int(string), int(om), 0): tuple(map(float, place))
        for string, om, place in zip(card.string, card.om, card.position_m, strict=True)
    }
    write(tmp_path / "GCD.i3", [frame("G", {"I3Geometry": ("", geometry({**places, **TANK}))})])
    assert shown(invoke, small_file)[0] == "icecube86"


def test_a_gcd_file_becomes_a_card(invoke, tmp_path, gcd):
    made = invoke("detectors", "import", gcd, "-o", "card")
    assert made.exit_code == 0, made.output
    card = load_detector(tmp_path / "card")
    assert card.medium.kind == "ice"
    keys = zip(card.string.tolist(), card.om.tolist(), strict=True)
    place = dict(zip(keys, card.position_m.tolist(), strict=True))
    assert (1, 61) not in place
    np.testing.assert_allclose(
        place[89, 70], np.mean([UPGRADE[89, 70, pmt] for pmt in (0, 1)], axis=0), atol=1e-3
    )

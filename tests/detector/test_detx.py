"""Detector files of KM3NeT become cards."""

import struct
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from icereco.cli import main
from icereco.detector.detector import load_detector
from icereco.detector.detx import read_datx, read_detx
from icereco.errors import IcerecoError
from icereco.plugins.discovery import registry

HEADERS = {1: "7 {count}\n"} | {
    version: f"# a comment\n7 {'V' if version > 3 else 'v'}{version}\n0.0 9999999999.0\nUTM WGS84 32N 1 2 -3\n{{count}}\n"
    for version in (2, 3, 4, 5)
}
IN_MODULE = {1: "", 2: "", 3: "", 4: "0 0 0 1 0 0 0 0.0 ", 5: "0 0 0 1 0 0 0 0.0 0 "}
IN_PHOTOMULTIPLIER = {1: "", 2: "", 3: " 0", 4: " 0", 5: " 0"}
PLACES = {10: (1, (5.0, 6.0, 30.0)), 11: (1, (5.0, 6.0, 20.0)), 12: (4, (-5.0, 6.0, 25.0))}
"""Number of each module, its string and place; the higher of a string first."""


def text(version: int, modules: int | None = None) -> str:
    lines = [HEADERS[version].format(count=modules or len(PLACES) + 1)]
    for dom_id, (string, place) in PLACES.items():
        lines.append(f" {dom_id} {string} 3 {IN_MODULE[version]}2\n")
        for number, side in enumerate((-0.2, 0.2)):
            x, y, z = place[0] + side, place[1], place[2]
            lines.append(f"  {number} {x} {y} {z} 0 0 -1 100.0{IN_PHOTOMULTIPLIER[version]}\n")
    lines.append(f" 99 1 0 {IN_MODULE[version]}0\n")
    return "".join(lines)


@pytest.mark.parametrize("version", HEADERS)
def test_every_version_is_read_by_string_and_height_without_bases(tmp_path, version):
    (tmp_path / "a.detx").write_text(text(version))
    modules = read_detx(tmp_path / "a.detx")
    assert modules.dom_id.tolist() == [11, 10, 12]
    assert modules.string.tolist() == [1, 1, 4]
    assert modules.om.tolist() == [1, 2, 1]
    np.testing.assert_allclose(modules.position_m, [PLACES[dom_id][1] for dom_id in (11, 10, 12)])


def imported(tmp_path, content, *more):
    (tmp_path / "a.detx").write_text(content)
    words = ["detectors", "import", str(tmp_path / "a.detx"), "-o", str(tmp_path / "mine"), *more]
    return CliRunner().invoke(main, words)


def test_the_card_is_a_detector_with_the_water_of_another(tmp_path):
    assert imported(tmp_path, text(5), "--like", "km3net-arca115").exit_code == 0
    mine, arca = load_detector(tmp_path / "mine"), load_detector("km3net-arca115")
    assert mine.name == "mine"
    assert mine.dom_id.tolist() == [11, 10, 12]
    np.testing.assert_allclose(mine.position_m.mean(axis=0), 0, atol=1e-3)
    in_the_file = mine.position_m + np.array(mine.file_origins_m["km3net"])
    np.testing.assert_allclose(in_the_file, [PLACES[dom_id][1] for dom_id in (11, 10, 12)], atol=2e-3)
    assert mine.medium.kind == "water"
    assert mine.medium.refractive_index_group == arca.medium.refractive_index_group


def test_the_file_of_a_shipped_card_gives_that_card(tmp_path):
    registry()  # before the files' package imports importlib_metadata, whose entry points are of another class
    testdata = pytest.importorskip(
        "km3net_testdata", reason="needs icereco[dev], which brings km3net-testdata"
    )
    name = "detx/D_ORCA006_t.A02181836.p.A02181837.r.A02182001.detx"
    modules, card = read_detx(Path(testdata.data_path(name))), load_detector("km3net-orca6")
    place = dict(zip(modules.dom_id.tolist(), modules.position_m, strict=True))
    assert set(place) == set(card.dom_id.tolist())
    for number, where in zip(card.dom_id.tolist(), card.position_m, strict=True):
        np.testing.assert_allclose(where + np.array(card.file_origins_m["km3net"]), place[number], atol=2e-3)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("", "is not a detector file of KM3NeT"),
        ("event_id,time\n1,2\n", "is not a detector file of KM3NeT"),
        (text(5).rsplit("\n", 4)[0], "or ends too early"),
        (text(5, modules=9), "or ends too early"),
        (
            text(5).replace(" 30.0 0 0 -1 100.0 0", "", 1),
            "a photomultiplier lacks its place",
        ),
        (text(5).replace("30.0 0 0 -1", "nan 0 0 -1", 1), "places must be in m"),
        (HEADERS[5].format(count=1) + " 99 1 0 0\n", "no module with photomultipliers"),
    ],
    ids=[
        "empty",
        "another file",
        "truncated",
        "fewer modules than promised",
        "short line",
        "no number",
        "bases alone",
    ],
)
def test_what_is_no_whole_detector_is_refused_and_leaves_no_card(tmp_path, content, words):
    result = imported(tmp_path, content)
    assert result.exit_code == 2
    assert words in " ".join(result.output.split())
    assert not (tmp_path / "mine").exists()


def test_a_folder_with_files_and_ice_are_refused(tmp_path):
    refused = imported(tmp_path, text(5), "--like", "icecube86").output
    assert "is in water, and the medium of icecube86 is ice" in " ".join(refused.split())
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.tex").touch()
    assert "is not empty" in imported(tmp_path, text(5)).output


def test_a_binary_file_and_a_missing_one_say_what_to_do(tmp_path):
    (tmp_path / "a.detx").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(IcerecoError, match="JConvertDetectorFormat"):
        read_detx(tmp_path / "a.detx")
    with pytest.raises(IcerecoError, match="no such file"):
        load_detector(tmp_path / "b.detx")


@pytest.mark.parametrize("version", HEADERS)
def test_a_file_is_a_detector_in_water(tmp_path, version):
    (tmp_path / "mine.detx").write_text(text(version))
    detector = load_detector(tmp_path / "mine.detx")
    place = detector.position_m + np.array(detector.file_origins_m["km3net"])
    np.testing.assert_allclose(place, [PLACES[dom_id][1] for dom_id in (11, 10, 12)], atol=1e-5)
    assert detector.dom_id.tolist() == [11, 10, 12]
    assert detector.medium == load_detector("km3net-arca115").medium


def binary(modules=PLACES, version=b"V5"):
    """A .datx of the same modules, each with two photomultipliers, and the foot of a string."""

    def words(text):
        return struct.pack("<i", len(text)) + text

    parts = [
        b"####" + words(b"made by a test"),
        struct.pack("<i", 7),
        words(version),
        struct.pack("<2d", 0, 1),
    ]
    parts += [words(b"UTM"), words(b"WGS84"), words(b"32N"), struct.pack("<3d", 1, 2, -3)]
    parts.append(struct.pack("<i", len(modules) + 1))
    for dom_id, (string, place) in modules.items():
        parts.append(struct.pack("<3i3d4ddii", dom_id, string, 3, *place, 1, 0, 0, 0, 0, 0, 2))
        for number, side in enumerate((-0.2, 0.2)):
            x, y, z = place
            parts.append(struct.pack("<i3d3ddi", number, x + side, y, z, 0, 0, -1, 100, 0))
    parts.append(struct.pack("<3i3d4ddii", 99, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0))
    return b"".join(parts)


def test_a_binary_file_is_the_same_detector(tmp_path):
    (tmp_path / "a.datx").write_bytes(binary())
    (tmp_path / "a.detx").write_text(text(5))
    mine, other = load_detector(tmp_path / "a.datx"), load_detector(tmp_path / "a.detx")
    assert mine.dom_id.tolist() == other.dom_id.tolist()
    np.testing.assert_allclose(mine.position_m, other.position_m, atol=1e-5)
    assert mine.file_origins_m == other.file_origins_m


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (binary()[:-100], "ends too early"),
        (binary(version=b"V4"), "only V5 is"),
        (binary(modules={}), "no module with photomultipliers"),
    ],
    ids=["truncated", "another version", "bases alone"],
)
def test_what_is_no_whole_binary_detector_is_refused(tmp_path, content, words):
    (tmp_path / "a.datx").write_bytes(content)
    with pytest.raises(IcerecoError, match=words):
        load_detector(tmp_path / "a.datx")


def test_the_two_forms_of_a_real_detector_agree():
    registry()
    testdata = pytest.importorskip(
        "km3net_testdata", reason="needs icereco[dev], which brings km3net-testdata"
    )
    name = "KM3NeT_00000133_20221025"
    as_text = read_detx(Path(testdata.data_path(f"detx/{name}.detx")))
    as_bytes = read_datx(Path(testdata.data_path(f"datx/{name}.datx")))
    assert as_text.dom_id.tolist() == as_bytes.dom_id.tolist()
    np.testing.assert_allclose(as_text.position_m, as_bytes.position_m, atol=1e-9)

"""KM3NeT's detector files of every version, as people have them."""

from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from icereco.detector.detector import load_detector
from icereco.errors import IcerecoError

V1 = "1 2\n7 1 1 2\n 1 1.0 2.0 3.0 0 0 1 10\n 2 3.0 4.0 5.0 0 0 -1 10\n9 1 2 1\n 3 2.0 3.0 24.0 0 0 1 10\n"
V3 = "# comment\n23 v3\n15.1 99.0\nUTM WGS84 32N 1.0 2.0 -3.0\n2\n\n" + V1.split("\n", 1)[1]
V5 = (
    "23 V5\n15.1 99.0\nUTM WGS84 32N 1.0 2.0 -3.0\n3\n"
    " 5 1 0 2.0 3.0 -9.0 1 0 0 0 0.0 0 0\n"
    " 7 1 1 2.0 3.0 4.0 1 0 0 0 0.0 0 1\n  1 2.0 3.0 4.1 0 0 1 10 0\n"
    " 9 1 2 2.0 3.0 24.0 1 0 0 0 0.0 0 1\n  3 2.0 3.0 24.1 0 0 1 10 0\n"
)


@pytest.mark.parametrize("text", [V1, V3, V5])
def test_modules_of_every_version_are_read(tmp_path, text):
    path = tmp_path / "mine.detx"
    path.write_text(text, encoding="utf-8")
    detector = load_detector(path)
    assert detector.dom_id.tolist() == [7, 9]
    assert list(zip(detector.string.tolist(), detector.om.tolist(), strict=True)) == [(1, 1), (1, 2)]
    place = detector.position_m + np.array(detector.file_origins_m["km3net"])
    np.testing.assert_allclose(place, [[2, 3, 4], [2, 3, 24]], atol=1e-5)
    assert detector.medium.kind == "water"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (V1.rsplit("\n", 2)[0], "mine.detx:5: 1 photomultipliers follow"),
        (V1.replace("9 1 2 1", "9 one 2 1"), "mine.detx:5: is not the line of a module"),
        ("", "no module"),
    ],
)
def test_a_damaged_file_is_refused_with_its_line(tmp_path, text, problem):
    path = tmp_path / "mine.detx"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(IcerecoError, match=problem):
        load_detector(path)


def test_a_card_that_ships_is_that_of_its_detx():
    package = find_spec("km3net_testdata")
    if package is None or package.origin is None:
        pytest.skip("km3net-testdata is not installed")
    file = Path(package.origin).parent / "data" / "detx" / "KM3NeT_-00000001_20171212.detx"
    detector = load_detector(file)
    card = load_detector("km3net-arca115")
    order = np.argsort(detector.dom_id), np.argsort(card.dom_id)
    np.testing.assert_array_equal(detector.dom_id[order[0]], card.dom_id[order[1]])
    np.testing.assert_allclose(detector.position_m[order[0]], card.position_m[order[1]], atol=0.01)

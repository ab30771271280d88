"""Geometry files as people have them are detectors wherever one is named."""

import gzip

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

from icereco.cli import main
from icereco.detector.detector import load_detector
from icereco.errors import IcerecoError

PLACES = {(1, 1): (10.0, 20.5, 40.0), (1, 2): (10.2, 20.5, 30.0), (2, 1): (-10.0, 7.25, 41.0)}
"""String and om of each module, and its place."""
ROWS = [(*key, *place) for key, place in PLACES.items()]
SURFACE_M = 1948.07


def rows(separator, order=(0, 1, 2, 3, 4), deeper_m=0.0):
    lines = [(string, om, x, y, z - deeper_m) for string, om, x, y, z in ROWS]
    return "".join(separator.join(str(line[place]) for place in order) + "\n" for line in lines)


def geofile(medium="ice", deeper_m=SURFACE_M):
    return f"### Metadata ###\nMedium:\t{medium}\n### Modules ###\n" + rows("\t", (2, 3, 4, 0, 1), deeper_m)


def f2k(deeper_m=SURFACE_M):
    return "".join(
        f"TP6P{om} 0x{string}a {x} {y} {z - deeper_m} {string} {om}\n" for string, om, x, y, z in ROWS
    )


TABLES = {
    "modules.csv": "string,om,x,y,z\n" + rows(","),
    "units.csv": "String;OM;X [m];Y [m];Z [m]\n" + rows(";"),
    "cards.csv": "x_m,y_m,z_m,string,om\n" + rows(",", (2, 3, 4, 0, 1)),
    "tabs.tsv": "string\tom\tx\ty\tz\n" + rows("\t"),
    "header.txt": "string om x y z\n" + rows(" "),
    "icetray.txt": "# modules of a detector\n" + rows("  "),
    "commented.txt": "# x y z string om\n" + rows(" ", (2, 3, 4, 0, 1)),
    "places_first.txt": rows(" ", (2, 3, 4, 0, 1)),
    "geo-f2k": f2k(0.0),
}


def modules_of(detector):
    keys = zip(detector.string.tolist(), detector.om.tolist(), strict=True)
    return dict(zip(keys, (detector.position_m + 0.0).tolist(), strict=True))


@pytest.mark.parametrize("name", TABLES)
def test_a_table_of_modules_is_a_detector_in_its_own_coordinates(tmp_path, name):
    (tmp_path / name).write_text(TABLES[name])
    detector = load_detector(tmp_path / name)
    for key, place in modules_of(detector).items():
        np.testing.assert_allclose(place, PLACES[key], atol=1e-4)
    assert len(detector.string) == len(PLACES)
    np.testing.assert_array_equal(detector.medium.z_m, load_detector("icecube86").medium.z_m)


def test_a_compressed_table_is_read(tmp_path):
    (tmp_path / "modules.csv.gz").write_bytes(gzip.compress(TABLES["modules.csv"].encode()))
    detector = load_detector(tmp_path / "modules.csv.gz")
    assert detector.name == "modules"
    assert detector.string.tolist() == [1, 1, 2]


@pytest.mark.parametrize(
    "names",
    [
        ("string", "dom_number", "dom_x", "dom_y", "dom_z"),
        ("sensor_string_id", "om", "sensor_pos_x", "sensor_pos_y", "sensor_pos_z"),
    ],
)
def test_a_geometry_table_of_graphnet_is_a_detector(tmp_path, names):
    columns = dict(zip(names, zip(*ROWS, strict=True), strict=True))
    pq.write_table(pa.table({**columns, "pmt_area": [1.0] * 3, "rde": [1, 1.35, 1]}), tmp_path / "g.parquet")
    detector = load_detector(tmp_path / "g.parquet")
    assert set(modules_of(detector)) == set(PLACES)
    np.testing.assert_allclose(detector.quantum_efficiency, [1, 1.35, 1])


def test_sensor_ids_order_the_modules_and_rows_below_each_other_are_a_string(tmp_path):
    order = [2, 0, 1]
    lines = [f"{sensor},{','.join(map(str, ROWS[sensor][2:]))}" for sensor in order]
    (tmp_path / "sensors.csv").write_text("\n".join(["sensor_id,x,y,z", *lines]))
    detector = load_detector(tmp_path / "sensors.csv")
    assert modules_of(detector).keys() == PLACES.keys()
    np.testing.assert_allclose(detector.position_m, list(PLACES.values()))


def test_rows_of_the_photomultipliers_of_a_module_are_one(tmp_path):
    lines = [f"1,{om},{x},0,{z}" for om, z in ((1, 10), (2, 0)) for x in (0.0, 0.1, 0.2)]
    (tmp_path / "pmts.csv").write_text("string,om,x,y,z\n" + "\n".join(lines))
    assert load_detector(tmp_path / "pmts.csv").om.tolist() == [1, 2]


def test_tanks_on_the_surface_are_left_out_and_counted(tmp_path, caplog):
    (tmp_path / "gcd.txt").write_text(rows(" ") + "1 61 10.0 20.0 1949.5\n1 62 11.5 20.0 1949.5\n")
    with caplog.at_level("INFO"):
        assert len(load_detector(tmp_path / "gcd.txt").om) == len(PLACES)
    assert "2 modules in the tanks of IceTop" in caplog.text


def test_layers_are_where_the_ice_is_also_when_z_is_from_the_surface(tmp_path):
    layers = load_detector("icecube86").medium.z_m
    (tmp_path / "geo-f2k").write_text(f2k())
    detector = load_detector(tmp_path / "geo-f2k")
    np.testing.assert_allclose(detector.medium.z_m, layers - SURFACE_M)
    np.testing.assert_allclose(detector.position_m[:, 2], [40 - SURFACE_M, 30 - SURFACE_M, 41 - SURFACE_M])


def test_a_geofile_is_centred_and_finds_the_events_in_its_coordinates(tmp_path):
    (tmp_path / "mine.geo").write_text(geofile())
    detector = load_detector(tmp_path / "mine.geo")
    origin = np.array(detector.file_origins_m["prometheus"])
    in_the_file = detector.position_m + origin
    np.testing.assert_allclose(in_the_file[0], (10.0, 20.5, 40.0 - SURFACE_M), atol=1e-3)
    np.testing.assert_allclose(detector.position_m.mean(axis=0), 0, atol=1e-3)
    layers = load_detector("icecube86").medium.z_m
    np.testing.assert_allclose(detector.medium.z_m + origin[2], layers - SURFACE_M)


def test_a_geofile_in_water_is_in_water_and_not_in_ice(tmp_path):
    (tmp_path / "mine.geo").write_text(geofile("water"))
    assert load_detector(tmp_path / "mine.geo").medium.kind == "water"
    with pytest.raises(IcerecoError, match="is in water, and the medium of gen2 is ice"):
        load_detector(f"{tmp_path / 'mine.geo'}:like=gen2")


@pytest.mark.parametrize(
    ("header", "deeper_m", "kind"),
    [
        ("string,om,x,y,z", 0, "ice"),
        ("string,om,x,y,z", 2000, "ice"),
        ("string,om,x,y,z", 3300, "water"),
        ("string,dom_id,x,y,z", 0, "water"),
    ],
)
def test_the_medium_that_a_table_does_not_name_is_the_usual_one_and_is_reported(
    tmp_path, caplog, header, deeper_m, kind
):
    path = tmp_path / "modules.csv"
    numbered = [(string, 10 * string + om, x, y, z - deeper_m) for string, om, x, y, z in ROWS]
    path.write_text("\n".join([header, *(",".join(map(str, row)) for row in numbered)]))
    with caplog.at_level("INFO"):
        assert load_detector(path).medium.kind == kind
    card = {"ice": "icecube86", "water": "km3net-arca115"}[kind]
    assert f"names no medium; the medium is that of the card {card}" in caplog.text
    other = load_detector(f"{path}:like=orca").medium
    assert other == load_detector("orca").medium


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("a.csv", "", "lists no module"),
        ("a.csv", "string,om,x,y,z\n", "lists no module"),
        ("a.csv", "string,om,x,y\n1,1,2,3\n", "needs the columns x, y, z .* found: string, om, x, y"),
        ("a.csv", "string,om,x,y,z\n1,1,1,2,3\n1,2,1,2,far\n", "line 3: z must be a number, not 'far'"),
        ("a.csv", "string,om,x,y,z\n1,1,1,2,3\n\n1,2,1,2\n", "line 4: 4 values where there are 5 columns"),
        ("a.csv", "string,om,x,y,z\n1,1,1,2,nan\n", "line 2: z must be a finite number"),
        ("a.csv", "string,om,x,y,z\n1.5,1,1,2,3\n", "line 2: string must be a whole number"),
        ("a.csv", "string,om,x,y,z\n1,1,1,2,3\n1,1,1,2,30\n", "line 3: string 1, om 1 is elsewhere in line 2"),
        ("a.csv", "string,om,x,y,z\n1,1,0,0,0\n1,2,0,0,100000\n", "extend over 100,000 m; places must be in m"),
        ("a.csv", "string,om,x,y,z\n1,1,4e6,0,0\n", "line 2: places must be in m, from an origin near the detector"),
        ("a.csv", "string,om,x,y,z\n1e30,1,4,0,0\n", r"line 2: string must be a whole number below 2\^31"),
        ("a.csv", "event_id,time,x,y,z\n1,1,1,2,3\n", "holds events .column event_id."),
        ("a.txt", "1 2 3\n4 5 6\n", "has 3 columns and no header"),
        ("a.geo", "string om x y z\n" + rows(" "), "has no line '### Modules ###'"),
        ("a.geo", geofile("beer"), "must be one of ice, water, not 'beer'"),
        ("a.geo", geofile().replace("20.5", "here", 1), "line 4: y must be a number, not 'here'"),
        ("a.json", '{"a": "' + 200_000 * "b" + '", "c": 1}', "is not a table of modules"),
        ("a.txt", b"\xff\xfe\x00\x01", "is not text, nor a parquet file"),
        ("a.csv.gz", gzip.compress(TABLES["modules.csv"].encode(), mtime=0)[:-12], "truncated or damaged"),
    ],
)  # fmt: skip
def test_what_is_no_geometry_is_refused_with_its_line(tmp_path, name, content, words):
    (tmp_path / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(IcerecoError, match=words):
        load_detector(tmp_path / name)


def test_a_parquet_file_of_events_is_no_detector(tmp_path):
    pq.write_table(
        pa.table({"event_no": [1], "dom_x": [1.0], "dom_y": [1.0], "dom_z": [1.0]}), tmp_path / "e.parquet"
    )
    with pytest.raises(IcerecoError, match=r"holds events .column event_no.*icereco detectors"):
        load_detector(tmp_path / "e.parquet")


@pytest.mark.parametrize("name", ["mine.geo", "modules.csv"])
def test_the_card_that_is_made_of_a_file_is_the_same_detector(tmp_path, name):
    (tmp_path / name).write_text(geofile() if name == "mine.geo" else TABLES[name])
    made = CliRunner().invoke(
        main, ["detectors", "import", str(tmp_path / name), "-o", str(tmp_path / "card")]
    )
    assert made.exit_code == 0, made.output
    card, file = load_detector(tmp_path / "card"), load_detector(tmp_path / name)
    np.testing.assert_allclose(card.position_m, file.position_m, atol=1e-3)
    np.testing.assert_allclose(card.medium.z_m, file.medium.z_m, atol=1e-3)
    np.testing.assert_allclose(card.medium.absorption_length_m, file.medium.absorption_length_m, atol=1e-3)
    for kind, place in file.file_origins_m.items():
        np.testing.assert_allclose(card.file_origins_m[kind], place)


def test_the_site_is_that_of_the_card_that_is_named(tmp_path):
    path = tmp_path / "modules.csv"
    path.write_text(TABLES["modules.csv"])
    assert load_detector(path).site is None
    orca = load_detector("orca").site
    assert load_detector(f"{path}:like=orca").site == orca
    words = ["detectors", "import", str(path), "-o", str(tmp_path / "card"), "--like", "orca"]
    assert CliRunner().invoke(main, words).exit_code == 0
    assert load_detector(tmp_path / "card").site == orca


def test_a_file_is_drawn_and_kept_with_a_data_set(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "modules.csv").write_text(TABLES["modules.csv"])
    shown = CliRunner().invoke(main, ["detectors", "show", "modules.csv:like=orca"])
    assert shown.exit_code == 0, shown.output
    assert "that of the card orca" in shown.output
    columns = {
        "event_id": pa.array([1]),
        "sensor_id": pa.array([[0, 1, 2]]),
        "time": pa.array([[1.0, 2.0, 3.0]]),
        "charge": pa.array([[1.0, 1.0, 1.0]]),
        "auxiliary": pa.array([[False, False, False]]),
    }
    pq.write_table(pa.table(columns), "events.parquet")
    added = CliRunner().invoke(
        main, ["data", "add", "small", "events.parquet", "--detector", "modules.csv:like=orca"]
    )
    assert added.exit_code == 0, added.output
    monkeypatch.chdir("/")
    assert CliRunner().invoke(main, ["data", "show", "small"]).exit_code == 0


@pytest.mark.parametrize(
    ("file", "card"),
    [
        ("icecube86.csv", "icecube86"),
        ("icecube_deepcore.csv", "deepcore"),
        ("arca.csv", "arca"),
        ("trident.csv", "trident"),
        ("km3net_orca6_doms.csv", "km3net-orca6"),
    ],
)
def test_a_published_table_gives_the_card_that_ships(shared_data, file, card):
    detector, shipped = load_detector(shared_data / "detectors" / file), load_detector(card)
    moved = detector.position_m.astype(float) - detector.position_m.mean(axis=0)
    expected = shipped.position_m.astype(float) - shipped.position_m.mean(axis=0)
    order, other = (np.lexsort(place.round(1).T) for place in (moved, expected))
    np.testing.assert_allclose(moved[order], expected[other], atol=0.2)
    assert detector.medium.kind == shipped.medium.kind

"""Files of KM3NeT, from its package of test data."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from icereco_km3net.elsewhere import require_events, require_hits

from icereco.data.sources.source import open_source
from icereco.detector.detector import Detector, load_detector
from icereco.doctor.geometry import check_shift
from icereco.doctor.sample import take_sample
from icereco.errors import IcerecoError
from icereco.events.batch import EventBatch
from icereco.physics.sphere import opening_angle
from icereco.plugins.discovery import registry
from icereco.tables.assembly import event_batch

registry()  # before the files' package imports importlib_metadata, whose entry points are of another class
pytest.importorskip("km3io", reason="needs icereco[dev], which brings km3io")
testdata = pytest.importorskip("km3net_testdata", reason="needs icereco[dev], which brings km3net-testdata")

ORCA_MUONS = "offline/mcv6.0.gsg_muon_highE-CC_50-500GeV.km3sim.jterbr00008357.jorcarec.aanet.905.root"
ORCA_SIMULATION = (
    "offline/KM3NeT_00000049_00011291.mc.gsg_neutrinos.km3sim_sirene_merged.jterbr.jppmuon_jppshower_static."
    "offline.v9.2.sample.root"
)
ORCA_REAL = "offline/usr-sample.root"
ARCA_CASCADES = "offline/mcv6.gsg_nue-CCHEDIS_1e4-1e6GeV.sirene.jte.jchain.aanet.1.root"
ORCA115 = "offline/mcv5.0.gsg_elec-CC_10-100GeV.km3sim.JDK.jte.jmergefit.orca.909.evtsample.root"
UNCALIBRATED = "offline/km3net_offline.root"
EMPTY = "offline/empty_events.root"
ONLINE = "online/km3net_online.root"
TIME_SLICES = "online/KM3NeT_00000267_00025291_SN.root"
SIMULATED_HITS = "offline/muon_cc_events.root"
MUON_BUNDLES = "mupage/mcv8.1.mupage_tuned_100G.sirene.jterbr00013288.10.root"
WITHOUT_HITS = (
    "dst/mcv6.gsg_numu-CCHEDIS_1e2-1e8GeV.sirene.jte.jchain.aashower.dst.bdt_trk.bdt_casc.10events.root"
)


def file(name: str) -> Path:
    return Path(testdata.data_path(name))


@pytest.fixture(scope="module")
def orca6() -> Detector:
    return load_detector("km3net-orca6")


def read(name: str, detector: Detector, reader: str = "km3net", rows: int = 100) -> EventBatch:
    source = open_source(file(name), reader)
    batches = list(source.checked(detector, rows))
    assert sum(batch.num_rows for batch in batches) == source.count()
    return event_batch(batches[0], detector)


@pytest.fixture(scope="module")
def muons(orca6) -> EventBatch:
    return read(ORCA_MUONS, orca6, rows=140)


def as_in_the_file(name: str, row: int, *names: str) -> list[np.ndarray]:
    import km3io

    hits = km3io.OfflineReader(str(file(name)))[row].hits
    return [np.asarray(getattr(hits, field)) for field in names]


def test_hits_become_pulses_of_their_modules(muons, orca6):
    dom_id, time, tot, trig, looks = as_in_the_file(ORCA_MUONS, 3, "dom_id", "t", "tot", "trig", "dir_z")
    order = np.lexsort((time, np.searchsorted(np.sort(orca6.dom_id), dom_id)))
    event = muons[3]
    pulses = event.pulses
    assert len(pulses) == len(time)
    assert set(orca6.dom_id[pulses.sensor_id].tolist()) == set(dom_id.tolist())
    by_time = np.argsort(pulses.time_ns, kind="stable")
    expected = np.argsort(time, kind="stable")
    np.testing.assert_allclose(pulses.time_ns[by_time], np.sort(time) - time.min(), atol=1e-6)
    np.testing.assert_array_equal(pulses.extras["time_over_threshold"][by_time], tot[expected])
    np.testing.assert_array_equal(pulses.auxiliary[by_time], trig[expected] == 0)
    np.testing.assert_allclose(pulses.extras["pmt_z"][by_time], looks[expected], atol=1e-6)
    assert len(order) == len(pulses)
    assert pulses.time_ns.min() == 0


@pytest.mark.parametrize("name", [ORCA_MUONS, ORCA_SIMULATION])
def test_charges_are_those_that_km3nets_own_processing_writes(name, orca6):
    import awkward as ak
    import km3io

    hits = km3io.OfflineReader(str(file(name))).hits
    amplitude, tot = (np.asarray(ak.flatten(values)) for values in (hits.a, hits.tot))
    batch = read(name, orca6, rows=200)
    charges = dict(
        zip(batch.pulse_extras["time_over_threshold"].tolist(), batch.charge_pe.tolist(), strict=True)
    )
    found = np.array([charges[value] for value in tot.tolist()])
    off = np.abs(found / amplitude - 1)
    assert np.mean(off < 0.002) > 0.9
    assert off.max() < 0.5, "hits that the simulation merged"


def test_the_true_direction_is_where_the_neutrino_came_from(muons):
    fit = registry().get("reconstructor", "linefit")
    found = fit.load_factory()(fit.load_options()())(muons)
    angle = np.degrees(opening_angle(found.direction, muons.truth.direction))
    assert np.nanmedian(angle) < 45, (
        "a line through the light, and the truth: 90 if they had nothing in common"
    )
    import km3io

    first = km3io.OfflineReader(str(file(ORCA_MUONS)))[0].mc_trks
    travel = np.array([float(getattr(first, f"dir_{axis}")[0]) for axis in "xyz"])
    np.testing.assert_allclose(muons.truth.direction[0], -travel / np.linalg.norm(travel), atol=1e-9)
    assert muons.truth.energy_gev[0] == pytest.approx(float(first.E[0]))


def test_official_reconstructions_are_columns_of_origin(muons):
    angles = [np.degrees(opening_angle(event.fits["jmuon"], event.truth.direction)) for event in muons]
    assert np.median(angles) < 8, "KM3NeT's own muon fit of 50 to 500 GeV muons in six strings"
    assert set(muons.event_extras) >= {"fit_jmuon_azimuth", "fit_jshower_zenith", "pdgid"}


def test_triggered_hits_alone_are_read_when_asked_for(orca6):
    everything, triggered = (
        read(ORCA_SIMULATION, orca6, f"km3net:triggered_only={flag}") for flag in (False, True)
    )
    assert len(triggered.time_ns) == int((~everything.auxiliary).sum()) < len(everything.time_ns)
    assert not triggered.auxiliary.any()
    assert triggered.event_id.tolist() == everything.event_id.tolist()


def test_event_ids_encode_run_time_slice_and_trigger(orca6):
    number = int(read(ORCA_SIMULATION, orca6).event_id[0])
    assert (number >> 43, (number >> 21) & (2**22 - 1), number & (2**21 - 1)) == (11_291, 73_678, 1_445)


def test_small_batches_give_the_same_events(orca6):
    source = open_source(file(ORCA_SIMULATION))
    whole = source.checked(orca6, 100)
    small = source.checked(orca6, 7)
    assert [row for batch in small for row in batch.to_pylist()] == [
        row for batch in whole for row in batch.to_pylist()
    ]


def test_real_events_have_no_truth(orca6):
    batch = read(ORCA_REAL, orca6)
    assert batch.truth is None
    assert len(batch) == 3


def test_cascades_of_a_whole_block_of_arca_are_read():
    arca = load_detector("km3net-arca115")
    batch = read(ARCA_CASCADES, arca)
    assert len(batch) == 31
    assert len(batch.time_ns) == 181_484
    vertex_z = open_source(file(ARCA_CASCADES)).batches(arca).__next__().column("vertex_z")[0].as_py()
    assert vertex_z == pytest.approx(68.16970367 - arca.file_origins_m["km3net"][2])


def complaint(name: str, detector: str, reader: str = "km3net") -> str:
    with pytest.raises(IcerecoError) as caught:
        read(name, load_detector(detector), reader)
    return str(caught.value)


@pytest.mark.parametrize(
    ("name", "detector", "words"),
    [
        (ORCA_MUONS, "km3net-arca115", ("103 of the 103 modules", "they are all in km3net-orca6")),
        (ORCA_MUONS, "icecube86", ("are not in the detector icecube86", "they are all in km3net-orca6")),
        (
            ORCA115,
            "km3net-orca115-23m",
            ("have the numbers of km3net-orca115-23m, but lie 12 m", "fit km3net-orca115-20m"),
        ),
        (UNCALIBRATED, "km3net-orca6", ("its hits are not calibrated", "km3net:uncalibrated=true")),
        (EMPTY, "km3net-orca6", ("holds no events",)),
        (ONLINE, "km3net-orca6", ("its 3 events are in the tree KM3NET_EVENT", "write an offline file")),
        (TIME_SLICES, "km3net-orca6", ("holds time slices (KM3NET_TIMESLICE_SN)", "trigger them")),
        (
            MUON_BUNDLES,
            "km3net-orca6",
            ("the hits of its 10 events are in the tree KM3NET_EVENT", "uncalibrated=true"),
        ),
        (SIMULATED_HITS, "km3net-orca115-20m", ("only simulated ones (mc_hits)", "uncalibrated=true")),
    ],
)
def test_what_cannot_be_read_is_said_why(name, detector, words):
    message = complaint(name, detector)
    assert all(word in message for word in words), message


def test_uncalibrated_hits_are_read_when_asked_for(orca6):
    batch = read(UNCALIBRATED, orca6, "km3net:uncalibrated=true")
    assert len(batch) == 10
    assert not batch.pulse_extras["pmt_z"].any()


def test_files_without_hits_are_events_without_pulses(orca6):
    batch = read(WITHOUT_HITS, orca6)
    assert batch.pulse_count.tolist() == [0] * 10
    assert np.median([opening_angle(event.fits["jmuon"], event.truth.direction) for event in batch]) < 0.01


@pytest.mark.parametrize("name", ["hdf5/geamon.h5", "evt/KM3Sim.evt", "detx/detx_v3.detx"])
def test_other_files_of_km3net_are_called_what_they_are(name, detector):
    words = {
        ".h5": "an HDF5 file",
        ".evt": "before the response of the detector",
        ".detx": "icereco detectors import",
    }
    with pytest.raises(IcerecoError, match=words[file(name).suffix]):
        open_source(file(name))


class Sample:
    """Events without hits, of which the simulation has some."""

    def __init__(self, mc_hits):
        self.n_mc_hits = np.array(mc_hits)

    def __len__(self):
        return len(self.n_mc_hits)


@pytest.fixture
def root_file(tmp_path):
    """Makes a ROOT file with trees of so many entries."""
    import uproot

    def make(**entries):
        with uproot.recreate(tmp_path / "made.root") as made:
            for name, count in entries.items():
                made[name] = {"x": np.zeros(count)}
        return uproot.open(tmp_path / "made.root")

    return make


def test_hits_that_are_elsewhere_are_looked_for_in_the_trees_of_a_file(root_file, tmp_path):
    with root_file(KM3NET_EVENT=7, E=2) as made:
        with pytest.raises(IcerecoError, match="7 events are in the tree KM3NET_EVENT"):
            require_events(made, Sample([]), tmp_path)
        with pytest.raises(IcerecoError, match="the hits of its 7 events"):
            require_hits(made, Sample([0, 0]), tmp_path)
        require_events(made, Sample([0]), tmp_path)
    with root_file(KM3NET_TIMESLICE_L1=3) as made:
        with pytest.raises(IcerecoError, match="KM3NET_TIMESLICE_L1"):
            require_events(made, Sample([]), tmp_path)
        with pytest.raises(IcerecoError, match="mc_hits"):
            require_hits(made, Sample([0, 2]), tmp_path)
    with root_file(KM3NET_SUMMARYSLICE=3) as made:
        require_events(made, Sample([]), tmp_path)
        require_hits(made, Sample([0, 0]), tmp_path)


def test_root_files_of_another_kind_are_not_ours(detector):
    with pytest.raises(IcerecoError, match="a ROOT file, in which no reader finds events"):
        open_source(file("acoustics/mechanical_model.root"))


def test_without_km3io_it_is_said_how_to_install_it(tmp_path):
    program = (
        "import sys; sys.modules['km3io'] = sys.modules['uproot'] = None\n"
        "from icereco.cli import main\n"
        f"sys.argv = ['icereco', 'reconstruct', {str(file(ORCA_REAL))!r}, '--method', 'linefit', '--detector', 'km3net-orca6',"
        f" '-o', {str(tmp_path / 'out.parquet')!r}]\n"
        "main()"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "pip install 'icereco[km3net]'" in done.stderr
    assert "Traceback" not in done.stderr
    assert not list(tmp_path.iterdir())


def test_noise_is_not_taken_for_another_numbering():
    sample = take_sample(open_source(file(ARCA_CASCADES)), load_detector("km3net-arca115"), 100)
    assert check_shift(sample).severity == "unknown"


GENHEN_NEUTRAL = "offline/mcv5.1.genhen_anumuNC.sirene.jte.jchain.aashower.sample.root"
GENHEN_MUONS = "offline/numucc.root"


def test_old_stages_of_aanets_shower_fit_are_understood():
    import km3io

    batch = read(GENHEN_NEUTRAL, load_detector("km3net-arca115"))
    tracks = km3io.OfflineReader(str(file(GENHEN_NEUTRAL))).trks
    for row, (kinds, stages, z) in enumerate(
        zip(tracks.rec_type.tolist(), tracks.rec_stages.tolist(), tracks.dir_z.tolist(), strict=True)
    ):
        best = next(i for i, kind in enumerate(kinds) if kind == 101 and max(stages[i]) == 4)
        np.testing.assert_allclose(
            np.cos(batch.event_extras["fit_aashower_zenith"][row]), -z[best], atol=1e-6
        )


def expected_truth(name: str) -> list[dict]:
    """Of each event: energy, vertex, Bjorken y and current as the file lists them, read with km3io."""
    import km3io

    events = km3io.OfflineReader(str(file(name)))
    by, current = (km3io.definitions.w2list_gseagen[f"W2LIST_GSEAGEN_{one}"] for one in ("BY", "CC"))
    tracks = events.mc_trks
    named = [
        dict(zip(names[0], values[0], strict=True))
        for names, values in zip(tracks.usr_names.tolist(), tracks.usr.tolist(), strict=True)
    ]
    return [
        {
            "energy": float(tracks.E[row][0]),
            "place": [float(getattr(tracks, f"pos_{axis}")[row][0]) for axis in "xyz"],
            "by": listed[by] if len(listed) > current else named[row].get("by", np.nan),
            "current": listed[current] if len(listed) > current else named[row].get("cc"),
            "pdg": int(tracks.pdgid[row][0]),
        }
        for row, listed in enumerate(events.w2list.tolist())
    ]


@pytest.mark.parametrize(
    ("name", "card", "kinds"),
    [
        (ORCA_MUONS, "km3net-orca6", {"starting_track": 5, "through_track": 135}),
        (ARCA_CASCADES, "km3net-arca115", {"cascade": 31}),
        (ORCA115, "km3net-orca115-20m", {"cascade": 10}),
        (GENHEN_NEUTRAL, "km3net-arca115", {"cascade": 10}),
        (GENHEN_MUONS, "km3net-arca115", {"starting_track": 6, "through_track": 4}),
        (MUON_BUNDLES, "km3net-orca6", {"through_track": 10}),
    ],
)
def test_every_target_is_that_of_the_file(name, card, kinds):
    detector = load_detector(card)
    batch = read(name, detector, "km3net:uncalibrated=true", rows=200)
    expected = expected_truth(name)
    truth = batch.truth
    np.testing.assert_array_equal(truth.energy_gev, [one["energy"] for one in expected])
    place = np.array([one["place"] for one in expected])
    np.testing.assert_allclose(truth.vertex_m, place - detector.file_origins_m["km3net"], atol=1e-9)
    np.testing.assert_array_equal(truth.inelasticity, [one["by"] for one in expected])
    assert {one["current"] for one in expected} <= {2.0, 3.0, None}, "charged, neutral, none"
    assert dict(zip(*np.unique(truth.kind.astype(str), return_counts=True), strict=True)) == kinds
    for kind, one in zip(truth.kind, expected, strict=True):
        assert kind != "cascade" or abs(one["pdg"]) == 12 or one["current"] == 3


@pytest.mark.parametrize(
    ("name", "card", "metres"),
    [(ARCA_CASCADES, "km3net-arca115", 90), (ORCA115, "km3net-orca115-20m", 60)],
)
def test_vertices_of_cascades_lie_where_the_light_is(name, card, metres):
    """In ARCA strings are 90 m apart, in ORCA 20; modules of ORCA are 9 m apart, the nearest of ARCA 36."""
    batch = read(name, load_detector(card))
    light = []
    for event in batch:
        coincident = ~event.pulses.auxiliary
        position = np.repeat(event.batch.position_m, np.diff(event.batch.pulse_offsets), axis=0)
        light.append(position[coincident].mean(axis=0))
    offset = np.linalg.norm(batch.truth.vertex_m - light, axis=1)
    assert np.median(offset) < metres


def test_recorded_events_have_their_time_and_simulated_ones_none(orca6):
    source = open_source(file(ORCA_REAL), "km3net")
    (rows,) = source.checked(load_detector("km3net-orca6"), as_given=True)
    start = np.asarray(rows["start_mjd"])
    assert (start > 58_879).all(), "of 31 January 2020"
    assert (start < 58_880).all()
    (simulated,) = open_source(file(ORCA_MUONS), "km3net").checked(orca6, as_given=True)
    assert "start_mjd" not in simulated.schema.names

"""Prometheus' files whose truth contradicts itself, and files without photons."""

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

from icereco.cli import main
from icereco.data.sources.source import open_source
from icereco.detector.detector import Detector, load_detector
from icereco.errors import IcerecoError
from icereco.physics.sphere import angles_from_direction, direction_from_angles
from icereco.tables.assembly import event_batch

EVENTS, PHOTONS = 40, 30


@pytest.fixture(scope="module")
def arca() -> Detector:
    return load_detector("arca")


def truth(direction: np.ndarray, turned_by: float) -> pa.StructArray:
    """Interactions whose initial state has another azimuth than its two outgoing particles, which go in `direction`."""
    azimuth, zenith = angles_from_direction(direction)
    pairs = pa.array(np.arange(EVENTS + 1) * 2, pa.int32())
    twice = {name: pa.ListArray.from_arrays(pairs, pa.array(np.repeat(values, 2))) for name, values in {
        "final_state_azimuth": azimuth, "final_state_zenith": zenith, "final_state_energy": np.full(EVENTS, 50.0),
    }.items()}  # fmt: skip
    columns = {
        "interaction": pa.array(np.ones(EVENTS, int)),
        "initial_state_energy": pa.array(np.full(EVENTS, 100.0)),
        "initial_state_type": pa.array(np.full(EVENTS, 14)),
        "initial_state_azimuth": pa.array((azimuth + turned_by) % (2 * np.pi)),
        "initial_state_zenith": pa.array(zenith),
        **twice,
    }
    return pa.StructArray.from_arrays(list(columns.values()), list(columns))


def photons(direction: np.ndarray, arca: Detector, seed: int) -> pa.StructArray:
    """Light of a plane that moves in `direction` at 0.2 m/ns, on modules everywhere."""
    sensor = np.random.default_rng(seed).integers(0, len(arca.om), (EVENTS, PHOTONS))
    place = arca.position_m[sensor].astype(np.float64) + arca.file_origins_m.get(
        "prometheus", (0.0, 0.0, 0.0)
    )
    time = np.einsum("epi,ei->ep", arca.position_m[sensor], direction) / 0.2
    offsets = pa.array(np.arange(EVENTS + 1) * PHOTONS, pa.int32())
    columns = {f"sensor_pos_{axis}": place[..., i] for i, axis in enumerate("xyz")} | {"t": time}
    lists = [pa.ListArray.from_arrays(offsets, pa.array(values.ravel())) for values in columns.values()]
    return pa.StructArray.from_arrays(lists, list(columns))


@pytest.fixture
def written(tmp_path, arca):
    """A function that writes events, and returns the file and the directions that their particles go in."""

    def write(turned_by: float, *, with_photons: bool = True):
        rng = np.random.default_rng(4)
        direction = direction_from_angles(rng.uniform(0, 2 * np.pi, EVENTS), rng.uniform(0.5, 2.6, EVENTS))
        table = {"mc_truth": truth(direction, turned_by)}
        table |= {"photons": photons(direction, arca, 5)} if with_photons else {}
        pq.write_table(pa.table(table), tmp_path / "1_photons.parquet")
        return tmp_path / "1_photons.parquet", direction

    return write


@pytest.mark.parametrize("turned_by", [0.0, np.pi])
def test_the_direction_is_that_of_the_outgoing_particles(written, arca, caplog, turned_by):
    path, direction = written(turned_by)
    batches = [event_batch(rows, arca) for rows in open_source(path).checked(arca, 16)]
    came_from = np.concatenate([batch.truth.direction for batch in batches])
    np.testing.assert_allclose(came_from, -direction, atol=1e-9)
    assert ("contradict each other in" in caplog.text) == bool(turned_by)
    assert ("is 180° from that of the outgoing particles" in caplog.text) == bool(turned_by)


def test_a_line_fit_needs_no_truth(written, monkeypatch, tmp_path):
    path, _ = written(np.pi)
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(main, ["reconstruct", str(path), "--method", "linefit", "--detector", "arca"])
    assert result.exit_code == 0, result.output


def test_a_file_without_photons_is_named_as_such(written, arca):
    path, _ = written(0.0, with_photons=False)
    with pytest.raises(IcerecoError, match="and no photons: its photon propagation wrote none"):
        list(open_source(path).checked(arca))

"""Files of reconstructions, read back: every field as it was, and files of the first version too."""

import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from icereco.errors import IcerecoError
from icereco.events.reconstruction import Reconstruction
from icereco.events.truth import EVENT_KINDS
from icereco.events.vmf_mixture import VmfMixture
from icereco.physics.sphere import angles_from_direction, opening_angle
from icereco.reconstruction.table_files import converted_writer
from icereco.tables.assembly import event_batch
from icereco.tables.reconstruction_columns import ALWAYS, is_reserved, reconstruction_rows
from icereco.tables.reconstructions import METADATA_KEY, reconstruction_writer
from icereco.tables.saved_reconstructions import read_reconstructions
from icereco.testing.random_events import random_events

EVENTS = 12
PLAIN = [name for name in Reconstruction.__slots__ if name not in ("direction", "posterior", "extras")]


def directions(seed, *shape):
    vectors = np.random.default_rng(seed).normal(size=(*shape, 3))
    return vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)


@pytest.fixture
def batch(detector):
    return event_batch(random_events(np.full(EVENTS, 9), seed=4), detector)


def everything(components):
    random = np.random.default_rng(7)
    factor = np.random.default_rng(8).normal(size=(EVENTS, 3, 3))
    mean = directions(1, EVENTS, components)
    mixture = VmfMixture(
        random.dirichlet(np.ones(components), EVENTS), mean, random.uniform(1, 100, (EVENTS, components))
    )
    return Reconstruction(
        mixture.mode,
        mixture,
        energy_gev=random.uniform(1e2, 1e5, EVENTS),
        energy_log10_sigma=random.uniform(0.1, 1, EVENTS),
        energy_interval_gev=np.sort(10 ** factor[:, 0, :2]),
        vertex_m=random.normal(size=(EVENTS, 3)),
        vertex_covariance_m2=factor @ np.swapaxes(factor, 1, 2),
        kind_probability=random.dirichlet(np.ones(len(EVENT_KINDS)), EVENTS),
        inelasticity=random.random(EVENTS),
        inelasticity_sigma=np.linspace(0.1, 0.3, EVENTS),
        pulses_used=np.arange(EVENTS),
        status=np.array([*["converged", "step limit", None] * (EVENTS // 3)], dtype=object),
        extras={"log_likelihood": random.normal(size=EVENTS), "evaluations": random.uniform(1, 9, EVENTS)},
    )


@pytest.mark.parametrize("components", [1, 3])
def test_every_field_comes_back(tmp_path, batch, components):
    result, path = everything(components), tmp_path / "out.parquet"
    other = Reconstruction(
        directions(2, EVENTS), VmfMixture.single(directions(2, EVENTS), np.full(EVENTS, 9.0))
    )
    with reconstruction_writer(path, {"method": "some-model"}) as writer:
        for start in range(0, EVENTS, 5):  # groups of rows with their own longest mixture
            rows = np.arange(start, min(start + 5, EVENTS))
            part = Reconstruction(
                result.direction[rows],
                result.posterior.take(rows),
                **{name: getattr(result, name)[rows] for name in PLAIN},
                extras={name: column[rows] for name, column in result.extras.items()},
            )
            beside = Reconstruction(other.direction[rows], other.posterior.take(rows))
            writer.write(reconstruction_rows(batch[start : start + 5], part, {"linefit": beside}))
    saved = read_reconstructions(path)
    assert saved.method == "some-model"
    assert opening_angle(saved.reconstruction.direction, result.direction).max() < 1e-12
    assert saved.reconstruction.status.tolist() == result.status.tolist()
    for name in set(PLAIN) - {"status"}:
        assert getattr(saved.reconstruction, name) == pytest.approx(getattr(result, name)), name
    assert saved.reconstruction.extras.keys() == result.extras.keys()
    for name, column in result.extras.items():
        assert saved.reconstruction.extras[name] == pytest.approx(column)
    places = directions(5, EVENTS, 40)
    posterior = saved.reconstruction.posterior
    assert posterior.log_density(places) == pytest.approx(result.posterior.log_density(places), abs=0.02)
    assert posterior.kappa == pytest.approx(result.kappa, rel=0.02)
    assert saved.comparisons["linefit"].kappa == pytest.approx(9.0)
    truth = batch.truth
    assert saved.truth.energy_gev == pytest.approx(truth.energy_gev)
    assert saved.truth.kind.tolist() == truth.kind.tolist()
    assert saved.truth.vertex_m == pytest.approx(truth.vertex_m)
    assert saved.truth.inelasticity == pytest.approx(truth.inelasticity)


@pytest.mark.parametrize("form", ["csv", "arrow"])
def test_every_target_comes_back_from_files_that_do_not_say_how_they_were_made(tmp_path, batch, form):
    result, path = everything(1), tmp_path / f"out.{form}"
    with converted_writer(path, form, {"method": "some-model"}) as writer:
        writer.write(reconstruction_rows(batch, result))
    saved = read_reconstructions(path)
    for target in set(PLAIN) - {"status"}:
        assert getattr(saved.reconstruction, target) == pytest.approx(getattr(result, target)), target
    assert saved.truth.energy_gev == pytest.approx(batch.truth.energy_gev)


def test_events_without_a_posterior_are_unknown_in_a_mixture(tmp_path, batch):
    whole, path = everything(3), tmp_path / "out.parquet"
    rows = np.where(np.arange(EVENTS) == 4, -1, np.arange(EVENTS))
    with reconstruction_writer(path, {}) as writer:
        writer.write(reconstruction_rows(batch, Reconstruction(whole.direction, whole.posterior.take(rows))))
    kappa = read_reconstructions(path).reconstruction.kappa
    assert np.flatnonzero(np.isnan(kappa)).tolist() == [4]


def test_a_file_of_the_first_version_has_its_truth_under_other_names(tmp_path, batch):
    azimuth, zenith = angles_from_direction(batch.truth.direction)
    table = pa.table(
        {
            "event_id": batch.event_id,
            "azimuth": azimuth,
            "zenith": zenith,
            "kappa": np.full(EVENTS, 5.0),
            "pulses_total": batch.pulse_count,
            "true_azimuth": azimuth,
            "true_zenith": zenith,
            "energy": batch.truth.energy_gev,
            "kind": batch.truth.kind,
        }
    )
    old = {METADATA_KEY: json.dumps({"content": "reconstruction", "method": "old"})}
    pq.write_table(table.replace_schema_metadata(old), tmp_path / "old.parquet")
    saved = read_reconstructions(tmp_path / "old.parquet")
    assert saved.reconstruction.energy_gev is None
    assert saved.truth.energy_gev == pytest.approx(batch.truth.energy_gev)
    assert saved.truth.kind.tolist() == batch.truth.kind.tolist()
    assert saved.reconstruction.kappa == pytest.approx(5.0)


def test_another_table_is_distinguished_from_reconstructions(tmp_path):
    pq.write_table(pa.table({"event_id": [1], "azimuth": [0.0]}), tmp_path / "other.parquet")
    with pytest.raises(
        IcerecoError, match=r"other.parquet is not a file of reconstructions: it lacks zenith"
    ):
        read_reconstructions(tmp_path / "other.parquet")


def test_a_column_that_the_first_rows_lack_is_null_there_and_kept(tmp_path, batch):
    path, direction = tmp_path / "out.parquet", directions(3, EVENTS)
    figure = np.linspace(-9, -1, EVENTS - 5)
    with reconstruction_writer(path, {}) as writer:
        writer.write(reconstruction_rows(batch[:5], Reconstruction(direction[:5])))
        rest = Reconstruction(
            direction[5:], extras={"log_likelihood": figure}, status=np.full(EVENTS - 5, "ok", dtype=object)
        )
        writer.write(reconstruction_rows(batch[5:], rest))
    table = pq.read_table(path)
    assert table["log_likelihood"].to_pylist() == [None] * 5 + figure.tolist()
    assert table["status"].to_pylist() == [None] * 5 + ["ok"] * (EVENTS - 5)
    assert table.schema.field("log_likelihood").type == pa.float64()


@pytest.mark.parametrize("name", [*ALWAYS, "status", "kappa", "energy", "true_energy", "linefit_azimuth"])
def test_names_of_other_columns_are_reserved(name):
    assert is_reserved(name)
    assert not is_reserved(f"log_{name}_ratio")


def complaint(path, otherwise):
    try:
        read_reconstructions(path)
    except IcerecoError as error:
        return str(error)
    return otherwise


OTHER_TYPES = {
    "text": pa.array(["1"] * EVENTS),
    "lists": pa.array([[1.0]] * EVENTS),
    "flags": pa.array([True] * EVENTS),
    "structures": pa.array([{"a": 1}] * EVENTS),
    "nothing": pa.nulls(EVENTS),
    "decimals": pa.array([1] * EVENTS, pa.decimal128(30, 2)),
}


@pytest.mark.parametrize("values", OTHER_TYPES)
@pytest.mark.parametrize(
    "column", ["event_id", "azimuth", "pulses_total", "kappa", "posterior_weight", "true_kind", "true_energy"]
)
def test_a_column_of_another_type_means_the_same_or_is_refused_in_one_line(tmp_path, batch, column, values):
    path = tmp_path / "out.parquet"
    with reconstruction_writer(path, {"method": "any"}) as table:
        table.write(reconstruction_rows(batch, everything(3)))
    stored = pq.read_table(path)
    pq.write_table(stored.set_column(stored.column_names.index(column), column, OTHER_TYPES[values]), path)
    assert column in complaint(path, otherwise=column)


def test_a_column_that_occurs_twice_is_refused(tmp_path, batch):
    path = tmp_path / "out.parquet"
    with reconstruction_writer(path, {"method": "any"}) as table:
        table.write(reconstruction_rows(batch, everything(1)))
    stored = pq.read_table(path)
    pq.write_table(stored.append_column("mine", stored["zenith"]), path)
    assert read_reconstructions(path).provenance["method"] == "any"
    pq.write_table(stored.append_column("azimuth", stored["zenith"]), path)
    with pytest.raises(IcerecoError, match="has the column azimuth twice"):
        read_reconstructions(path)

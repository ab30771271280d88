# ruff: noqa: TID253 -- compares Arrow tables
import re
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from itertools import islice
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner
from icereco_simulation.acceptance import angular_acceptance, mean_acceptance
from icereco_simulation.emission import MEAN_COSINE, cascade_emission
from icereco_simulation.ice import LayeredIce
from icereco_simulation.light import LightModel, cascade_density, track_density
from icereco_simulation.options import IceTelescopeOptions
from icereco_simulation.photons import PhotoElectrons
from icereco_simulation.sensor import Coincidence, DarkNoise, Pulses, merge, single_charges
from icereco_simulation.simulator import TRIGGER_TIME_NS, IceTelescope
from icereco_simulation.trigger import simple_multiplicity
from icereco_simulation.volume import Volume

from icereco.cli.simulate import command
from icereco.components import Component
from icereco.data.columns import ragged
from icereco.data.kaggle_layout import KaggleWriter
from icereco.data.layouts import OwnWriter
from icereco.data.simulation import Simulation, simulated_events
from icereco.data.statistics import Statistics
from icereco.data.table import SCHEMA
from icereco.detector import Detector, load_detector
from icereco.directions import direction_from_angles
from icereco.errors import IcerecoError
from icereco.plugins import registry
from icereco.roles import Simulator

SPEED = 0.299792458
OPTIONS = IceTelescopeOptions(primaries_per_block=128)


@pytest.fixture(scope="module")
def detector() -> Detector:
    return load_detector("icecube86")


@pytest.fixture(scope="module")
def component() -> Component:
    return registry().get("simulator", "ice-telescope")


@pytest.fixture(scope="module")
def simulation(component: Component, detector: Detector) -> Simulation:
    return Simulation(component, OPTIONS, detector, seed=1)


@pytest.fixture(scope="module")
def block(detector: Detector) -> pa.RecordBatch:
    return IceTelescope(IceTelescopeOptions(), detector).block(seed=5, block=0)


def events_of(batch: pa.RecordBatch) -> Iterator[dict]:
    columns = {name: ragged(batch.column(name)) for name in ("sensor_id", "time", "charge", "auxiliary")}
    for row in range(batch.num_rows):
        offsets = columns["time"].offsets
        event = {name: one.values[offsets[row] : offsets[row + 1]] for name, one in columns.items()}
        for name in SCHEMA.names:
            if name not in event:
                event[name] = batch.column(name)[row].as_py()
        event["travel"] = -direction_from_angles(np.float64(event["azimuth"]), np.float64(event["zenith"]))
        event["vertex"] = np.array([event["vertex_x"], event["vertex_y"], event["vertex_z"]])
        yield event


@pytest.fixture(scope="module", params=registry().components("simulator"), ids=lambda one: one.name)
def simulator(request: pytest.FixtureRequest, detector: Detector) -> Simulator:
    made: Simulator = request.param.load_factory()(request.param.load_options()(), detector)
    return made


class TestEverySimulator:
    def test_blocks_are_event_tables_with_truth(self, simulator: Simulator):
        batch = next(iter(simulator.blocks(seed=0)))
        assert batch.schema.equals(SCHEMA)
        assert batch.num_rows > 0
        batch.validate(full=True)
        assert not any(column.null_count for column in batch.columns)

    def test_a_block_depends_on_seed_and_number_alone(self, simulator: Simulator):
        first, second = islice(simulator.blocks(seed=7), 2)
        again = next(iter(simulator.blocks(seed=7, first_block=1)))
        other = next(iter(simulator.blocks(seed=8)))
        assert second.equals(again)
        assert not first.equals(second)
        assert not first.column("azimuth").equals(other.column("azimuth"))

    def test_event_ids_are_unique_over_blocks(self, simulator: Simulator):
        ids = np.concatenate(
            [batch.column("event_id").to_numpy() for batch in islice(simulator.blocks(3), 2)]
        )
        assert np.unique(ids).size == ids.size
        assert ids.min() >= 0

    def test_truth_is_in_range(self, simulator: Simulator, detector: Detector):
        batch = next(iter(simulator.blocks(seed=0)))
        azimuth, zenith = (batch.column(name).to_numpy() for name in ("azimuth", "zenith"))
        assert np.all((azimuth >= 0) & (azimuth < 2 * np.pi) & (zenith >= 0) & (zenith <= np.pi))
        assert np.all(batch.column("energy").to_numpy() > 0)
        for event in events_of(batch):
            assert event["sensor_id"].min() >= 0
            assert detector.alive[event["sensor_id"]].all()
            assert np.all(np.diff(event["time"]) >= 0)
            assert event["charge"].min() > 0


class TestEvents:
    def test_directions_cover_the_sphere(self, block: pa.RecordBatch):
        azimuth, zenith = (block.column(name).to_numpy() for name in ("azimuth", "zenith"))
        mean = direction_from_angles(azimuth, zenith).mean(axis=0)
        assert np.linalg.norm(mean) < 6 / np.sqrt(3 * len(azimuth))

    def test_tracks_are_hit_along_where_they_fly_to(self, block: pa.RecordBatch, detector: Detector):
        cosines, growths = [], []
        for event in events_of(block):
            lit = ~event["auxiliary"]
            if event["kind"] == "cascade" or lit.sum() < 20:
                continue
            along = (detector.position_m[event["sensor_id"][lit]] - event["vertex"]) @ event["travel"]
            growths.append(np.corrcoef(along, event["time"][lit])[0, 1])
            cosines.append(along.mean())
        assert np.median(growths) > 0.7
        assert np.mean(np.array(cosines) > 0) > 0.9

    def test_cascades_shine_forwards(self, block: pa.RecordBatch, detector: Detector):
        forwards = []
        for event in events_of(block):
            lit = ~event["auxiliary"]
            if event["kind"] == "cascade" and lit.sum() > 30:
                way = detector.position_m[event["sensor_id"][lit]] - event["vertex"]
                forwards.append(
                    np.average(way @ event["travel"], weights=np.minimum(event["charge"][lit], 20))
                )
        assert len(forwards) > 10
        assert np.mean(np.array(forwards) > 0) > 0.9

    def test_eight_modules_are_coincident_within_5_us_of_the_trigger(self, block: pa.RecordBatch):
        for event in events_of(block):
            after = event["time"] - TRIGGER_TIME_NS
            inside = ~event["auxiliary"] & (after >= -1) & (after <= 5001)
            assert np.unique(event["sensor_id"][inside]).size >= 8
            assert after.min() >= -4001

    def test_light_is_never_faster_than_light(self, detector: Detector):
        quiet = IceTelescopeOptions(noise_scale=0.0, through_track_fraction=0.0, starting_track_fraction=0.0)
        late = []
        for event in events_of(IceTelescope(quiet, detector).block(seed=2, block=0)):
            way = np.linalg.norm(detector.position_m[event["sensor_id"]] - event["vertex"], axis=1)
            # Only differences of times mean something: a module cannot be earlier than light from the first one.
            delay = event["time"] - way * 1.3561 / SPEED
            first = np.argmin(event["time"])
            span = (way.max() + way[first]) * 1.3561 / SPEED
            assert delay.min() > delay[first] - span
            late.append(np.median(delay) - np.quantile(delay, 0.02))
        assert 20 < np.median(late) < 1000

    def test_energy_raises_the_light(self, detector: Detector):
        def brightness(energy: float) -> float:
            options = IceTelescopeOptions(
                minimum_energy_gev=energy,
                maximum_energy_gev=1.01 * energy,
                primaries_per_block=64,
                noise_scale=0.0,
            )
            batch = IceTelescope(options, detector).block(seed=1, block=0)
            return float(np.median([event["charge"].sum() for event in events_of(batch)]))

        low, high = brightness(1e3), brightness(1e5)
        assert 20 < high / low < 300

    @pytest.mark.slow
    def test_percentiles_are_those_of_icecube(self, simulation: Simulation):
        statistics = Statistics()
        for batch in replace(simulation, options=IceTelescopeOptions()).events(8000):
            statistics.add(batch)
        tolerance = [0.10, 0.30, 0.50, 1.0, 0.30, 0.30, 0.10, 0.30, 0.30, 1.0]
        for figure, allowed in zip(statistics.figures(), tolerance, strict=True):
            assert figure.value == pytest.approx(figure.reference, rel=allowed), figure.name


class TestRunning:
    def test_the_first_events_are_the_same_for_any_number_of_workers(
        self, simulation: Simulation, tmp_path: Path
    ):
        contents = []
        for workers in (1, 2):
            with OwnWriter(tmp_path / f"{workers}.parquet", simulation.provenance()) as writer:
                for batch in simulation.events(150, workers):
                    writer.write(batch)
            contents.append((tmp_path / f"{workers}.parquet").read_bytes())
        assert contents[0] == contents[1]
        assert pq.read_metadata(tmp_path / "1.parquet").num_rows == 150

    def test_fewer_events_are_the_first_of_more(self, simulation: Simulation):
        few, many = (pa.Table.from_batches(simulation.events(count, workers=1)) for count in (30, 90))
        assert few.num_rows == 30
        assert many.slice(0, 30).equals(few)

    def test_another_seed_gives_other_events(self, simulation: Simulation):
        one, other = (
            pa.Table.from_batches(replace(simulation, seed=seed).events(20, workers=1)) for seed in (1, 2)
        )
        assert not one.column("azimuth").equals(other.column("azimuth"))

    def test_files_do_not_depend_on_how_events_are_batched(self, simulation: Simulation, tmp_path: Path):
        events = pa.Table.from_batches(simulation.events(60, workers=1))
        contents = []
        for size in (7, 60):
            folder = tmp_path / str(size)
            with (
                OwnWriter(folder / "own.parquet", {}) as own,
                KaggleWriter(folder, simulation.detector, {}) as kaggle,
            ):
                for batch in events.to_batches(max_chunksize=size):
                    own.write(batch)
                    kaggle.write(batch)
            contents.append([path.read_bytes() for path in sorted(folder.rglob("*.*"))])
        assert contents[0] == contents[1]

    def test_a_failed_simulation_leaves_nothing(self, simulation: Simulation, tmp_path: Path):
        def fail() -> None:
            with (
                OwnWriter(tmp_path / "own.parquet", {}) as own,
                KaggleWriter(tmp_path, simulation.detector, {}) as kaggle,
            ):
                for batch in simulation.events(20, workers=1):
                    own.write(batch)
                    kaggle.write(batch)
                raise RuntimeError("on purpose")

        with pytest.raises(RuntimeError, match="on purpose"):
            fail()
        assert [path for path in tmp_path.rglob("*") if path.is_file()] == []

    def test_a_simulation_in_the_dark_says_so(self, simulation: Simulation):
        dark = replace(simulation, options=IceTelescopeOptions(light_scale=0.0, primaries_per_block=2))
        with pytest.raises(IcerecoError, match="passed the trigger"):
            list(dark.events(1, workers=1))

    def test_cached_events_are_simulated_once(
        self, simulation: Simulation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ):
        monkeypatch.setenv("ICERECO_CACHE", str(tmp_path))
        calls: list[int] = []

        def events() -> Path:
            return simulated_events(
                simulation, simulation.detector, 40, 1, lambda done, total: calls.append(done), workers=1
            )

        first = events()
        assert calls[-1] == 40
        calls.clear()
        assert events() == first
        assert calls == []


class TestCommand:
    def test_writes_both_layouts_with_the_same_events(self, tmp_path: Path):
        out = tmp_path / "out"
        arguments = ["--events", "50", "--seed", "4", "-o", str(out), "--layout", "both", "--workers", "1"]
        done = CliRunner().invoke(command, [*arguments, "--option", "primaries_per_block=64"])
        assert done.exit_code == 0, done.output
        assert "50 events" in done.output
        assert "icereco train --data" in done.output
        own = pq.read_table(out / "events.parquet")
        pulses, meta = (
            pq.read_table(out / "train" / "batch_1.parquet"),
            pq.read_table(out / "train_meta.parquet"),
        )
        assert meta.num_rows == own.num_rows == 50
        assert pulses.schema.names == ["event_id", "sensor_id", "time", "charge", "auxiliary"]
        for row in (0, 17, 49):
            first, last = (meta[f"{end}_pulse_index"][row].as_py() for end in ("first", "last"))
            mine = pulses.slice(first, last + 1 - first)
            assert set(mine["event_id"].to_pylist()) == {own["event_id"][row].as_py()}
            assert mine["time"].to_pylist() == own["time"][row].as_py()
            assert mine["charge"].to_pylist() == own["charge"][row].as_py()
            assert mine["auxiliary"].to_pylist() == own["auxiliary"][row].as_py()
        assert meta["last_pulse_index"][49].as_py() == pulses.num_rows - 1

    @pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
    def test_an_interruption_leaves_nothing(self, tmp_path: Path, number: int):
        command = [sys.executable, "-m", "icereco", "simulate", "--events", "100000", "-o", "made"]
        process = subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.PIPE, text=True)
        while process.poll() is None:
            time.sleep(0.01)
            if sum(file.stat().st_size for file in tmp_path.glob("made/.*.partial")) > 10_000:
                break
        process.send_signal(number)
        _, message = process.communicate()
        assert process.returncode == 130, message
        assert "Traceback" not in message
        assert not (tmp_path / "made").exists()

    @pytest.mark.parametrize("most_bytes", [2, 3_000, 20_000])
    def test_a_full_disk_is_told_with_the_name_of_the_file(self, tmp_path: Path, most_bytes: int):
        def small_files() -> None:
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)  # writing more then fails as on a full disk
            resource.setrlimit(resource.RLIMIT_FSIZE, (most_bytes, most_bytes))

        arguments = ["simulate", "--events", "40", "-o", "made", "--layout", "both", "--workers", "1"]
        done = subprocess.run(
            [sys.executable, "-m", "icereco", *arguments],
            cwd=tmp_path, capture_output=True, text=True, preexec_fn=small_files, check=False,
        )  # fmt: skip
        assert done.returncode == 2, done.stderr
        assert re.search(r"error: cannot write made/(events.parquet|sensor_geometry.csv): ", done.stderr)
        assert not list(tmp_path.iterdir())

    def test_refuses_to_overwrite(self, tmp_path: Path):
        (tmp_path / "events.parquet").touch()
        done = CliRunner().invoke(command, ["--events", "5", "-o", str(tmp_path)])
        assert isinstance(done.exception, IcerecoError)
        assert "is there already" in str(done.exception)

    @pytest.mark.parametrize(
        ("option", "message"),
        [
            ("soft_indx=2", "did you mean 'soft_index'"),
            ("soft_index", "must be KEY=VALUE"),
            ("soft_index=steep", "soft_index: Input should be a valid number"),
            ("maximum_energy_gev=50", "maximum_energy_gev must be above"),
        ],
    )
    def test_a_wrong_option_is_explained(self, tmp_path: Path, option: str, message: str):
        done = CliRunner().invoke(command, ["--events", "5", "-o", str(tmp_path), "--option", option])
        assert isinstance(done.exception, IcerecoError)
        assert message in str(done.exception)


class TestLight:
    def test_ice_average_is_the_numeric_integral(self, detector: Detector):
        ice = LayeredIce.of(detector.medium)
        rng = np.random.default_rng(0)
        first, second = rng.uniform(-600, 600, (2, 50))
        scattering, absorption = ice.mean_coefficients(first, second)
        for found, length in (
            (scattering, detector.medium.scattering_length_m),
            (absorption, detector.medium.absorption_length_m),
        ):
            path = np.linspace(first, second, 4001)
            expected = np.interp(path, detector.medium.z_m, 1.0 / length).mean(axis=0)
            np.testing.assert_allclose(found, expected, rtol=0.02)

    def test_level_light_sees_its_own_layer(self, detector: Detector):
        ice = LayeredIce.of(detector.medium)
        z = np.array([-300.4])
        scattering, _ = ice.mean_coefficients(z, z + 0.01)
        below, above = ice.mean_coefficients(z - 10, z)[0], ice.mean_coefficients(z, z + 10)[0]
        assert min(below, above) * 0.9 <= scattering <= max(below, above) * 1.1

    def test_cascade_density_is_ballistic_near_and_diffusive_far(self):
        scattering, absorption = 1 / 25.0, 1 / 100.0
        near = cascade_density(np.array([0.5]), scattering, absorption)
        np.testing.assert_allclose(near, 1 / (4 * np.pi * 0.25), rtol=0.05)
        far = np.array([300.0])
        decay = np.sqrt(25.0 * 100.0 / 3)
        diffusion = 25.0 / 3 * np.exp(0.25)
        np.testing.assert_allclose(
            cascade_density(far, scattering, absorption),
            np.exp(-far / decay) / (4 * np.pi * diffusion * far),
            rtol=1e-3,
        )

    def test_track_density_is_the_integral_of_points_far_away(self):
        scattering, absorption, sine = 1 / 25.0, 1 / 100.0, 0.65
        distance = np.array([250.0])
        along = np.linspace(-2000, 2000, 40001)
        points = cascade_density(np.hypot(along, distance), scattering, absorption)
        line = track_density(distance, scattering, absorption, sine)
        np.testing.assert_allclose(line, np.trapezoid(points, along), rtol=0.06)

    def test_track_density_is_a_cherenkov_cone_near(self):
        found = track_density(np.array([0.5]), 1 / 25.0, 1 / 100.0, 0.65)
        np.testing.assert_allclose(found, 1 / (2 * np.pi * 0.65 * 0.5), rtol=0.1)

    def test_cascade_emission_averages_to_one_and_peaks_at_the_cherenkov_angle(self):
        cosine = np.linspace(-1, 1, 200001)
        profile = cascade_emission(cosine)
        assert np.trapezoid(profile, cosine) / 2 == pytest.approx(1.0, abs=1e-3)
        assert cosine[np.argmax(profile)] == pytest.approx(1 / 1.3194, abs=0.01)
        assert np.trapezoid(profile * cosine, cosine) / 2 == pytest.approx(MEAN_COSINE, abs=1e-3)

    def test_modules_look_down(self):
        up, down = angular_acceptance(np.array([0.7, -0.7]))
        assert up > 5 * down
        assert down < mean_acceptance() < up

    def test_unscattered_light_of_tracks_comes_from_the_cherenkov_cone(self, detector: Detector):
        light = LightModel(detector.medium)
        one = np.ones(1, np.float32)
        along, distance = 100 * one, 20 * one
        seen = light.tracks(one, along, distance, -one, -100 * one, 0 * one)
        # The shortest time over all points of emission is the Cherenkov one but for the group index.
        points = np.linspace(0, 100, 100001)
        times = points / SPEED + np.hypot(100 - points, 20) * 1.3194 / SPEED
        assert seen.time_ns[0] == pytest.approx(times.min(), abs=5.0)

    def test_delays_have_the_moments_of_pandels_distribution(self, detector: Detector):
        light = LightModel(detector.medium)
        one = np.ones(1, np.float32)
        way = np.array([[60.0, 0.0, 0.0]], np.float32)
        seen = light.cascades(one, 0 * way, way / 60.0, way)
        rng = np.random.default_rng(1)
        drawn = seen.scale_ns * rng.standard_gamma(np.repeat(seen.shape, 200_000), dtype=np.float32)
        scattering, absorption = light.ice.mean_coefficients(np.zeros(1), np.zeros(1))
        scale = 1 / (1 / 557 + absorption[0] * SPEED / 1.3561)
        assert seen.scale_ns[0] == pytest.approx(scale, rel=1e-5)
        assert drawn.mean() == pytest.approx(seen.shape[0] * scale, rel=0.02)
        assert drawn.var() == pytest.approx(seen.shape[0] * scale**2, rel=0.03)
        assert scattering[0] > 0


class TestSensor:
    def test_a_photo_electron_has_a_charge_of_about_one(self):
        charge = single_charges(np.random.default_rng(0), 100_000)
        assert charge.mean() == pytest.approx(1.0, abs=0.06)
        assert charge.min() >= 0.25
        assert np.median(charge) == pytest.approx(1.0, abs=0.05)

    def test_noise_comes_at_the_rates_of_the_card(self, detector: Detector):
        noise = DarkNoise(detector, 1.0)
        events = np.arange(100)
        hits = noise.sample(np.random.default_rng(0), events, np.zeros(100), np.full(100, 1e6))
        expected = detector.noise_rate_hz[detector.alive].sum() * 1e-3 * 100
        assert hits.time_ns.size == pytest.approx(expected, rel=0.02)
        assert detector.alive[hits.sensor].all()
        high = detector.quantum_efficiency[hits.sensor] > 1.1
        rates = np.where(detector.alive, detector.noise_rate_hz, 0)
        assert high.mean() == pytest.approx(
            rates[detector.quantum_efficiency > 1.1].sum() / rates.sum(), rel=0.05
        )

    def test_close_photo_electrons_become_one_pulse(self):
        hits = PhotoElectrons(
            np.zeros(4, np.int64), np.array([3, 3, 3, 4]), np.array([100.0, 101.0, 900.0, 101.0], np.float32),
            np.array([1.0, 500.0, 1.0, 1.0], np.float32),
        )  # fmt: skip
        pulses = merge(np.random.default_rng(0), hits, 5160)
        assert pulses.sensor.tolist() == [3, 3, 4]
        assert pulses.time_ns.tolist() == [100.0, 900.0, 101.0]
        assert pulses.charge_pe[0] == pytest.approx(501, rel=0.5)

    def test_coincidence_equals_the_plain_definition(self, detector: Detector):
        rng = np.random.default_rng(3)
        primary, sensor = rng.integers(0, 4, 3000), rng.integers(0, 400, 3000)
        time = rng.uniform(-3000, 60_000, 3000).round().astype(np.float32)
        order = np.lexsort((time, sensor, primary))
        pulses = Pulses(primary[order], sensor[order], time[order], np.ones(3000, np.float32))
        found = Coincidence(detector).flags(pulses)
        string, om = detector.string[pulses.sensor], detector.om[pulses.sensor]
        for i in range(0, 3000, 7):
            apart = np.abs(om - om[i])
            near = (
                (pulses.primary == pulses.primary[i])
                & (string == string[i])
                & (apart > 0)
                & (apart <= 2)
                & (np.abs(pulses.time_ns - pulses.time_ns[i]) <= 1000)
            )
            assert found[i] == near.any()
        assert 0.1 < found.mean() < 0.9

    def test_trigger_wants_so_many_modules_within_its_window(self):
        time = np.concatenate([np.arange(8) * 700.0, np.arange(8) * 720.0, np.zeros(8)]).astype(np.float32)
        primary = np.repeat([0, 1, 2], 8)
        sensor = np.concatenate([np.arange(8), np.arange(8), np.zeros(8)]).astype(np.int64)
        pulses = Pulses(primary, sensor, time, np.ones(24, np.float32))
        found = simple_multiplicity(pulses, np.ones(24, bool), 8, 5000.0)
        assert found.primary.tolist() == [0]
        assert found.begin_ns.tolist() == [0.0]
        assert found.end_ns.tolist() == [4900.0]
        assert simple_multiplicity(pulses, np.zeros(24, bool), 8, 5000.0).primary.size == 0


@pytest.mark.parametrize("name", ["deepcore", "upgrade", "gen2"])
def test_the_space_of_particles_follows_the_detector(name):
    options = IceTelescopeOptions(noise_scale=0.0, primaries_per_block=64)
    other = load_detector(name)
    volume = Volume.around(other, options)
    used = other.position_m[other.alive] - volume.centre_m
    assert np.linalg.norm(used, axis=1).max() < volume.world_radius_m
    assert np.hypot(used[:, 0], used[:, 1]).max() < volume.vertex_radius_m + 10
    events = next(IceTelescope(options, other).blocks(seed=1))
    assert events.num_rows > 0
    vertex = np.stack([events.column(f"vertex_{axis}").to_numpy() for axis in "xyz"], axis=1)
    assert np.linalg.norm(vertex - volume.centre_m, axis=1).max() <= volume.world_radius_m + 1


def test_the_space_of_particles_around_icecube_is_as_documented(detector):
    volume = Volume.around(detector, IceTelescopeOptions())
    np.testing.assert_array_equal(volume.centre_m, 0)
    sizes = (
        volume.track_radius_m,
        volume.vertex_radius_m,
        volume.vertex_half_height_m,
        volume.world_radius_m,
    )
    assert sizes == (650, 600, 560, 850)


def test_a_detector_in_water_is_refused_with_what_to_do():
    with pytest.raises(IcerecoError, match=r"'orca' stands in water(.|\n)*--data"):
        IceTelescope(IceTelescopeOptions(), load_detector("orca"))


def test_a_card_without_noise_or_lengths_is_refused(detector):
    with pytest.raises(IcerecoError, match=r"no dark noise; simulate without it .*noise_scale=0"):
        IceTelescope(IceTelescopeOptions(), load_detector("upgrade"))
    unknown = replace(detector, medium=replace(detector.medium, absorption_length_m=None))
    with pytest.raises(IcerecoError, match=r"no absorption_length_m in \[medium\]"):
        IceTelescope(IceTelescopeOptions(), unknown)

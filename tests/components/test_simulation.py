"""What every simulator promises, the events of ours, and the command: same seed, same bytes, nothing half-written."""

import re
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from itertools import islice
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
import torch
from click.testing import CliRunner
from icereco_simulation.options import IceTelescopeOptions
from icereco_simulation.simulator import TRIGGER_TIME_NS, IceTelescope

import icereco.physics
from icereco.cli.simulate import command
from icereco.data.brightness import Brightness
from icereco.data.simulated import Simulation, simulated_events
from icereco.data.write.kaggle import KaggleWriter
from icereco.data.write.parquet import OwnWriter
from icereco.detector.detector import Detector
from icereco.errors import IcerecoError
from icereco.physics.light import LIGHT_MODEL_VERSION
from icereco.physics.sphere import direction_from_angles
from icereco.plugins.discovery import registry
from icereco.plugins.registry import Declaration
from icereco.protocols import Simulator
from icereco.tables.columns import ragged
from icereco.tables.schema import SCHEMA

SPEED = 0.299792458
OPTIONS = IceTelescopeOptions(primaries_per_block=128)


@pytest.fixture(scope="module")
def declaration() -> Declaration:
    return registry().find("simulator", "ice-telescope")


@pytest.fixture(scope="module")
def simulation(declaration: Declaration, detector: Detector) -> Simulation:
    return Simulation(declaration, OPTIONS, detector, seed=1)


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
        event["travel"] = -direction_from_angles(np.array(event["azimuth"]), np.array(event["zenith"]))
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
        unknown = {name for name in SCHEMA.names if batch.column(name).null_count}
        assert unknown <= {"inelasticity"}
        # Where the neutrino of a through-going muon interacted is not simulated.
        through = pc.equal(batch.column("kind"), "through_track")
        assert batch.column("inelasticity").is_null().equals(through)

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
        brightness = Brightness()
        for batch in replace(simulation, options=IceTelescopeOptions()).events(8000):
            brightness.add(batch)
        tolerance = [0.10, 0.30, 0.50, 1.0, 0.30, 0.30, 0.10, 0.30, 0.30, 1.0]
        for figure, allowed in zip(brightness.figures(), tolerance, strict=True):
            assert figure.value == pytest.approx(figure.reference, rel=allowed), figure.name


class TestRunning:
    def test_the_first_events_are_the_same_for_any_number_of_workers(
        self, simulation: Simulation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ):
        monkeypatch.setattr(
            "icereco.data.simulated._START_SECONDS", 0.0
        )  # by default a block here, then processes
        monkeypatch.setattr("icereco.data.simulated.available_processors", lambda: 1)
        contents = []
        for workers in (1, 2, None):
            with OwnWriter(tmp_path / f"{workers}.parquet", simulation.provenance()) as writer:
                for batch in simulation.events(150, workers):
                    writer.write(batch)
            contents.append((tmp_path / f"{workers}.parquet").read_bytes())
        assert contents[0] == contents[1] == contents[2]
        assert pq.read_metadata(tmp_path / "1.parquet").num_rows == 150

    def test_few_events_start_no_processes(self, simulation: Simulation, monkeypatch: pytest.MonkeyPatch):
        monkeypatch.setattr("icereco.data.simulated._START_SECONDS", 60.0)
        monkeypatch.setattr("icereco.system.work.processes.working", None)
        here = pa.Table.from_batches(simulation.events(60))
        assert here.equals(pa.Table.from_batches(simulation.events(60, workers=1)))

    def test_files_name_the_version_of_the_light_model(self, simulation: Simulation):
        assert simulation.provenance()["light_model"] == LIGHT_MODEL_VERSION

    def test_the_cache_notices_when_shared_physics_changes(
        self, simulation: Simulation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ):
        before = simulation.fingerprint(10)
        (tmp_path / "new.py").write_text("PHOTONS_PER_M = 1.0")
        spec = icereco.physics.__spec__
        folders = [*spec.submodule_search_locations, str(tmp_path)]
        monkeypatch.setattr(spec, "submodule_search_locations", folders)
        assert simulation.fingerprint(10) != before

    def test_threads_of_the_process_make_no_difference(self, detector: Detector):
        threads = torch.get_num_threads()
        blocks = []
        for count in (1, 3):
            torch.set_num_threads(count)
            blocks.append(IceTelescope(OPTIONS, detector).block(seed=3, block=0))
            assert torch.get_num_threads() == count
        torch.set_num_threads(threads)
        assert blocks[0].equals(blocks[1])

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

    def test_a_second_training_waits_for_the_events_that_a_first_simulates(
        self, simulation: Simulation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ):
        monkeypatch.setenv("ICERECO_CACHE", str(tmp_path))
        started, calls = list[Future[Path]](), list[int]()
        few = replace(simulation, options=IceTelescopeOptions(primaries_per_block=64))  # several blocks

        def second() -> Path:
            return simulated_events(
                few, few.detector, 40, 1, lambda done, total: calls.append(done), workers=1
            )

        with ThreadPoolExecutor(1) as pool:

            def on_block(done: int, total: int) -> None:
                if not started:
                    started.append(pool.submit(second))

            first = simulated_events(few, few.detector, 40, 1, on_block, workers=1)
            written = first.stat()
            assert started[0].result(timeout=60) == first
        assert calls == []
        assert first.stat().st_ino == written.st_ino


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
            event_pulses = pulses.slice(first, last + 1 - first)
            assert set(event_pulses["event_id"].to_pylist()) == {own["event_id"][row].as_py()}
            assert event_pulses["time"].to_pylist() == own["time"][row].as_py()
            assert event_pulses["charge"].to_pylist() == own["charge"][row].as_py()
            assert event_pulses["auxiliary"].to_pylist() == own["auxiliary"][row].as_py()
        assert meta["last_pulse_index"][49].as_py() == pulses.num_rows - 1

    @pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
    def test_an_interruption_leaves_nothing(self, tmp_path: Path, number: int):
        command = [
            sys.executable,
            "-m",
            "icereco",
            "simulate",
            "--events",
            "100000",
            "--workers",
            "2",
            "-o",
            "made",
        ]
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
    def test_a_full_disk_is_reported_with_the_name_of_the_file(self, tmp_path: Path, most_bytes: int):
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
        assert "already exists" in str(done.exception)

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

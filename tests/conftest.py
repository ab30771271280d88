"""Fixtures that several test files share."""

import os

# Threads that wait for each other by spinning make tests many times slower where cores are shared.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")

import signal
import subprocess
import sys
import sysconfig
import textwrap
import venv
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, settings

from icereco import simulate
from icereco.data.sources.source import open_source
from icereco.data.store.prepare import prepare
from icereco.data.store.store import Store
from icereco.data.stream.gather import gather
from icereco.detector.detector import Detector, load_detector
from icereco.events.batch import EventBatch
from icereco.events.reconstruction import Reconstruction
from icereco.events.truth import EVENT_KINDS
from icereco.system.processors import available_processors
from icereco.tables.reconstruction_columns import reconstruction_rows
from icereco.tables.reconstructions import reconstruction_writer
from icereco.testing.random_events import likely_pulse_counts, random_events

# How long examples take is a matter of what else the machine does.
settings.register_profile("any-machine", suppress_health_check=[HealthCheck.too_slow], deadline=None)
settings.load_profile("any-machine")

# A shell lets what it starts in the background ignore Ctrl-C, and with it every process that a test interrupts.
signal.signal(signal.SIGINT, signal.default_int_handler)

collect_ignore = ["plugin_example"]  # a package of its own, which `test_scaffold` installs and tests


@pytest.fixture(scope="session")
def detector() -> Detector:
    return load_detector("icecube86")


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Events that the project did not write; not part of it."""
    folder = Path(__file__).resolve().parents[1].parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip("needs ../shared/data beside the checkout")
    return folder


@pytest.fixture(autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No test reads or fills the user's cache, or their settings."""
    monkeypatch.setenv("ICERECO_CACHE", str(tmp_path_factory.getbasetemp() / "cache"))
    monkeypatch.setenv("ICERECO_CONFIG", str(tmp_path_factory.mktemp("config")))
    return


@pytest.fixture(autouse=True)
def share_of_processors() -> None:
    """Workers of pytest compute side by side: threads of one would only wait for those of another."""
    if workers := int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "0")):
        import torch

        torch.set_num_threads(max(available_processors() // workers, 1))


@pytest.fixture(scope="session")
def event_table() -> pa.Table:
    """300 events like real ones, two of them empty, pulses in order of time."""
    counts = np.minimum(likely_pulse_counts(300, seed=7), 5_000)
    counts[[3, 200]] = 0
    return random_events(counts, seed=7)


@pytest.fixture(scope="session")
def make_store(tmp_path_factory: pytest.TempPathFactory, detector: Detector) -> Callable[..., Store]:
    """A function that prepares a table of the own layout."""

    def make(table: pa.Table, **options: int) -> Store:
        folder = tmp_path_factory.mktemp("store")
        pq.write_table(table, folder / "events.parquet")
        return prepare(open_source(folder / "events.parquet"), detector, folder / "store", **options)

    return make


@pytest.fixture(scope="session")
def store(make_store: Callable[..., Store], event_table: pa.Table) -> Store:
    """`event_table` as a store of many small blocks."""
    return make_store(event_table, block_events=16, blocks_per_shard=5)


@pytest.fixture(scope="session")
def stored_events(detector: Detector) -> Callable[[Store, Sequence[int]], EventBatch]:
    """A function that gathers the events of some rows of a store, in this order."""

    def events(store: Store, rows: Sequence[int]) -> EventBatch:
        numbers, offsets = np.asarray(rows, np.int64), store.block_offsets
        used, block = np.unique(np.searchsorted(offsets, numbers, side="right") - 1, return_inverse=True)
        blocks = store.blocks(used.tolist()) or [store.blocks([0])[0].slice(0, 0)]
        return gather(blocks, block, numbers - offsets[used][block], detector)

    return events


@pytest.fixture(scope="session")
def write_reconstruction() -> Callable[[Path, EventBatch, Reconstruction], Path]:
    """A function that writes a file of reconstructions of events."""

    def write(path: Path, events: EventBatch, made: Reconstruction) -> Path:
        with reconstruction_writer(path, {"method": "smeared"}) as table:
            table.write(reconstruction_rows(events, made))
        return path

    return write


@pytest.fixture(scope="session")
def smeared_events() -> tuple[EventBatch, Reconstruction]:
    """400 simulated events, and every quantity of their truth with noise; the method fails on the first three."""
    events, random = simulate(400, seed=3), np.random.default_rng(3)
    truth, count = events.truth, len(events)
    assert truth is not None
    assert truth.energy_gev is not None
    direction = truth.direction + 0.1 * random.normal(size=(count, 3))
    sigma = random.uniform(0.1, 0.4, count)
    score = random.normal(size=(count, 3)) + 2.0 * (truth.kind[:, None] == np.array(EVENT_KINDS))
    energy_gev = truth.energy_gev * 10.0 ** (0.1 + sigma * random.normal(size=count))
    quantities = {
        "direction": direction / np.linalg.norm(direction, axis=1, keepdims=True),
        "energy_gev": energy_gev,
        "energy_log10_sigma": sigma,
        "energy_interval_gev": energy_gev[:, None] * 10.0 ** (sigma[:, None] * [-1.0, 1.0]),
        "vertex_m": truth.vertex_m + random.normal(0.0, 10.0, (count, 3)),
        "vertex_covariance_m2": np.tile(100.0 * np.eye(3), (count, 1, 1)),
        "kind_probability": np.exp(score) / np.exp(score).sum(axis=1, keepdims=True),
        "inelasticity": np.clip(truth.inelasticity + random.normal(0.0, 0.1, count), 0.0, 1.0),
        "inelasticity_sigma": np.full(count, 0.1),
    }
    for values in quantities.values():
        values[:3] = np.nan
    return events, Reconstruction(**quantities)


@dataclass(frozen=True)
class FreshEnvironment:
    """A virtual environment of its own, which sees the packages of this one behind its own."""

    folder: Path

    @classmethod
    def create(cls, folder: Path) -> "FreshEnvironment":
        venv.create(folder, with_pip=False, symlinks=os.name != "nt")
        environment = cls(folder)
        # Unlike a plain path, this also follows the .pth files there, as of an editable installation.
        own = sysconfig.get_paths()["purelib"]
        (environment.packages / "beside.pth").write_text(f"import site; site.addsitedir({own!r})\n")
        return environment

    @property
    def python(self) -> Path:
        return self.folder / "bin" / "python"

    @property
    def packages(self) -> Path:
        (found,) = self.folder.glob("lib/python*/site-packages")
        return found

    def install(self, *paths: Path) -> None:
        """Install packages with pip, from their sources and without looking anywhere else."""
        offline = ["--no-deps", "--no-build-isolation", "--no-index", "-q"]
        pip = [
            sys.executable,
            "-m",
            "pip",
            "--python",
            str(self.python),
            "install",
            "--disable-pip-version-check",
        ]
        uv = ["uv", "pip", "install", "--python", str(self.python)]
        result = self._run([*(pip if find_spec("pip") else uv), *offline, *map(str, paths)])
        assert result.returncode == 0, result.stderr

    def write(self, distribution: str, modules: dict[str, str], *, version: str = "1.0", requires: Sequence[str] = (),
              entries: Mapping[str, str] | None = None) -> None:  # fmt: skip
        """What an installation leaves: modules, and a dist-info with metadata and entry points."""
        for name, source in modules.items():
            path = self.packages / name
            path.parent.mkdir(exist_ok=True)
            path.write_text(textwrap.dedent(source), encoding="utf-8")
        info = self.packages / f"{distribution.replace('-', '_')}-{version}.dist-info"
        info.mkdir()
        head = ["Metadata-Version: 2.1", f"Name: {distribution}", f"Version: {version}"]
        requirements = [f"Requires-Dist: {one}" for one in requires]
        (info / "METADATA").write_text("\n".join([*head, *requirements]) + "\n", encoding="utf-8")
        found = entries or {Path(next(iter(modules))).stem: Path(next(iter(modules))).stem}
        lines = [f"{name} = {module}" for name, module in found.items()]
        (info / "entry_points.txt").write_text("\n".join(["[icereco]", *lines]) + "\n", encoding="utf-8")

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run its Python."""
        return self._run([str(self.python), *arguments])

    def icereco(
        self, *arguments: str, folder: Path | None = None, **variables: str
    ) -> subprocess.CompletedProcess[str]:
        """Run the command line there."""
        return self._run([str(self.python), "-m", "icereco", *arguments], folder, **variables)

    def pytest(self, folder: Path) -> subprocess.CompletedProcess[str]:
        """Run the tests of a package there."""
        return self._run([str(self.python), "-m", "pytest", "-q", "-p", "no:cacheprovider", "."], folder)

    def _run(
        self, command: Sequence[str], folder: Path | None = None, **variables: str
    ) -> subprocess.CompletedProcess[str]:
        # The working directory must not lend its modules to what runs there.
        environment = {**os.environ, "COLUMNS": "160", "PYTHONSAFEPATH": "1", **variables}
        environment.pop("PYTHONPATH", None)
        return subprocess.run(
            command,
            cwd=folder or self.folder,
            env=environment,
            capture_output=True,
            text=True,
            timeout=280,
            check=False,
        )


@pytest.fixture(scope="session")
def make_environment() -> Callable[[Path], FreshEnvironment]:
    """What makes an environment in a folder."""
    return FreshEnvironment.create


@pytest.fixture
def fresh(tmp_path: Path) -> FreshEnvironment:
    """An environment to install plugins into."""
    return FreshEnvironment.create(tmp_path / "fresh")


@pytest.fixture(scope="session")
def root() -> Path:
    """The checkout."""
    return Path(__file__).resolve().parents[1]

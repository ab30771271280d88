"""Running a simulator: the first events of a seed, whatever the number of workers; and the simulated events in the cache."""

import hashlib
import json
import threading
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import closing, suppress
from dataclasses import dataclass
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import pyarrow as pa
from pydantic import BaseModel

from icereco import __version__
from icereco.data.catalog import DEFAULT_DETECTOR
from icereco.data.simulated_blocks import KeptBlocks
from icereco.data.write.parquet import OwnWriter
from icereco.detector.detector import Detector, given_detector
from icereco.errors import IcerecoError
from icereco.events.batch import EventBatch
from icereco.physics.light import LIGHT_MODEL_VERSION
from icereco.plugins.built import Built, build
from icereco.plugins.code import code_fingerprint
from icereco.plugins.component import Component
from icereco.plugins.discovery import registry
from icereco.plugins.options import options_from
from icereco.plugins.registry import Declaration
from icereco.protocols import Simulator
from icereco.system.cache import cache_folder
from icereco.system.locks import locked
from icereco.system.processors import available_processors
from icereco.system.work.executor import AHEAD, Executor, Job, Report, in_order
from icereco.system.work.processes import LocalProcesses
from icereco.tables.assembly import event_batch

__all__ = ["DEFAULT_SIMULATOR", "Progress", "Simulation", "simulate", "simulated_events"]

DEFAULT_SIMULATOR = "ice-telescope"

Progress = Callable[[int, int], None]
"""Called with (events done, events in all)."""

_FRUITLESS_BLOCKS = 100

_START_SECONDS = 3.0
"""About what the start of processes takes; events that are made sooner need none."""

_MOST_WORKERS = 8


@runtime_checkable
class _Choice(Protocol):
    """A declared component and its options, as a profile has them."""

    @property
    def declaration(self) -> Declaration: ...
    @property
    def options(self) -> BaseModel: ...


@dataclass(frozen=True)
class Simulation:
    """A simulator with everything that decides about its events.

    Attributes:
        declaration: of the simulator.
        options: an instance of its options model.
        detector: the detector.
        seed: not negative.
    """

    declaration: Declaration
    options: BaseModel
    detector: Detector
    seed: int

    @property
    def component(self) -> Component:
        """What is declared of the simulator: its name, factory, ...."""
        return self.declaration.component

    def provenance(self) -> dict[str, Any]:
        """JSON-able facts that decide about the events; nothing else, so that equal events are equal files."""
        return {
            "icereco": __version__,
            "light_model": LIGHT_MODEL_VERSION,
            "simulator": self.component.name,
            "options": self.options.model_dump(mode="json"),
            "detector": {"name": self.detector.name, "fingerprint": self.detector.fingerprint},
            "seed": self.seed,
        }

    def fingerprint(self, events: int | None = None) -> str:
        """Identifies the first events of this simulation, or all, also across changes of the simulator's code."""
        facts = {**self.provenance(), "events": events, "code": self._code()}
        return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()

    def events(
        self,
        total: int,
        workers: int | None = None,
        executor: Executor | None = None,
        kept: KeptBlocks | None = None,
    ) -> Iterator[pa.RecordBatch]:
        """Exactly the first `total` events in the order of the blocks, as `icereco.tables.schema.SCHEMA`.

        Args:
            total: how many.
            workers: processes; by default one per processor, and none where they would start for longer than they work.
            executor: makes the blocks in place of such processes.
            kept: what an earlier start has made already, and where what is made is kept; None for neither.

        Raises:
            IcerecoError: no event at all passes the trigger, or a worker is killed.
        """
        done, fruitless = 0, 0
        if executor is None and workers is not None:
            executor = LocalProcesses(workers)
        with closing(self._all_blocks(total, executor, kept)) as blocks:
            for block in blocks:
                fruitless = 0 if block.num_rows else fruitless + 1
                if fruitless >= _FRUITLESS_BLOCKS:
                    raise IcerecoError(
                        f"simulator {self.component.name!r}: no event of {fruitless} blocks passed the trigger; "
                        "check the energies, the light and the trigger in its options"
                    )
                done += block.num_rows
                if block.num_rows:
                    yield block.slice(0, block.num_rows - max(done - total, 0))
                if done >= total:
                    return

    def _all_blocks(
        self, total: int, executor: Executor | None, kept: KeptBlocks | None
    ) -> Generator[pa.RecordBatch, None, None]:
        """The blocks from the first on: those that are kept, and then new ones, which are kept."""
        old, done = [] if kept is None else kept.first(), 0
        for key in old:
            assert kept is not None  # it has them
            block = kept.take(key)
            done += block.num_rows
            yield block
        new = (
            self._where_quicker(max(total - done, 1), len(old))
            if executor is None
            else self._blocks(executor, len(old))
        )
        with closing(new):
            for number, block in enumerate(new, len(old)):
                if kept is not None:
                    kept.add(str(number), block)
                yield block

    def _where_quicker(self, total: int, number: int) -> Generator[pa.RecordBatch, None, None]:
        """`total` events here, unless what is left after a block would take longer here than processes take to start."""
        with closing(self._blocks(LocalProcesses(1), number)) as here:
            done, seconds = 0, 0.0
            while seconds * (total - done) <= _START_SECONDS * done:
                begun = time.perf_counter()
                block = next(here)
                seconds += time.perf_counter() - begun
                done, number = done + block.num_rows, number + 1
                yield block
        yield from self._blocks(LocalProcesses(min(available_processors(), _MOST_WORKERS)), number)

    def _blocks(self, executor: Executor, first: int = 0) -> Generator[pa.RecordBatch, None, None]:
        """The blocks from that number on, without an end."""
        outcomes = executor.outcomes(self._job(), count(first), _untold, threading.Event(), AHEAD)
        with closing(outcomes):
            for outcome in in_order(outcomes):
                yield outcome.value()

    def build(self) -> Built[Simulator]:
        """The simulator itself."""
        return build(self.declaration, self.options, self.detector)

    def _code(self) -> str:
        """Of the package that has the factory, and of the physics that simulators share."""
        package = self.component.factory.partition(":")[0].partition(".")[0]
        return code_fingerprint([package, "icereco.physics"])

    def _job(self) -> Job[int, pa.RecordBatch]:
        return Job(
            "icereco-simulate", partial(_begin, self), _name_of_block, "simulation worker", "try --workers 1"
        )


def simulate(
    events: int,
    detector: Detector | str | Path = DEFAULT_DETECTOR,
    seed: int = 1,
    *,
    simulator: str = DEFAULT_SIMULATOR,
    workers: int = 1,
    **options: Any,
) -> EventBatch:
    """Simulated events with truth, in memory; the same arguments give the same events.

    >>> import icereco
    >>> len(icereco.simulate(2, seed=7, minimum_energy_gev=1000))
    2

    Args:
        events: how many.
        detector: name, card folder or the detector itself.
        seed: not negative.
        simulator: see `icereco plugins --kind simulator`.
        workers: processes; with more than one, a script must call it under `if __name__ == "__main__"`.
        **options: of the simulator, such as `minimum_energy_gev`.

    Raises:
        IcerecoError: no such detector, simulator or option (with the nearest name), a value that is not allowed, or
            no event passes the trigger.
    """
    if events < 1:
        raise IcerecoError(f"events must be at least 1, not {events}")
    if seed < 0:
        raise IcerecoError(f"seed must not be negative, and is {seed}")
    declaration = registry().find("simulator", simulator)
    chosen = given_detector(detector)
    validated = options_from("simulator", declaration.component, options)
    simulation = Simulation(declaration, validated, chosen, seed)
    return event_batch(pa.Table.from_batches(list(simulation.events(events, workers))), chosen)


def simulated_events(
    choice: _Choice,
    detector: Detector,
    events: int,
    seed: int,
    progress: Progress | None = None,
    workers: int | None = None,
) -> Path:
    """The first `events` simulated events in the own layout, in a file of the cache; simulated now if it is not there.

    Args:
        choice: the simulator and its options, such as a profile's.
        detector: the detector.
        events: how many.
        seed: not negative.
        progress: called after every block.
        workers: processes, as of `Simulation.events`.

    Raises:
        IcerecoError: as `Simulation.events`, or the cache cannot be written.
    """
    simulation = Simulation(choice.declaration, choice.options, detector, seed)
    path = (
        cache_folder("simulated") / f"{detector.name}-{events}-{simulation.fingerprint(events)[:16]}.parquet"
    )
    if path.is_file():
        return path
    lock = path.with_name(f".{path.name}.lock")
    with locked(lock, "another process is simulating these events; waiting for it"):
        try:
            # Who reads the other's file would take another one in its place for a change.
            if not path.is_file():
                _write(simulation, path, events, progress, workers)
        finally:
            with suppress(OSError):  # whoever waits has it open; Windows removes no open file
                lock.unlink()
    return path


def _write(
    simulation: Simulation, path: Path, events: int, progress: Progress | None, workers: int | None
) -> None:
    done = 0
    with OwnWriter(path, simulation.provenance()) as writer:
        for batch in simulation.events(events, workers):
            writer.write(batch)
            done += batch.num_rows
            if progress is not None:
                progress(done, events)


def _begin(simulation: Simulation) -> Callable[[int, Report], pa.RecordBatch]:
    """Build the simulator in the process that runs it."""
    simulator = simulation.build()

    def block(number: int, _report: Report) -> pa.RecordBatch:
        with simulator.attributing(f"when it made block {number}"):
            return next(iter(simulator.component.blocks(simulation.seed, number)))

    return block


def _name_of_block(number: int) -> str:
    return f"block {number} of the simulation"


def _untold(_number: int, _done: int) -> None:
    """A block is done as a whole."""

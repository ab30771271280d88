"""Running a simulator: the first events of a seed, whatever the number of workers; and the simulated events in the cache."""

import hashlib
import json
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from importlib.util import find_spec
from itertools import count
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import pyarrow as pa
from pydantic import BaseModel

from icereco import __version__
from icereco.data.write.parquet import OwnWriter
from icereco.detector.detector import Detector
from icereco.errors import IcerecoError
from icereco.plugins.attribution import blaming
from icereco.plugins.component import Component
from icereco.protocols import Simulator
from icereco.system.cache import cache_dir
from icereco.system.worker_processes import working

__all__ = ["Progress", "Simulation", "simulated_events"]

Progress = Callable[[int, int], None]
"""Called with (events done, events in all)."""

Blocks = Generator[pa.RecordBatch, None, None]

_FRUITLESS_BLOCKS = 100
_BLOCKS_AHEAD = 4
"""For each worker: what may wait in memory for a block that takes long."""


@runtime_checkable
class _Choice(Protocol):
    """A component and its options, as a profile has them."""

    @property
    def component(self) -> Component: ...
    @property
    def options(self) -> BaseModel: ...


@dataclass(frozen=True)
class Simulation:
    """A simulator with everything that decides about its events.

    Attributes:
        component: the simulator.
        options: an instance of the component's options model.
        detector: the detector.
        seed: not negative.
    """

    component: Component
    options: BaseModel
    detector: Detector
    seed: int

    def provenance(self) -> dict[str, Any]:
        """JSON-able facts that decide about the events; nothing else, so that equal events are equal files."""
        return {
            "icereco": __version__,
            "simulator": self.component.name,
            "options": self.options.model_dump(mode="json"),
            "detector": {"name": self.detector.name, "fingerprint": self.detector.fingerprint},
            "seed": self.seed,
        }

    def fingerprint(self, events: int) -> str:
        """Identifies the first events of this simulation, also across changes of the simulator's code."""
        facts = {**self.provenance(), "events": events, "code": _code_fingerprint(self.component.factory)}
        return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()

    def events(self, total: int, workers: int = 2) -> Iterator[pa.RecordBatch]:
        """Exactly the first `total` events in the order of the blocks, as `icereco.tables.schema.SCHEMA`.

        Raises:
            IcerecoError: no event at all passes the trigger, or a worker is killed.
        """
        done, fruitless = 0, 0
        blocks = self._here() if workers <= 1 else self._in_processes(workers)
        try:
            while done < total:
                block = next(blocks)
                fruitless = 0 if block.num_rows else fruitless + 1
                if fruitless >= _FRUITLESS_BLOCKS:
                    raise IcerecoError(
                        f"simulator {self.component.name!r}: no event of {fruitless} blocks passed the trigger; "
                        "check the energies, the light and the trigger in its options"
                    )
                done += block.num_rows
                if block.num_rows:
                    yield block.slice(0, block.num_rows - max(done - total, 0))
        finally:
            blocks.close()

    def build(self) -> Simulator:
        """The simulator itself."""
        factory = self.component.load_factory()
        with blaming("simulator", factory, "when it was built"):
            simulator: Simulator = factory(self.options, self.detector)
        return simulator

    def _here(self) -> Blocks:
        simulator = self.build()
        with blaming("simulator", simulator, "when it made a block of events"):
            yield from simulator.blocks(self.seed)

    def _in_processes(self, workers: int) -> Blocks:
        with working("icereco-simulate", _work, workers) as started:
            pipes = [pipe for _, pipe in started]
            try:
                for pipe in pipes:
                    pipe.send(self)
                yield from _in_order(pipes)
            except (EOFError, OSError) as error:
                raise IcerecoError(
                    "a simulation worker was killed, perhaps for lack of memory (try --workers 1); a script of your own "
                    "must run it under if __name__ == '__main__'"
                ) from error


def simulated_events(
    choice: _Choice,
    detector: Detector,
    events: int,
    seed: int,
    progress: Progress | None = None,
    workers: int = 2,
) -> Path:
    """The first `events` simulated events in the own layout, in a file of the cache; simulated now if it is not there.

    Args:
        choice: the simulator and its options, such as a profile's.
        detector: the detector.
        events: how many.
        seed: not negative.
        progress: called after every block.
        workers: processes.

    Raises:
        IcerecoError: as `Simulation.events`, or the cache cannot be written.
    """
    simulation = Simulation(choice.component, choice.options, detector, seed)
    path = (
        cache_dir() / "simulated" / f"{detector.name}-{events}-{simulation.fingerprint(events)[:16]}.parquet"
    )
    if path.is_file():
        return path
    done = 0
    with OwnWriter(path, simulation.provenance()) as writer:
        for batch in simulation.events(events, workers):
            writer.write(batch)
            done += batch.num_rows
            if progress is not None:
                progress(done, events)
    return path


def _in_order(workers: Sequence[Connection]) -> Blocks:
    """The blocks of all workers; whoever has sent one is given the next, so that none waits for a slower one."""
    asked, idle = 0, list(workers)
    early: dict[int, pa.RecordBatch | IcerecoError] = {}
    for number in count():
        while True:
            while idle and asked - number < _BLOCKS_AHEAD * len(workers):
                idle.pop().send(asked)
                asked += 1
            if number in early:
                break
            ready = wait(workers)
            for worker in [one for one in workers if one in ready]:
                early |= worker.recv()
                idle.append(worker)
        block = early.pop(number)
        if isinstance(block, IcerecoError):
            raise block
        yield block


def _work(pipe: Connection) -> None:
    """Make the blocks that are asked for, until nobody is there to ask, or there is no memory."""
    with suppress(EOFError, ConnectionError, MemoryError):
        simulation: Simulation = pipe.recv()
        simulator = None
        while True:
            number = pipe.recv()
            try:
                simulator = simulator or simulation.build()
                with blaming("simulator", simulator, f"when it made block {number}"):
                    block = next(iter(simulator.blocks(simulation.seed, number)))
                pipe.send({number: block})
            except IcerecoError as error:
                pipe.send({number: error})


def _code_fingerprint(factory: str) -> str:
    """Of the source files of the package that has the factory."""
    package = factory.partition(":")[0].partition(".")[0]
    spec = find_spec(package)
    folders = list(spec.submodule_search_locations or []) if spec else []
    files = sorted(path for folder in folders for path in Path(folder).rglob("*.py"))
    digest = hashlib.sha256()
    for path in files:
        digest.update(path.read_bytes())
    return digest.hexdigest()

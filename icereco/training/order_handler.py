"""Carries out the orders of a run's control file between two steps, and acknowledges them in its status."""

import time

from icereco.data.store.builder import Progress
from icereco.errors import IcerecoError
from icereco.runs.folder import RunFolder
from icereco.runs.orders import Order, OrderReader
from icereco.system.log import get_logger
from icereco.training.datasets import Stages
from icereco.training.observer import TrainingObserver
from icereco.training.recorder import HEARTBEAT_SECONDS, Recorder
from icereco.training.stop_request import StopRequest

__all__ = ["Orders", "StoppedEarlyError", "obeying_stages"]

logger = get_logger(__name__)

POLL_SECONDS = 0.2


class StoppedEarlyError(IcerecoError):
    """A stop was ordered before the first step; there is nothing to save."""


class Orders(TrainingObserver):
    """Handles stop, pause, resume and checkpoint. None of them changes weights, random numbers or the order of events.

    Attributes:
        reader: of the run's control file.
        stop: the request that an ordered stop sets.
        recorder: acknowledges each order in the status.
        records: the observers to which an ordered checkpoint is reported: the one that saves, and the recorder.
    """

    def __init__(
        self, reader: OrderReader, stop: StopRequest, recorder: Recorder, records: TrainingObserver
    ) -> None:
        self.reader = reader
        self.stop = stop
        self.recorder = recorder
        self.records = records
        self.paused = False

    def between_steps(self) -> None:
        """Carry out the orders since the last call; while paused, wait for further orders."""
        self._obey()
        began = time.monotonic()
        while self.paused and not self.stop:
            time.sleep(POLL_SECONDS)
            self._obey()
            self.recorder.beat("paused")
        self.recorder.leave_out(time.monotonic() - began)

    def _obey(self) -> None:
        for order, line in self.reader.new():
            answer = self._carry_out(order) if order else f"not an order: {line[:80]}"
            logger.info("order: %s", answer)
            self.recorder.acknowledge("paused" if self.paused else "training", self.reader.offset, answer)

    def _carry_out(self, order: Order) -> str:
        step = self.recorder.position.step
        match order:
            case "stop":
                self.stop.reason = "an order"
                return f"stopping after step {step:,}"
            case "pause":
                self.paused = True
                return f"paused after step {step:,}"
            case "resume":
                was, self.paused = self.paused, False
                return f"going on from step {step:,}" if was else "not paused: training goes on"
            case "checkpoint":
                self.records.on_checkpoint("last")
                return f"saved at step {step:,}"


def obeying_stages(stages: Stages, run: RunFolder, reader: OrderReader) -> Stages:
    """Stages that keep the status alive while data is prepared, and end early when a stop is ordered.

    Raises:
        StoppedEarlyError: from the stage's progress.
    """
    last = 0.0

    def stage(name: str) -> Progress:
        tell = stages(name)

        def report(done: int, total: int) -> None:
            nonlocal last
            tell(done, total)
            if time.monotonic() - last >= HEARTBEAT_SECONDS:
                last = time.monotonic()
                run.write_status("preparing", message=f"{name} events: {done / max(total, 1):.0%}")
                _obey_early(run, reader)

        return report

    return stage


def _obey_early(run: RunFolder, reader: OrderReader) -> None:
    for order, _ in reader.new():
        answer = (
            "stopped before the first step"
            if order == "stop"
            else f"nothing to {order} before the first step"
        )
        run.write_status("preparing", answered=reader.offset, answer=answer)
        if order == "stop":
            raise StoppedEarlyError("stopped before the first step; nothing was trained")

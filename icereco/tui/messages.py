"""What feeds report to the screens; a newer message of a kind replaces one that has not been handled yet."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from textual.message import Message

from icereco.runs.jobs import Job
from icereco.watch.alerts import Alert
from icereco.watch.files import FileView
from icereco.watch.metrics import Followed
from icereco.watch.overview import Overviews
from icereco.watch.runs import RunView
from icereco.watch.system import SystemView

if TYPE_CHECKING:
    from icereco.trained.library import TrainedModel
    from icereco.watch.data_look import DataLook  # reads with the doctor, which a start has no need of

__all__ = [
    "DataSeen",
    "FilesSeen",
    "JobAlertsSeen",
    "JobsSeen",
    "MetricsSeen",
    "ModelsSeen",
    "OverviewsSeen",
    "RunsSeen",
    "SystemSeen",
]


@dataclass
class RunsSeen(Message):
    """All runs as they are now."""

    runs: tuple[RunView, ...]

    def can_replace(self, message: Message) -> bool:
        """Replace an older message, as only the newest counts."""
        return isinstance(message, RunsSeen)


@dataclass
class SystemSeen(Message):
    """The machine as it is now."""

    system: SystemView

    def can_replace(self, message: Message) -> bool:
        """Replace an older message, as only the newest counts."""
        return isinstance(message, SystemSeen)


@dataclass
class MetricsSeen(Message):
    """Metrics or logs have grown."""

    followed: Followed


@dataclass
class JobsSeen(Message):
    """All jobs as they are now."""

    jobs: tuple[Job, ...]

    def can_replace(self, message: Message) -> bool:
        """Replace an older message, as only the newest counts."""
        return isinstance(message, JobsSeen)


@dataclass
class JobAlertsSeen(Message):
    """The alerts of jobs that failed before there was a run."""

    alerts: tuple[Alert, ...]

    def can_replace(self, message: Message) -> bool:
        """Replace an older message, as only the newest counts."""
        return isinstance(message, JobAlertsSeen)


@dataclass
class OverviewsSeen(Message):
    """What can be said of every run."""

    overviews: Overviews


@dataclass
class DataSeen(Message):
    """What a look into data has shown."""

    look: "DataLook"


@dataclass
class ModelsSeen(Message):
    """The trained models, and messages about cards that cannot be used."""

    models: "tuple[TrainedModel, ...]"
    problems: tuple[str, ...] = ()


@dataclass
class FilesSeen(Message):
    """The user's data sets, files of events, and a message about a broken settings file, if it is broken."""

    named: tuple[FileView, ...]
    files: tuple[FileView, ...]
    problem: str | None = None

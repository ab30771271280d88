"""What threads report to the event screen."""

from textual.message import Message

from icereco.watch.likelihood import LightAnswer, ScanAnswer
from icereco.watch.worker import Answer

__all__ = ["Answered", "DataSeen", "LightExpected", "Scanned"]


class DataSeen(Message):
    """More events have been read, or the data were replaced."""

    def can_replace(self, message: Message) -> bool:
        """Replace an older message, as only the newest counts."""
        return isinstance(message, DataSeen)


class Answered(Message):
    """A run has reconstructed an event, or failed to."""

    def __init__(self, answer: Answer) -> None:
        super().__init__()
        self.answer = answer


class LightExpected(Message):
    """The light model has answered."""

    def __init__(self, answer: LightAnswer) -> None:
        super().__init__()
        self.answer = answer


class Scanned(Message):
    """A scan of the likelihood has gone on, ended or failed."""

    def __init__(self, answer: ScanAnswer) -> None:
        super().__init__()
        self.answer = answer

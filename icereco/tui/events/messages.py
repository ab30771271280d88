"""What threads report to the event screen."""

from textual.message import Message

from icereco.watch.worker import Answer

__all__ = ["Answered", "DataSeen"]


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

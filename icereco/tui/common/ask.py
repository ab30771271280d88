"""Small questions: yes or no, and one line of text."""

from collections.abc import Callable

from textual import on
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.screen import ModalScreen
from textual.widgets import Button, Input, Static

from icereco.tui.keys import Key, bindings

__all__ = ["AskScreen", "ConfirmScreen"]


class ConfirmScreen(ModalScreen[bool]):
    """Asks for a yes or no before anything that changes a run or loses a text."""

    AUTO_FOCUS = ".-first"

    BINDINGS = bindings(
        (
            Key("y", "answer(True)", "Yes", "Window"),
            Key("n,escape", "answer(False)", "No", "Window"),
            Key("left,right", "app.focus_next", "Other", "Window"),
        )
    )

    def __init__(self, question: str, detail: str, *, danger: bool = False) -> None:
        super().__init__()
        self.question = question
        self.detail = detail
        self.danger = danger

    def compose(self) -> ComposeResult:
        """Show the question, the consequence, and two buttons; with `danger` the focus is on No."""
        with Vertical(classes="window small") as window:
            window.border_title = self.question
            yield Static(self.detail, markup=False)
            with Horizontal(classes="buttons"):
                yes = Button("Yes (y)", id="yes", variant="error" if self.danger else "primary", compact=True)
                no = Button("No (n)", id="no", compact=True)
                (no if self.danger else yes).add_class("-first")  # enter says no to what cannot be undone
                yield yes
                yield no

    @on(Button.Pressed)
    def _pressed(self, event: Button.Pressed) -> None:
        self.dismiss(event.button.id == "yes")

    def action_answer(self, yes: bool) -> None:
        """Answer with the key that was pressed."""
        self.dismiss(yes)


class AskScreen(ModalScreen[str | None]):
    """Asks for one line of text; `problem` returns what is wrong with a text, or None."""

    BINDINGS = bindings((Key("escape", "cancel", "Cancel", "Window"),))

    def __init__(
        self, question: str, value: str = "", problem: Callable[[str], str | None] = lambda _text: None
    ) -> None:
        super().__init__()
        self.question = question
        self.value = value
        self.problem = problem

    def compose(self) -> ComposeResult:
        """Show a line to write in, and a line for what is wrong with the text."""
        with Vertical(classes="window small") as window:
            window.border_title = self.question
            window.border_subtitle = "enter accepts · esc cancels"
            yield Input(self.value, compact=True)
            yield Static("", classes="problem", markup=False)

    @on(Input.Changed)
    def _check(self, event: Input.Changed) -> None:
        self.query_one(".problem", Static).update(self.problem(event.value) or "")

    @on(Input.Submitted)
    def _take(self, event: Input.Submitted) -> None:
        if self.problem(event.value) is None:
            self.dismiss(event.value)

    def action_cancel(self) -> None:
        """Close without an answer."""
        self.dismiss(None)

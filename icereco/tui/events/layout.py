"""Which parts of the event screen are shown in the room that there is, and which of them has the focus."""

from textual.screen import Screen

from icereco.tui.common.list_panel import ListPanel
from icereco.tui.events.event_list import EventList
from icereco.tui.events.welcome import Welcome

__all__ = ["EventLayout"]

_CARD_SETS = 4


class EventLayout(Screen[None]):
    """Shows or hides the list and the cards, and keeps the focus on a visible part, as keys go to the focus.

    Attributes:
        card_set: the number of the cards that are shown where there is no room for all.
    """

    CSS_PATH = "screen.tcss"
    HORIZONTAL_BREAKPOINTS = [  # noqa: RUF012 -- Textual declares it so
        (0, "-narrow"),
        (100, "-normal"),
        (160, "-wide"),
    ]
    VERTICAL_BREAKPOINTS = [  # noqa: RUF012 -- Textual declares it so
        (0, "-low"),
        (34, "-medium"),
        (50, "-tall"),
    ]

    def __init__(self) -> None:
        super().__init__()
        self.card_set = 0
        self._low: bool | None = None

    def on_mount(self) -> None:
        """Show the first set of cards."""
        self.watch(self, "focused", self._keep_focus, init=False)
        self.add_class("-cards-0")

    def on_resize(self) -> None:
        """Leave all the room to the detector where there is very little."""
        self.set_class(self.size.width < 50 or self.size.height < 12, "-tiny")
        low = self.size.height < self.VERTICAL_BREAKPOINTS[1][0]
        if low != self._low:  # l shows the list where it is hidden by default, and hides it where it is not
            self._low = low
            self.remove_class("-flip-list")
            if self.focused is not None and not self.query_one(Welcome).display:
                self.query_one("#view").focus()

    def _keep_focus(self) -> None:
        """Look after the focus when the part that had it may have been hidden."""
        self.call_after_refresh(self._focus_visible)

    def _focus_visible(self) -> None:
        if not self.is_attached or (self.focused is not None and self.focused.region.area):
            return
        for name in ("#view", "EventList", "Welcome OptionList"):
            if (part := self.query(name).first()).region.area:
                part.focus()
                return

    def action_filter(self) -> None:
        """Show the list, and move the focus to its filter."""
        panel = self.query_one(ListPanel)
        if not panel.display:
            self.toggle_class("-flip-list")
        panel.focus_filter()

    def action_toggle_list(self) -> None:
        """Show or hide the list of events."""
        self.toggle_class("-flip-list")
        self.query_one(EventList if self.query_one(ListPanel).display else "#view").focus()

    def action_next_cards(self) -> None:
        """Show the next set of cards, where there is no room for all."""
        self.show_cards(self.card_set + 1)
        if self.focused is self.query_one("#pulses"):
            self.query_one("#view").focus()

    def show_cards(self, number: int) -> None:
        """Show a set of cards by its number."""
        self.remove_class(f"-cards-{self.card_set}")
        self.card_set = number % _CARD_SETS
        self.add_class(f"-cards-{self.card_set}")

"""The keys of the event screen."""

from icereco.tui.common.list_panel import FILTER_KEYS
from icereco.tui.common.row_table import TABLE_KEYS
from icereco.tui.events.event_body import BODY_KEYS
from icereco.tui.events.event_view import VIEW_KEYS
from icereco.tui.events.timeline import TIMELINE_KEYS
from icereco.tui.keys import Key

__all__ = ["EVENT_KEYS", "SCREEN_KEYS"]

SCREEN_KEYS: tuple[Key, ...] = (
    Key("n", "next_event(1)", "Next", "Events", shown=True),
    Key("p", "next_event(-1)", "Previous", "Events"),
    Key("slash", "filter", "Filter", "Events", shown=True),
    Key("K", "kept_filters", "Filters kept by name", "Events"),
    Key("e", "sort('error')", "Worst first", "Events"),
    Key("b", "sort('charge')", "Brightest first", "Events"),
    Key("i", "sort('row')", "As in the file", "Events"),
    Key("G", "go_to_event", "Go to an event", "Events"),
    Key("E", "export", "Write the list as CSV", "Events"),
    Key("D", "scatter", "Error against energy", "Events"),
    Key("l", "toggle_list", "List", "Events", shown=True),
    Key("o", "open", "Open", "Events", shown=True),
    Key("O", "add", "Add reconstructions", "Events"),
    Key("g", "reconstruct", "Reconstruct", "Methods", shown=True, brief="Reco"),
    Key("v", "next_method", "Next method", "Methods", shown=True, brief="Method"),
    Key("R", "scan", "Scan the likelihood, or stop", "Methods"),
    Key("h", "next_cards", "Cards", "Looks", shown=True),
    Key("P", "picture", "Picture of the event", "Looks"),
)

EVENT_KEYS: tuple[Key, ...] = (
    *SCREEN_KEYS,
    *BODY_KEYS,
    *VIEW_KEYS,
    *TIMELINE_KEYS,
    *TABLE_KEYS,
    *FILTER_KEYS,
)
"""All keys, also those of the screen's parts, for the help and the user's keymap."""

"""What keys do on the training screen, and what it says before there are runs."""

from icereco.tui.keys import Key
from icereco.tui.run_control import RUN_KEYS

__all__ = ["KEYS", "WELCOME"]

KEYS: tuple[Key, ...] = (
    *RUN_KEYS,
    Key("up,k", "move(-1)", "Run above", "Runs"),
    Key("down,j", "move(1)", "Run below", "Runs"),
    Key("pageup", "move(-10)", "Ten runs up", "Runs"),
    Key("pagedown", "move(10)", "Ten runs down", "Runs"),
    Key("space", "overlay", "Overlay", "Runs", shown=True),
    Key("b", "baseline", "Baseline", "Runs", shown=True),
    Key("d", "differences", "Compare settings", "Runs"),
    Key("f", "filter_runs", "Filter runs", "Runs"),
    Key("v", "events", "Events", "Runs", shown=True),
    Key("x", "axis", "Axis", "Charts", shown=True),
    Key("y", "log_y", "Log", "Charts", shown=True),
    Key("X", "log_x", "Log axis across", "Charts"),
    Key("e", "smooth(1)", "Smoother", "Charts", shown=True),
    Key("E", "smooth(-1)", "Less smooth", "Charts"),
    Key("o", "tight", "Fit to the means", "Charts"),
    Key("left", "cursor(-1)", "Cursor left", "Charts"),
    Key("right", "cursor(1)", "Cursor right", "Charts"),
    Key("plus,equals_sign", "zoom(0.5)", "Zoom in", "Charts"),
    Key("minus", "zoom(2.0)", "Zoom out", "Charts"),
    Key("0", "whole", "Whole range, no cursor", "Charts"),
    Key("left_square_bracket", "page(-1)", "Charts before", "Charts"),
    Key("right_square_bracket", "page(1)", "More charts", "Charts"),
    Key("z,enter", "enlarge", "One chart", "Charts", shown=True),
    Key("slash", "filter_log", "Filter the log", "Log"),
    Key("g", "go_to_step", "Go to a step", "Log"),
    Key("l", "large_log", "Larger log", "Log"),
)

WELCOME = """[b]No runs yet in {runs}[/b]

[b]n[/b]  start a training: [i]quick[/i] needs no data and about a minute
[b]2[/b]  look at events of a file
[b]3[/b]  look at the profiles, and make one of your own
[b]?[/b]  all keys

The same from a shell, now or later; this screen shows it at once:

  icereco simulate --events 1000 -o events
  icereco train --profile quick
  icereco tui events/events.parquet"""

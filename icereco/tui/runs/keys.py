"""The keys of the training screen, and the text that it shows before there are runs."""

from icereco.tui.keys import Key
from icereco.tui.runs.run_control import RUN_KEYS

__all__ = ["KEYS", "WELCOME"]

KEYS: tuple[Key, ...] = (
    *RUN_KEYS,
    Key("up,k", "move(-1)", "Run above", "Runs"),
    Key("down,j", "move(1)", "Run below", "Runs"),
    Key("pageup", "move(-10)", "Ten runs up", "Runs"),
    Key("pagedown", "move(10)", "Ten runs down", "Runs"),
    Key("space", "overlay", "Overlay", "Runs", shown=True),
    Key("b", "baseline", "Baseline", "Runs", shown=True),
    Key("t", "table", "Table of runs", "Runs", shown=True, brief="Table"),
    Key("i", "about", "About the run", "Runs"),
    Key("d", "differences", "Compare settings", "Runs"),
    Key("f", "filter_runs", "Filter runs", "Runs"),
    Key("a", "alerts", "Alerts in full", "Runs"),
    Key("v", "events", "Events", "Runs", shown=True),
    Key("m", "figure", "Median, mean, 68 % … of several runs", "Charts"),
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

Three steps, here by a key or from a shell:

[b]simulate[/b] events
    icereco simulate --events 1000 -o events
[b]train[/b] a model: [b]n[/b], or
    icereco train --profile quick
[b]look[/b] at what it does to events: [b]2[/b], or
    icereco tui events/events.parquet

Training without data simulates its own, and
[i]quick[/i] takes about a minute. What is started
in a shell shows here at once.

[b]3[/b] profiles: what can be trained    [b]?[/b] all keys"""

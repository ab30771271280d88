"""The options that say with what events are reconstructed, the same for every command that does so."""

from collections.abc import Callable
from typing import Any

import click

from icereco.cli import completion
from icereco.data.catalog import DEFAULT_DETECTOR

__all__ = ["detector_option", "method_option", "model_option", "reader_option", "run_option"]

_Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]

run_option: _Decorator = click.option(
    "--run", "runs", multiple=True, metavar="RUN", shell_complete=completion.runs_or_files,
    help="Name or folder of a training run  [default: the newest finished one of the detector; without any, the model "
    "that comes with icereco or that you added for it; without any, --method likelihood]. Several, and several --model, are "
    "averaged.",
)  # fmt: skip
model_option: _Decorator = click.option(
    "--model", "models", multiple=True, metavar="MODEL", shell_complete=completion.models_or_files,
    help="A trained model by name instead (icereco models), or a checkpoint file; may be repeated.",
)  # fmt: skip
method_option: _Decorator = click.option(
    "--method", metavar="METHOD",
    help="A method without training instead, such as linefit, or linefit:weight_by_charge=true with an option; or hybrid: "
    "the likelihood fit from what is used by default, more exact and slower.",
    shell_complete=completion.methods,
)  # fmt: skip
detector_option: _Decorator = click.option(
    "--detector",
    metavar="NAME",
    help="The detector of the events, with a method without training or where nothing is named  "
    f"[default: that of the data set, or {DEFAULT_DETECTOR}].",
    shell_complete=completion.detectors,
)
reader_option: _Decorator = click.option(
    "--reader", metavar="READER",
    help="What reads the files, such as prometheus or prometheus:direction=travel  "
    "[default: as declared, or detected automatically].",
    shell_complete=completion.readers,
)  # fmt: skip

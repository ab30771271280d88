"""The options `--device`, `--threads` and `--precision`, the same for every command that computes with torch."""

import sys
from collections.abc import Callable
from typing import Any

import click

from icereco.cli import completion
from icereco.system.processors import use_threads

__all__ = ["computing_with", "device_option", "precision_option", "threads_option"]

_Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]

device_option: _Decorator = click.option(
    "--device",
    metavar="DEVICE",
    help="Where to compute: cpu, cuda or cuda:1  [default: the first GPU, else the CPU].",
    shell_complete=completion.devices,
)
precision_option: _Decorator = click.option(
    "--precision",
    type=click.Choice(["float32", "bfloat16", "auto"]),
    default="float32",
    show_default=True,
    help="Of a model's matrix products: bfloat16 is faster where the processor has instructions for it, which auto asks, and "
    "moves directions by a few tenths of a degree.",
)
threads_option: _Decorator = click.option(
    "--threads",
    type=click.IntRange(min=1),
    metavar="N",
    help="Processors to compute with  [default: those that are free].",
)


def computing_with(threads: int | None) -> None:
    """Choose the number of threads; nothing where nothing computes with torch, as in a line fit."""
    if threads is not None or "torch" in sys.modules:
        use_threads(threads)

"""The part of `icereco evaluate` that shows how good energies, vertices, kinds and inelasticities are."""

from typing import TYPE_CHECKING

from rich.markup import escape

from icereco.cli.console import Console

if TYPE_CHECKING:
    from icereco.evaluation.targets import TargetEvaluations

__all__ = ["print_targets"]


def print_targets(targets: "TargetEvaluations", console: Console) -> None:
    """Print a table for each target, and what is left out of them."""
    from icereco.report.targets import target_notes, target_tables
    from icereco.report.text import rich_table

    for table in target_tables(targets):
        console.print(rich_table(table))
    for note in target_notes(targets):
        console.print(f"[yellow]{escape(note)}[/]", soft_wrap=True)

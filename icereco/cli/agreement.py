"""The part of `icereco evaluate` for events without truth: how far the methods of a file agree."""

import json
from typing import TYPE_CHECKING

from rich.markup import escape

from icereco.cli.console import Console
from icereco.cli.echo import echo
from icereco.errors import IcerecoError

if TYPE_CHECKING:
    from jaxtyping import Float
    from numpy import ndarray

    from icereco.tables.saved_reconstructions import SavedReconstructions

__all__ = ["show_agreement"]


def show_agreement(
    saved: "SavedReconstructions", others: "dict[str, Float[ndarray, 'event 3']]", *, as_json: bool
) -> None:
    """Print how far the methods of a file, and others, agree.

    Raises:
        IcerecoError: there is only one method.
    """
    from icereco.evaluation.agreement import agreement
    from icereco.evaluation.agreement import as_json as document
    from icereco.report.agreement import agreement_table
    from icereco.report.text import rich_table

    pairs = agreement(saved, others)
    if not any(pair.groups for pair in pairs):
        raise IcerecoError(
            f"{saved.path}: the events have no truth, so no error can be measured, and there is no direction by another method to compare "
            "with; give the truth, --truth NAME|FILE, or further reconstructions of them, --with FILE"
        )
    if as_json:
        facts = {"file": str(saved.path), "method": saved.method, "agreement": document(pairs)}
        echo(json.dumps(facts, indent=2, allow_nan=False))
        return
    console = Console(highlight=False)
    console.print(f"[bold]{escape(saved.method)}[/]  {escape(str(saved.path))}", soft_wrap=True)
    console.print(
        "[yellow]the events have no truth, so no error can be measured: this is how far methods agree[/]",
        soft_wrap=True,
    )
    console.print(rich_table(agreement_table(pairs)))

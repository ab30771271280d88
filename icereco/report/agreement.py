"""The table of how far methods agree, where there is no truth."""

from collections.abc import Sequence

from icereco.evaluation.agreement import Agreement
from icereco.report.document import Table

__all__ = ["agreement_table"]


def agreement_table(pairs: Sequence[Agreement]) -> Table:
    """Return a row for each pair of methods and group of events."""
    rows = [
        (
            f"{pair.first}, {pair.second}" if name == "all" else f"  {name}",
            f"{group['events']:,}",
            f"{group['median_deg']:.2f}",
            f"{group['containment90_deg']:.2f}",
            _share(group["second_inside"]),
            _share(group["first_inside"]),
        )
        for pair in pairs
        for name, group in pair.groups.items()
    ]
    caption = (
        "Angle between the directions of two methods A and B in degrees: median, and 90 % of the events are closer; events where B is inside "
        "the region of 90 % of A's posterior, and A inside B's. That methods agree does not say that they are right."
    )
    return Table(("methods A, B", "events", "median", "90 %", "B in A's", "A in B's"), rows, caption)


def _share(share: float | None) -> str:
    return "-" if share is None else f"{share:.1%}"

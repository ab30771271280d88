"""The quality of reconstructions in memory; for notebooks and scripts."""

from collections.abc import Mapping
from dataclasses import dataclass
from io import StringIO
from typing import TYPE_CHECKING

from jaxtyping import Float
from numpy import ndarray

from icereco.errors import IcerecoError
from icereco.evaluation.calibration import coverage
from icereco.evaluation.resolution import Resolution, Summary, by_label, summarize
from icereco.evaluation.weighted import weights_of
from icereco.events.batch import EventBatch
from icereco.events.listing import Listing
from icereco.events.reconstruction import Reconstruction
from icereco.events.truth import Truth
from icereco.events.weights import event_weights
from icereco.physics.sphere import opening_angle
from icereco.system.terminal_text import printable

if TYPE_CHECKING:
    from rich.console import RenderableType

__all__ = ["ResolutionTable", "evaluate"]

_COLUMNS = 100  # room for the table, wherever it is printed


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class ResolutionTable:
    """The angular errors of reconstructions; prints itself as a table in a terminal and in a notebook.

    Attributes:
        summary: `summary["median_deg"]`, `mean_deg`, `containment68_deg` of all events, and of each slice in
            `summary["pulses"]` and `summary["kind"]`.
        coverage: fraction of events inside each contour ("50%", "90%") of the posterior; empty without one.
        without_truth: events with unknown truth, which are left out of all figures.
    """

    summary: Summary
    coverage: Mapping[str, float]
    without_truth: int

    def __rich__(self) -> "RenderableType":
        return self._listing().rich()

    def _repr_html_(self) -> str:
        return self._listing().html()

    def __repr__(self) -> str:
        from rich.console import Console

        text = StringIO()
        Console(file=text, width=_COLUMNS, color_system=None, highlight=False).print(self._listing().rich())
        return "\n".join(line.rstrip() for line in printable(text.getvalue()).rstrip().splitlines())

    def _listing(self) -> Listing:
        rows = [_row(label, group) for label, group in by_label(self.summary).items()]
        return Listing("; ".join(self._facts()), ("group", "events", "median", "mean", "68 %"), rows)

    def _facts(self) -> list[str]:
        facts = ["angular error in degrees"]
        if (worth := self.summary.get("effective_events")) is not None:
            facts.append(f"weighted: the events are worth {worth:,.0f} of equal weights")
        if self.coverage:
            inside = ", ".join(f"{name} contour holds {part:.1%}" for name, part in self.coverage.items())
            facts.append(f"truth inside the contours of the posterior: {inside}")
        if missing := self.summary["without_direction"]:
            facts.append(f"{missing:,} events without a direction are left out of the angles")
        if self.without_truth:
            facts.append(f"{self.without_truth:,} events without truth are left out")
        return facts


def evaluate(
    reconstruction: Reconstruction,
    truth: EventBatch | Truth,
    weights: str | Float[ndarray, "event"] | None = None,
) -> ResolutionTable:
    """Compute the angular resolution of reconstructions: of all events, by number of pulses, and by kind.

    >>> import icereco
    >>> events = icereco.simulate(100)
    >>> table = icereco.evaluate(icereco.reconstruct(events, "linefit"), events)
    >>> table.summary["events"]
    100

    Args:
        reconstruction: from `icereco.reconstruct`.
        truth: the events that were reconstructed, or their truth, which does not hold the numbers of pulses.
        weights: how much each event counts: a column of the events (`EventBatch.event_extras`), or `[E]` numbers.

    Raises:
        IcerecoError: the events have no truth, are not those of the reconstruction, or have no such weights.
    """
    known_truth = truth.truth if isinstance(truth, EventBatch) else truth
    if known_truth is None:
        raise IcerecoError("these events have no truth, so no error can be measured")
    count = len(known_truth.direction)
    if len(reconstruction.direction) != count:
        raise IcerecoError(
            f"the reconstruction is of {len(reconstruction.direction):,} events, and the truth of {count:,}: "
            "evaluate it with the events that were reconstructed"
        )
    known = known_truth.known("direction")
    if not known.any():
        raise IcerecoError("there is no event with a known true direction, so no error can be measured")
    error = opening_angle(reconstruction.direction[known], known_truth.direction[known])
    batch = truth if isinstance(truth, EventBatch) else None
    weight = event_weights(weights, batch, count)
    pulses = None if batch is None else batch.pulse_count[known]
    kind = None if known_truth.kind is None else known_truth.kind[known]
    posterior = reconstruction.posterior
    inside = {} if posterior is None else coverage(posterior, known_truth.direction, weight)
    summary = summarize(error, pulses, kind, weights_of(weight, known))
    return ResolutionTable(summary, inside, int((~known).sum()))


def _row(label: str, group: Resolution) -> tuple[str, ...]:
    figures = group["median_deg"], group["mean_deg"], group["containment68_deg"]
    return label, f"{group['events']:,}", *("-" if one is None else f"{one:.2f}" for one in figures)

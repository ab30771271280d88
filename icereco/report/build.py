"""What a report says of a file of reconstructions."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from jaxtyping import Bool, Float
from numpy import ndarray

from icereco.evaluation.agreement import agreement
from icereco.evaluation.calibration import Calibration, calibration
from icereco.evaluation.comparison import Difference, GroupComparison, compare
from icereco.evaluation.evaluated_events import EvaluatedEvents
from icereco.evaluation.resolution import groups
from icereco.evaluation.targets import evaluate_targets
from icereco.evaluation.weighted import effective_events, quantiles, weights_of
from icereco.physics.sphere import opening_angle
from icereco.plots.evaluation import evaluation_figures
from icereco.plots.targets import target_figures
from icereco.report.agreement import agreement_table
from icereco.report.document import Block, Document, Paragraph, Picture, Section, Table, svg_picture
from icereco.report.made import made_of, reproduction
from icereco.report.targets import target_notes, target_tables
from icereco.tables.saved_reconstructions import SavedReconstructions

__all__ = ["report_of"]

_SHOWN_CONTOURS = ("50%", "90%")


def report_of(
    saved: SavedReconstructions,
    others: Mapping[str, Float[ndarray, "event 3"]],
    training: Sequence[Block],
    events: Sequence[Picture],
    profile: str | None,
) -> Document:
    """Write the report of a file.

    Args:
        saved: the file.
        others: directions of the same events by further methods, NaN where they have none.
        training: what is said of the training, possibly nothing.
        events: drawings of single events.
        profile: what the model is, as TOML, if it is one.

    Raises:
        IcerecoError: a posterior does not integrate to 1.
    """
    saved.require_normalised()
    truth = saved.truth
    with_truth = truth is not None and bool(truth.known("direction").any())
    compared = _evaluated(saved, others) if with_truth else []
    contours = _calibration(saved) if with_truth else {}
    sections = [
        Section("Resolution", _resolution(compared))
        if with_truth
        else Section("Agreement", _agreement(saved, others)),
        Section(
            "Figures",
            _figures(saved, others) if compared and np.isfinite(compared[0].error_rad).any() else [],
        ),
        Section("How far its uncertainty can be trusted", _trust(contours)),
        Section("Beyond the direction", _targets(saved) if with_truth else []),
        Section("Events", list(events)),
        Section("Training", list(training)),
        Section("How to do it again", reproduction(saved, profile)),
    ]
    return Document(
        f"{saved.provenance.get('run') or saved.method} on {len(saved.event_id):,} events",
        [*made_of(saved), *_weighted(saved), *_summary(compared, contours)],
        [section for section in sections if section.blocks],
    )


def _weighted(saved: SavedReconstructions) -> list[str]:
    if saved.weights is None or saved.truth is None:
        return []
    weight = saved.weights.values[saved.truth.known("direction")]
    worth = effective_events(weight, len(weight))
    return [
        f"All figures are weighted by {saved.weights.name}: the {len(weight):,} events with a true direction are worth {worth:,.0f} of "
        "equal weights, and intervals are those of so many."
    ]


def _evaluated(
    saved: SavedReconstructions, others: Mapping[str, Float[ndarray, "event 3"]]
) -> list[EvaluatedEvents]:
    """The errors of the method, and of all others; rows take the place of ids, which events of several data sets may share."""
    truth = saved.truth
    assert truth is not None
    directions = {saved.method: saved.reconstruction.direction}
    directions |= {name: one.direction for name, one in saved.comparisons.items() if name != saved.method}
    directions |= dict(others)
    known = np.flatnonzero(truth.known("direction"))
    return [
        EvaluatedEvents(
            name,
            np.arange(len(saved.event_id)),
            opening_angle(one, truth.direction),
            truth.direction,
            saved.pulses_total,
            truth.kind,
            saved.weight,
        ).take(known)
        for name, one in directions.items()
    ]


def _calibration(saved: SavedReconstructions) -> dict[str, Calibration]:
    posterior = saved.reconstruction.posterior
    if posterior is None or saved.truth is None:
        return {}
    return calibration(
        posterior, saved.reconstruction.direction, saved.truth, saved.pulses_total, saved.weight
    )


def _summary(compared: Sequence[EvaluatedEvents], contours: Mapping[str, Calibration]) -> list[str]:
    """The result in words."""
    if not compared:
        return ["The true directions are not known, so nothing can be said of errors."]
    own, *others = compared
    known = np.isfinite(own.error_rad)
    error, weight = np.degrees(own.error_rad[known]), weights_of(own.weight, known)
    if not len(error):
        return [f"{own.name} gives no direction for any of the events."]
    median, contained = quantiles(error, [0.5, 0.68], weight)
    sentences = [
        f"Half of the {'events' if weight is None else 'weight'} {'are' if weight is None else 'is of events that are'} reconstructed within {median:.2f}° of the true direction, 68 % within {contained:.2f}°."
    ]
    if missing := len(own.error_rad) - len(error):
        sentences.append(f"{missing:,} events got no direction and are left out.")
    versus = {other.name: _compared(other, own).get("all") for other in others[:2]}
    sentences += [_sentence(name, whole) for name, whole in versus.items() if whole is not None]
    if contours:
        inside = contours["all"]["contours"]
        said = " and ".join(
            f"{inside[level]['inside']:.1%} in those of {level.replace('%', ' %')}"
            for level in _SHOWN_CONTOURS
        )
        sentences.append(
            f"Contours: {said} of the truths lie inside; posteriors that are right would hold just these."
        )
    return sentences


def _sentence(other: str, whole: GroupComparison) -> str:
    change = whole.median
    if not change.significant:
        return f"Its median error is not significantly different from that of {other} ({whole.first_median_deg:.2f}°)."
    word = "smaller" if change.value_deg < 0 else "larger"
    low, high = sorted((abs(change.low_deg), abs(change.high_deg)))
    return (
        f"Its median error is {abs(change.value_deg):.2f}° ({low:.2f}° to {high:.2f}°) {word} than that of {other} "
        f"({whole.first_median_deg:.2f}°) on the same events."
    )


def _compared(first: EvaluatedEvents, second: EvaluatedEvents) -> Mapping[str, GroupComparison]:
    """Groups that both have; none where they have too few events in common."""
    both = np.isfinite(first.error_rad) & np.isfinite(second.error_rad)
    return compare(first, second).groups if both.sum() >= _LEAST_COMPARED else {}


_LEAST_COMPARED = 10


def _resolution(compared: Sequence[EvaluatedEvents]) -> list[Block]:
    own, *others = compared
    versus = [_compared(other, own) for other in others]
    headings = [
        "group",
        "events",
        own.name,
        *(text for other in others for text in (other.name, "difference")),
    ]
    rows = []
    for name, chosen in groups(own.pulses, own.kind):
        if not chosen.any():
            continue
        cells = [_median(own, chosen)]
        for other, by_group in zip(others, versus, strict=True):
            group = by_group.get(name)
            cells += [_median(other, chosen), "-" if group is None else _interval(group.median)]
        rows.append((name.replace("_", " "), f"{int(chosen.sum()):,}", *cells))
    caption = (
        "Median angular error in degrees; differences are this method minus the other on the events that both have, with the "
        "interval that holds 95 % of bootstrap resamples."
    )
    return [Table(tuple(headings), rows, caption)]


def _median(one: EvaluatedEvents, chosen: Bool[ndarray, "event"]) -> str:
    known = chosen & np.isfinite(one.error_rad)
    weight = weights_of(one.weight, known)
    if not effective_events(weight, int(known.sum())):
        return "-"
    return f"{np.degrees(quantiles(one.error_rad[known], [0.5], weight)[0]):.2f}"


def _interval(difference: Difference) -> str:
    return f"{difference.value_deg:+.2f} [{difference.low_deg:+.2f}, {difference.high_deg:+.2f}]"


def _agreement(saved: SavedReconstructions, others: Mapping[str, Float[ndarray, "event 3"]]) -> list[Block]:
    """How far methods are apart where there is no truth."""
    pairs = [pair for pair in agreement(saved, others) if pair.groups]
    return [agreement_table(pairs)] if pairs else [Paragraph("There is no other method to compare with.")]


def _figures(saved: SavedReconstructions, others: Mapping[str, Float[ndarray, "event 3"]]) -> list[Block]:
    figures = evaluation_figures(saved, others=others)
    return [svg_picture(one.name, one.figure, one.caption, one.data) for one in figures]


def _targets(saved: SavedReconstructions) -> list[Block]:
    """How good the estimates of energy, vertex, kind and inelasticity are."""
    assert saved.truth is not None
    targets = evaluate_targets(saved.reconstruction, saved.truth, saved.weight)
    figures = [svg_picture(one.name, one.figure, one.caption, one.data) for one in target_figures(saved)]
    return [*target_tables(targets), *map(Paragraph, target_notes(targets)), *figures]


def _trust(contours: Mapping[str, Calibration]) -> list[Block]:
    rows = []
    for name, group in contours.items():
        shown = [group["contours"][level] for level in _SHOWN_CONTOURS]
        held = (f"{one['inside']:.1%} [{one['least']:.0%}, {one['most']:.0%}]" for one in shown)
        figures: list[Any] = [group["median_deg"], group["expected_median_deg"], group["width"]]
        rows.append(
            (name.replace("_", " "), f"{group['events']:,}", *held, *(f"{figure:.2f}" for figure in figures))
        )
    if not rows:
        return []
    caption = (
        "Truths inside contours of 50 and 90 % of the posterior, with binomial intervals of 95 %; the median error, that which the posteriors "
        "expect, in degrees, and the one over the other, above 1 where posteriors are too narrow."
    )
    return [
        Table(("group", "events", "50 % holds", "90 % holds", "median", "expected", "width"), rows, caption)
    ]

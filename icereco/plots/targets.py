"""Figures of energy, vertex, kind and inelasticity of one file, each with its caption and the numbers behind it."""

from collections.abc import Iterator

import numpy as np
import pyarrow as pa
from jaxtyping import Float, Int
from numpy import ndarray

from icereco.evaluation.curves import LEAST_EVENTS, QUANTITIES, edges_of, quantiles_in_bins
from icereco.evaluation.energy import energy_residual
from icereco.evaluation.kind import KindEvaluation, evaluated_kinds, kind_evaluation
from icereco.evaluation.roc import Roc, roc
from icereco.evaluation.vertex import along_and_across, with_vertices
from icereco.evaluation.weighted import weights_of
from icereco.events.truth import EVENT_KINDS, Truth
from icereco.plots.against_truth import PairHistogram, pair_figure
from icereco.plots.energy import energy_bias_figure
from icereco.plots.evaluation import Captioned
from icereco.plots.kind import confusion_figure, reliability_figure, roc_figure
from icereco.plots.vertex import vertex_figure
from icereco.tables.saved_reconstructions import SavedReconstructions

__all__ = ["target_figures"]

_MOST_POINTS = 1000
"""Of a curve: more cannot be seen."""

_QUANTILES = (5, 16, 50, 84, 95)


def target_figures(saved: SavedReconstructions) -> Iterator[Captioned]:
    """Draw those quantities that the file has for at least one event with its truth."""
    truth, made = saved.truth, saved.reconstruction
    if truth is None:
        return
    of_file, weight = f"events of {saved.path.name}", saved.weight
    if saved.weights is not None:
        of_file += f" weighted by {saved.weights.name}"
    if made.energy_gev is not None and truth.energy_gev is not None:
        yield from _energy(made.energy_gev, truth.energy_gev, truth.kind, of_file, weight)
    if made.vertex_m is not None and truth.vertex_m is not None:
        yield from _vertex(made.vertex_m, truth, of_file, weight)
    if made.kind_probability is not None and truth.kind is not None:
        yield from _kind(made.kind_probability, truth, of_file, weight)
    if made.inelasticity is not None and truth.inelasticity is not None:
        yield from _inelasticity(made.inelasticity, truth.inelasticity, of_file, weight)


def _energy(
    energy_gev: Float[ndarray, "event"],
    true_gev: Float[ndarray, "event"],
    kind: ndarray | None,
    of_file: str,
    weight: Float[ndarray, "event"] | None,
) -> Iterator[Captioned]:
    residual = energy_residual(energy_gev, true_gev)
    known = np.isfinite(residual)
    if not known.any():
        return
    count = f"{int(known.sum()):,} {of_file}"
    pairs = PairHistogram.of(energy_gev[known], true_gev[known], weight=weights_of(weight, known))
    caption = f"Estimated against true energy, {count}; on the dashed line they are equal."
    figure = pair_figure(pairs, "neutrino energy (GeV)", logarithmic=True)
    yield Captioned("energy", figure, caption, pairs.table())
    edges = edges_of(QUANTITIES["energy"], true_gev[known])
    groups = {"all": known} | {
        name: known & (kind == name) for name in EVENT_KINDS if kind is not None and (kind == name).any()
    }
    quantiles = {
        name: quantiles_in_bins(residual[chosen], true_gev[chosen], edges, weights_of(weight, chosen))
        for name, chosen in groups.items()
    }
    caption = (
        f"Decimal logarithm of estimated over true energy against the true energy, {count}: medians of all events and of each kind; bands hold "
        f"the central 68 and 90 % of all events. Bins of fewer than {LEAST_EVENTS} events are left out."
    )
    yield Captioned(
        "energy_bias", energy_bias_figure(edges, quantiles), caption, _bias_table(edges, quantiles)
    )


def _bias_table(
    edges: Float[ndarray, "edge"],
    quantiles: "dict[str, tuple[Int[ndarray, 'bin'], Float[ndarray, 'bin 5']]]",
) -> pa.Table:
    parts = []
    for name, (events, values) in quantiles.items():
        columns = {"group": [name] * len(events), "low": edges[:-1], "high": edges[1:], "events": events}
        columns |= {
            f"log10_ratio_{quantile}": pa.array(values[:, place], from_pandas=True)
            for place, quantile in enumerate(_QUANTILES)
        }
        parts.append(pa.table(columns))
    return pa.concat_tables(parts)


def _vertex(
    vertex_m: Float[ndarray, "event 3"],
    truth: Truth,
    of_file: str,
    weight: Float[ndarray, "event"] | None,
) -> Iterator[Captioned]:
    assert truth.vertex_m is not None
    known = with_vertices(truth) & np.isfinite(vertex_m).all(axis=1)
    if not known.any():
        return
    residual = (vertex_m - truth.vertex_m)[known]
    along, across = along_and_across(residual, truth.direction[known])
    distance = np.linalg.norm(residual, axis=1)
    kind = np.full(len(distance), None, object) if truth.kind is None else truth.kind[known]
    weight = weights_of(weight, known)
    by_kind = {name: distance[kind == name] for name in EVENT_KINDS if (kind == name).any()}
    of_kind = {} if weight is None else {"all": weight} | {name: weight[kind == name] for name in by_kind}
    offsets = dict(zip(("x", "y", "z", "along the flight"), (*residual.T, along), strict=True))
    caption = (
        f"Offset of estimated vertices from the true ones along the axes and the direction of flight (positive: ahead), and their distance, "
        f"{len(distance):,} {of_file}, lines at 50 and 68 %."
    )
    if len(distance) < (truth.known("vertex_m") & np.isfinite(vertex_m).all(axis=1)).sum():
        caption += " Only starting tracks and cascades: the true vertex of a through-going track is where it enters the simulated volume."
    columns = {f"offset_{axis}_m": residual[:, place] for place, axis in enumerate("xyz")}
    columns |= {"along_m": along, "across_m": across, "distance_m": distance}
    columns |= {} if weight is None else {"weight": weight}
    data = pa.table({name: pa.array(column, from_pandas=True) for name, column in columns.items()})
    yield Captioned(
        "vertex",
        vertex_figure(offsets, by_kind or {"all": distance}, weight, of_kind),
        caption,
        data.append_column("kind", pa.array(kind, pa.string())),
    )


def _kind(
    probability: Float[ndarray, "event kind"],
    truth: Truth,
    of_file: str,
    weight: Float[ndarray, "event"] | None,
) -> Iterator[Captioned]:
    evaluation = kind_evaluation(probability, truth, weight)
    if not evaluation["events"]:
        return
    count = f"{evaluation['events']:,} {of_file}"
    caption = f"Most probable kinds of events of each true kind, {count}: fractions of the true kind, and numbers of events."
    figure = confusion_figure(evaluation["confusion"], evaluation.get("shares"))
    yield Captioned("kind_confusion", figure, caption, _confusion_table(evaluation))
    evaluated, true = evaluated_kinds(probability, truth)
    curves = {
        name: _thinned(curve)
        for place, name in enumerate(EVENT_KINDS)
        if (curve := roc(probability[evaluated, place], true == place, weights_of(weight, evaluated)))
        is not None
    }
    if curves:
        areas = {name: evaluation["kinds"][name]["area"]["value"] or 0.0 for name in curves}
        caption = f"Fraction of the events of a kind against the fraction of all others whose probability of this kind is above a threshold, {count}."
        yield Captioned("kind_roc", roc_figure(curves, areas), caption, _roc_table(curves))
    caption = (
        f"How often events are of a kind against its probability, {count}, with Wilson's intervals of 95 %."
    )
    figure = reliability_figure(list(evaluation["kinds"].items()))
    yield Captioned("kind_reliability", figure, caption, _reliability_table(evaluation))


def _thinned(curve: Roc) -> Roc:
    points = len(curve.others)
    if points <= _MOST_POINTS:
        return curve
    shown = np.linspace(0, points - 1, _MOST_POINTS).astype(np.int64)
    return Roc(curve.others[shown], curve.of_class[shown])


def _confusion_table(evaluation: KindEvaluation) -> pa.Table:
    return pa.Table.from_pylist(
        [
            {"true_kind": kind, "most_probable_kind": name, "events": events}
            for kind, row in evaluation["confusion"].items()
            for name, events in row.items()
        ]
    )


def _roc_table(curves: dict[str, Roc]) -> pa.Table:
    return pa.concat_tables(
        pa.table(
            {
                "kind": [name] * len(one.others),
                "fraction_of_others": one.others,
                "fraction_of_kind": one.of_class,
            }
        )
        for name, one in curves.items()
    )


def _reliability_table(evaluation: KindEvaluation) -> pa.Table:
    return pa.Table.from_pylist(
        [
            {
                "kind": name,
                **{key: one[key] for key in ("low", "high", "events", "probability")},
                "observed": one["observed"]["value"],
                "least": one["observed"]["least"],
                "most": one["observed"]["most"],
            }
            for name, kind in evaluation["kinds"].items()
            for one in kind["reliability"]
        ]
    )


def _inelasticity(
    inelasticity: Float[ndarray, "event"],
    true: Float[ndarray, "event"],
    of_file: str,
    weight: Float[ndarray, "event"] | None,
) -> Iterator[Captioned]:
    known = np.isfinite(inelasticity) & np.isfinite(true)
    if not known.any():
        return
    pairs = PairHistogram.of(
        inelasticity[known], true[known], span=(0.0, 1.0), weight=weights_of(weight, known)
    )
    caption = f"Estimated against true inelasticity, {int(known.sum()):,} {of_file}; on the dashed line they are equal."
    yield Captioned(
        "inelasticity", pair_figure(pairs, "inelasticity", logarithmic=False), caption, pairs.table()
    )

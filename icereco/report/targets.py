"""Tables of how good energies, vertices, kinds and inelasticities are."""

from collections.abc import Iterator

from icereco.evaluation.energy import EnergyEvaluation
from icereco.evaluation.inelasticity import InelasticityEvaluation
from icereco.evaluation.kind import KindEvaluation
from icereco.evaluation.measured import Measured
from icereco.evaluation.targets import TargetEvaluations
from icereco.evaluation.vertex import ELLIPSOIDS, VertexEvaluation
from icereco.report.document import Table

__all__ = ["target_notes", "target_tables"]

_INTERVAL = "95 %"


def target_tables(targets: TargetEvaluations) -> Iterator[Table]:
    """Yield a table for each target that at least one event can be evaluated for."""
    if targets.energy is not None and targets.energy["groups"]:
        yield _energy(targets.energy)
    if targets.vertex is not None and targets.vertex["groups"]:
        yield _vertex(targets.vertex)
        if any(group["inside"] for group in targets.vertex["groups"].values()):
            yield _ellipsoids(targets.vertex)
    if targets.kind is not None and targets.kind["events"]:
        yield _kind(targets.kind)
    if targets.inelasticity is not None and targets.inelasticity["groups"]:
        yield _inelasticity(targets.inelasticity)


def target_notes(targets: TargetEvaluations) -> Iterator[str]:
    """Yield what is left out of the tables."""
    for name, evaluation in targets.to_json().items():
        if missing := evaluation["without_estimate"]:
            yield f"left out, as there is a true {name} and no estimate of it: {_events(missing)}"
    if targets.vertex is not None and (others := targets.vertex["other_kinds"]):
        yield (
            f"vertices left out, as only those of starting tracks and cascades are places of light: {_events(others)} (the true vertex of a "
            "through-going track is where it enters the simulated volume)"
        )
    if targets.kind is not None and (others := targets.kind["other_kinds"]):
        yield f"left out of the kinds, as their true kind is unknown or none of these: {_events(others)}"


def _energy(energy: EnergyEvaluation) -> Table:
    rows = [
        (
            _label(name),
            f"{group['events']:,}",
            _figure(group["bias"], "+.3f"),
            _interval(group["bias"], "+.2f"),
            _figure(group["spread"], ".3f"),
            _figure(group["coverage"], ".1%"),
            _range(group["coverage"], 100.0),
            _figure(group["pull_width"], ".2f"),
        )
        for name, group in energy["groups"].items()
    ]
    caption = (
        "Energy: median (bias) and half the central 68 % (spread) of log10(E/E_true); events whose true energy is in the interval of 68 %, or within sigma, "
        "and the width of the pull, above 1 where sigma is too small. Groups by true energy have at least 20 events."
    )
    headings = ("group", "events", "bias", _INTERVAL, "spread", "within", _INTERVAL, "pull")
    return Table(headings, rows, caption)


def _vertex(vertex: VertexEvaluation) -> Table:
    rows = [
        (
            _label(name),
            f"{group['events']:,}",
            _figure(group["median_m"], ".1f"),
            _range(group["median_m"]),
            _figure(group["containment68_m"], ".1f"),
            _figure(group["along_m"], "+.1f"),
            _figure(group["across_m"], ".1f"),
        )
        for name, group in vertex["groups"].items()
    ]
    caption = (
        "Vertex: median and 68 % containment of its distance from the true one, medians of its offset along the direction of flight "
        "(ahead is positive), and of its distance from the true track, in m."
    )
    headings = ("group", "events", "median", _INTERVAL, "68 %", "along", "across")
    return Table(headings, rows, caption)


def _ellipsoids(vertex: VertexEvaluation) -> Table:
    rows = [
        (
            _label(name),
            f"{group['events']:,}",
            *(
                text
                for content in ELLIPSOIDS
                for text in (
                    _figure(group["inside"].get(content), ".1%"),
                    _range(group["inside"].get(content), 100.0),
                )
            ),
            _figure(group["pull_width"], ".2f"),
        )
        for name, group in vertex["groups"].items()
    ]
    caption = "Vertex: true vertices inside ellipsoids of the covariance, and the width of the pull, above 1 where covariances are too small."
    contents = [heading for content in ELLIPSOIDS for heading in (content.replace("%", " %"), _INTERVAL)]
    return Table(("group", "events", *contents, "pull"), rows, caption)


def _kind(kind: KindEvaluation) -> Table:
    rows = [
        (
            _label(name),
            f"{sum(counts.values()):,}",
            *_shares(kind, name),
            _figure(kind["kinds"][name]["area"], ".3f"),
            _interval(kind["kinds"][name]["area"], ".3f"),
        )
        for name, counts in kind["confusion"].items()
        if any(counts.values())
    ]
    accuracy = kind["accuracy"]
    caption = (
        "Kind: of each true kind, how many have which most probable kind, and the area under the ROC curve of its probability against all other kinds. "
        f"The most probable kind is right for {_figure(accuracy, '.1%')} [{_interval(accuracy, '.1%')}] of {kind['events']:,} events; "
        f"log loss {_figure(kind['log_loss'], '.3f')} [{_interval(kind['log_loss'], '.3f')}]; expected calibration error "
        f"{kind['calibration_error'] or 0.0:.1%}."
    )
    columns = [_label(name).replace(" track", "") for name in kind["confusion"]]
    return Table(("true kind", "events", *columns, "area", _INTERVAL), rows, caption)


def _shares(kind: KindEvaluation, true_kind: str) -> list[str]:
    """How many events of a true kind have which most probable kind; of their weight, where they have some."""
    counts = kind["confusion"][true_kind]
    if "shares" in kind:
        shares = kind["shares"].get(true_kind)
        return ["-"] * len(counts) if shares is None else [f"{share:.1%}" for share in shares.values()]
    return [f"{count / max(sum(counts.values()), 1):.1%}" for count in counts.values()]


def _inelasticity(inelasticity: InelasticityEvaluation) -> Table:
    rows = [
        (
            _label(name),
            f"{group['events']:,}",
            _figure(group["bias"], "+.3f"),
            _interval(group["bias"], "+.2f"),
            _figure(group["spread"], ".3f"),
            _figure(group["correlation"], ".2f"),
            _figure(group["coverage"], ".1%"),
            _figure(group["pull_width"], ".2f"),
        )
        for name, group in inelasticity["groups"].items()
    ]
    caption = (
        "Inelasticity: median (bias) and half the central 68 % (spread) of estimate minus truth, and their correlation; events whose true "
        "inelasticity is within sigma (68 % where it is right), and the width of the pull. Groups by true energy have at least 20 events."
    )
    return Table(("group", "events", "bias", _INTERVAL, "spread", "corr.", "within", "pull"), rows, caption)


def _events(count: int) -> str:
    return f"{count:,} event{'s' * (count != 1)}"


def _label(name: str) -> str:
    return name.replace("_", " ")


def _figure(figure: Measured | None, form: str) -> str:
    return "-" if figure is None or figure["value"] is None else format(figure["value"], form)


def _interval(figure: Measured | None, form: str) -> str:
    if figure is None or figure["least"] is None or figure["most"] is None:
        return "-"
    return f"{figure['least']:{form}} to {figure['most']:{form}}"


def _range(figure: Measured | None, scale: float = 1.0) -> str:
    """Return the interval of a positive figure, short."""
    if figure is None or figure["least"] is None or figure["most"] is None:
        return "-"
    return f"{scale * figure['least']:.0f}-{scale * figure['most']:.0f}"

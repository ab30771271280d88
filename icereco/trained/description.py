"""What is said of a trained model to people: its facts in words, and its figures as cells of a table."""

from collections.abc import Iterator

from icereco.trained.card import Figures, ModelCard
from icereco.trained.library import TrainedModel

__all__ = ["FIGURES_CAPTION", "FIGURES_HEADINGS", "facts_of", "figure_cells", "target_words"]

FIGURES_HEADINGS = ("data", "kind", "events", "median", "68 %", "in 50 %", "in 90 %")
FIGURES_CAPTION = "angular error in degrees; true directions inside the contours of 50 and 90 %"


def facts_of(model: TrainedModel) -> Iterator[tuple[str, str]]:
    """Each fact of the card with its label; a label is empty where the fact continues the one before."""
    card = model.card
    yield "origin", f"{model.origin}: {model.folder}"
    yield "detector", ", ".join(card.limits.detectors)
    yield "targets", target_words(card)
    yield "trained on", card.data if card.events is None else f"{card.events:,} {card.data}"
    if card.limits.energy_gev is not None:
        yield "energies", "{:.3g} to {:.3g} GeV".format(*card.limits.energy_gev)
    for number, text in enumerate(card.limits.not_trained_on):
        yield "" if number else "not trained on", text
    yield "profile", card.profile
    yield "made", ", ".join(_making(card))
    yield "licence", card.licence or "not said"
    yield "sha256", card.sha256


def target_words(card: ModelCard) -> str:
    """The names of the targets, without their units."""
    return ", ".join(target.removesuffix("_gev").removesuffix("_m") for target in card.targets)


def figure_cells(figures: tuple[Figures, ...]) -> Iterator[tuple[str, ...]]:
    """The cells of a row for each group of events, by `FIGURES_HEADINGS`; data are named once."""
    for before, row in zip((None, *figures), figures, strict=False):
        data = "" if before is not None and before.data == row.data else row.data
        inside = ["" if part is None else f"{part:.1%}" for part in (row.inside_50, row.inside_90)]
        errors = [f"{error:.2f}" for error in (row.median_deg, row.containment68_deg)]
        yield data, row.kind, f"{row.events:,}", *errors, *inside


def _making(card: ModelCard) -> Iterator[str]:
    yield f"{card.date} with icereco {card.icereco}"
    if card.seeds:
        yield f"seed {' '.join(map(str, card.seeds))}"
    if card.hours is not None:
        yield f"{card.hours:g} hours"
    if card.machine is not None:
        yield card.machine

"""Several trained models that reconstruct together."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, TypeVar

import numpy as np

from icereco.errors import IcerecoError
from icereco.events.averaging import averaged
from icereco.events.batch import EventBatch
from icereco.events.reconstruction import Reconstruction
from icereco.reconstruction.methods import Method

__all__ = ["ensemble"]

Value = TypeVar("Value")


def ensemble(members: Sequence[Method]) -> Method:
    """Return a method that averages the posteriors of several models, and whatever else they estimate.

    Models of the same profile that were trained with different seeds err differently; the average of their posteriors is
    wider where they disagree (deep ensembles: Lakshminarayanan et al., arXiv:1612.01474). docs/results.md has figures.

    >>> import icereco
    >>> both = icereco.ensemble([icereco.load_model("a"), icereco.load_model("b")])  # doctest: +SKIP

    Args:
        members: trained models, `icereco.load_model` gives them; one alone is returned as it is.

    Raises:
        IcerecoError: they are models of different detectors, or one of them gives directions without posterior.
    """
    first = members[0]
    if len(members) == 1:
        return first
    _require_alike(members)
    rounded = _all_or_none([member.rounded for member in members])
    again = _all_or_none([member.again for member in members])
    facts: dict[str, Any] = {"ensemble": [member.provenance for member in members]}
    known = [member.energy_range_gev for member in members]
    if all(known):  # outside of any of them the average is an extrapolation
        lowest, highest = np.array(known, float).T
        facts |= {"trained": {"energy_range_gev": [lowest.max(), highest.min()]}}
    return Method(
        name="ensemble",
        detector=first.detector,
        reconstruct=partial(_average, [member.reconstruct for member in members]),
        pulses_per_call=min(member.pulses_per_call for member in members),
        events_per_batch=min(member.events_per_batch for member in members),
        nothing=lambda: averaged([member.nothing() for member in members]),
        rounded=None if rounded is None else partial(_average, rounded),
        provenance=facts,
        again=None if again is None else partial(_ensemble_of, again),
    )


def _average(members: Sequence[Callable[[EventBatch], Reconstruction]], batch: EventBatch) -> Reconstruction:
    return averaged([reconstruct(batch) for reconstruct in members])


def _all_or_none(values: Sequence[Value | None]) -> list[Value] | None:
    known = [value for value in values if value is not None]
    return known if len(known) == len(values) else None


def _ensemble_of(members: Sequence[Callable[[], Method]]) -> Method:
    return ensemble([member() for member in members])


def _require_alike(members: Sequence[Method]) -> None:
    first = members[0]
    for member in members:
        if not np.array_equal(member.detector.position_m, first.detector.position_m):
            raise IcerecoError(
                f"an ensemble is of one detector, but {_label(first)} was trained for {first.detector.name} and "
                f"{_label(member)} for {member.detector.name}; give models of one of them"
            )
        if member.nothing().posterior is None:
            raise IcerecoError(
                f"{_label(member)} gives directions without a posterior, so that it cannot be averaged with others; give "
                "models whose loss has one, such as vmf (icereco plugins --kind loss)"
            )


def _label(member: Method) -> str:
    facts = member.provenance
    kind = next((kind for kind in ("run", "model", "checkpoint") if kind in facts), "method")
    return f"{kind} {facts.get(kind, member.name)}"

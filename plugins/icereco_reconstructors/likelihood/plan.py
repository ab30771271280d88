"""What is searched for the maxima of each event: from which directions, of which hypotheses, how thoroughly."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float
from numpy import ndarray

from icereco.events.batch import EventBatch
from icereco.events.reconstruction import Reconstruction
from icereco.events.truth import EVENT_KINDS
from icereco.physics.likelihood.sources import Hypothesis
from icereco_reconstructors.likelihood.search import NEAR, WHOLE_SKY, Schedule
from icereco_reconstructors.likelihood.seeds import first_directions, given_directions
from icereco_reconstructors.options import LikelihoodOptions

__all__ = ["KIND", "Plan", "plans"]

KIND = {"track": "through_track", "starting": "starting_track", "cascade": "cascade"}
"""The kind of event of each hypothesis."""

_LEAST_PROBABILITY = 0.05
"""A hypothesis whose kind a trained model takes for less probable is not fitted."""


@dataclass(frozen=True, slots=True)
class Plan:
    """A search, for some events of a batch.

    Attributes:
        events: for which.
        direction: of origin, to start from.
        hypotheses: which are fitted, by their numbers.
        schedule: of the climbs.
        log_prior: log of the prior probability of each hypothesis of the fit, up to a constant of the event.
    """

    events: Bool[ndarray, "event"]
    direction: Float[ndarray, "event seed 3"]
    hypotheses: tuple[int, ...]
    schedule: Schedule
    log_prior: Float[ndarray, "event hypothesis"]


def plans(
    batch: EventBatch,
    seeds: Sequence[Reconstruction],
    hypotheses: Sequence[Hypothesis],
    options: LikelihoodOptions,
) -> list[Plan]:
    """Return searches that together have each event once.

    Without seeds an event is searched from directions all over the sky. What a seed says is taken for what it is: directions
    drawn from a posterior are near the maxima, and the probabilities of kinds are a prior, so that improbable hypotheses are left out.
    """
    every, flat = tuple(range(len(hypotheses))), np.zeros((len(batch), len(hypotheses)))
    given, seeded = given_directions(seeds, options.samples, len(batch))
    found = [Plan(~seeded, first_directions(batch, options.seed_count), every, WHOLE_SKY, flat)]
    schedule = NEAR if any(seed.posterior is not None for seed in seeds) else WHOLE_SKY
    prior = _prior(seeds, hypotheses)
    if len(hypotheses) == 1 or prior is None:
        return [*found, Plan(seeded, given, every, schedule, flat)]
    probable = (prior >= _LEAST_PROBABILITY) | (prior == prior.max(1, keepdims=True))
    log_prior = np.log(np.maximum(prior, _LEAST_PROBABILITY))
    for chosen in np.unique(probable[seeded], axis=0):
        events = seeded & (probable == chosen).all(1)
        found.append(Plan(events, given, tuple(np.flatnonzero(chosen).tolist()), schedule, log_prior))
    return found


def _prior(
    seeds: Sequence[Reconstruction], hypotheses: Sequence[Hypothesis]
) -> Float[ndarray, "event hypothesis"] | None:
    """Return the mean of what the seeds say of the kinds; equal where none says anything of an event, None if of no event."""
    said = [seed.kind_probability for seed in seeds if seed.kind_probability is not None]
    if not said:
        return None
    columns = [EVENT_KINDS.index(KIND[hypothesis.name]) for hypothesis in hypotheses]
    known = np.stack(said)[..., columns]
    usable = np.isfinite(known).all(2)
    count = usable.sum(0)[:, None]
    total = np.where(usable[..., None], known, 0.0).sum(0)
    return np.asarray(np.where(count > 0, total / np.maximum(count, 1), 1.0 / len(columns)))

"""Are the targets other than the direction in range and complete, and do the vertices lie where the light is?"""

from collections.abc import Iterator

import numpy as np
from jaxtyping import Bool, Float
from numpy import ndarray

from icereco.doctor.direction import light_centre
from icereco.doctor.finding import Finding, cannot_tell, good
from icereco.doctor.sample import Sample
from icereco.events.truth import EVENT_KINDS, TARGETS, Truth
from icereco.tables.assembly import truth_of

__all__ = ["check_targets", "check_vertex"]

_LEAST_EVENTS, _ENOUGH_EVENTS = 10, 100
_NEAR, _ALIKE = 0.8, 0.95
"""Distance of an event's light to its own vertex, over that to another's: below the first the vertices lie where the light
is, above the second they do not."""
_THROUGH = EVENT_KINDS.index("through_track")


def check_targets(sample: Sample) -> list[Finding]:
    """Energies are positive, inelasticities from 0 to 1, kinds known by name; what is missing is counted."""
    truth = truth_of(sample.table)
    present = [] if truth is None else [target for target in TARGETS[1:] if target in truth.targets]
    if truth is None or not present:
        return [cannot_tell("targets", "there is no truth other than the direction")]
    findings = [*_out_of_range(truth), *_strange_kinds(truth), *_missing(truth)]
    known = ", ".join(f"{target} of {int(truth.known(target).sum()):,}" for target in present)
    evidence = f"known of {len(sample):,} events: {known}"
    return findings or [good("targets", "energy, kind, vertex and inelasticity are in range", evidence)]


def _out_of_range(truth: Truth) -> Iterator[Finding]:
    energy, inelasticity = truth.energy_gev, truth.inelasticity
    if energy is not None and (bad := energy <= 0).any():
        yield _wrong("energy", energy[bad], "greater than 0 GeV", "log10 of the energy, or -1 for unknown")
    if inelasticity is not None and (bad := (inelasticity < 0) | (inelasticity > 1)).any():
        yield _wrong("inelasticity", inelasticity[bad], "[0, 1]", "-1 for unknown, or an energy in GeV")


def _wrong(name: str, bad: Float[ndarray, "value"], allowed: str, cause: str) -> Finding:
    evidence = f"{name} from {bad.min():.3g} to {bad.max():.3g}; allowed: {allowed}"
    fix = "convert the column; make unknown values null"
    return Finding("targets", "error", f"{name} is out of range in {len(bad):,} events", evidence, cause, fix)


def _strange_kinds(truth: Truth) -> Iterator[Finding]:
    if truth.kind is None:
        return
    names, counts = np.unique(truth.kind[truth.known("kind")].astype(str), return_counts=True)
    strange = {name: count for name, count in zip(names, counts, strict=True) if name not in EVENT_KINDS}
    if strange:
        yield Finding(
            "targets",
            "warning",
            f"{len(strange)} kind{'' if len(strange) == 1 else 's'} of events that icereco does not know",
            "; ".join(f"{name}: {count:,} events" for name, count in strange.items()),
            "other names, or kinds such as noise",
            f"rename them to {', '.join(EVENT_KINDS)}, unless they are something else: they are learned as unknown",
        )


def _missing(truth: Truth) -> Iterator[Finding]:
    unknown = {target: int(_unknown(truth, target).sum()) for target in truth.targets[1:]}
    some = {target: count for target, count in unknown.items() if count}
    if some:
        yield Finding(
            "targets",
            "warning",
            f"values are missing in {', '.join(some)}",
            "; ".join(
                f"{name}: {count:,} of {len(truth.direction):,} unknown" for name, count in some.items()
            ),
            "a join that found no partner, or a quantity that only some events have",
            "nothing, if these values cannot be known: training leaves unknown values out",
        )


def _unknown(truth: Truth, target: str) -> Bool[ndarray, "event"]:
    """Which values are missing; a muon from outside has no inelasticity that its light would show."""
    missing = ~truth.known(target)  # type: ignore[arg-type]  # one of its targets
    if target == "inelasticity" and truth.kind is not None:
        missing &= truth.kind != EVENT_KINDS[_THROUGH]
    return missing


def check_vertex(sample: Sample) -> Finding:
    """Compare each vertex with where its event's light is, and with where the next event's light is."""
    truth = sample.events.truth
    if truth is None or truth.vertex_m is None:
        return cannot_tell("vertex", "there are no true vertices")
    here = truth.known("vertex_m")
    if truth.kind is not None:  # a muon from outside enters far from most of its light
        here &= truth.kind != EVENT_KINDS[_THROUGH]
    if here.sum() < _LEAST_EVENTS:
        return cannot_tell("vertex", f"fewer than {_LEAST_EVENTS} events begin inside; give more events")
    return _compared(truth.vertex_m[here], light_centre(sample.events)[here])


def _compared(vertex: Float[ndarray, "event 3"], light: Float[ndarray, "event 3"]) -> Finding:
    shift = np.median(vertex - light, axis=0)
    own, moved, neighbour = (
        np.linalg.norm(offset, axis=1)
        for offset in (vertex - light, vertex - light - shift, np.roll(vertex, 1, axis=0) - light)
    )
    near, away = float(np.median(own)), float(np.median(neighbour))
    evidence = (
        f"the vertices of {len(vertex):,} events lie {near:.0f} m from the centre of their light (median), those of the "
        f"events before them {away:.0f} m"
    )
    if np.median(moved) < near / 3:
        return _shifted(shift, f"{evidence}; {np.median(moved):.0f} m without the shift")
    if near < _NEAR * away:
        return good("vertex", "the vertices lie where the light is", evidence)
    if len(vertex) < _ENOUGH_EVENTS or near < _ALIKE * away:
        return cannot_tell("vertex", evidence, "examine more events with --events")
    cause = "vertices of other events, or another unit"
    what = "the vertices are unrelated to the light"
    return Finding("vertex", "error", what, evidence, cause, "correct vertex_x, vertex_y and vertex_z")


def _shifted(shift: Float[ndarray, "3"], evidence: str) -> Finding:
    place = ", ".join(f"{value:.0f}" for value in shift)
    return Finding(
        "vertex",
        "error",
        f"the vertices are shifted by ({place}) m relative to the light",
        evidence,
        "vertices in coordinates with another origin than that of the sensors",
        "subtract the shift from vertex_x, vertex_y and vertex_z",
    )

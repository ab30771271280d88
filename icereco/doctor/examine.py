"""All checks, one after the other."""

from collections.abc import Callable, Iterable

import numpy as np

from icereco.doctor.checksums import check_checksums
from icereco.doctor.direction import check_direction
from icereco.doctor.events import check_borders, check_empty, check_ids, check_leakage
from icereco.doctor.files import FileWork
from icereco.doctor.finding import Finding
from icereco.doctor.flags import check_auxiliary
from icereco.doctor.geometry import check_order, check_sensors, check_shift
from icereco.doctor.sample import Sample
from icereco.doctor.targets import check_targets, check_vertex
from icereco.doctor.truth import check_columns, check_truth_range
from icereco.doctor.units import check_charge, check_time

__all__ = ["CHECKS", "examine"]

Check = Callable[[Sample], Finding | list[Finding]]

CHECKS: tuple[Check, ...] = (
    check_ids,
    check_empty,
    check_borders,
    check_leakage,
    check_sensors,
    check_order,
    check_shift,
    check_time,
    check_charge,
    check_auxiliary,
    check_truth_range,
    check_direction,
    check_targets,
    check_vertex,
    check_columns,
)
"""In the order in which findings are reported; none depends on another."""


def examine(sample: Sample, work: FileWork | None = None) -> list[Finding]:
    """Return the findings of every check, after that of reading.

    Args:
        sample: the events.
        work: compares the checksums of files; None for this process.
    """
    findings = [_reading(sample), *check_checksums(sample, work)]
    with np.errstate(over="ignore"):  # damaged values may be too large for their squares
        for check in CHECKS if len(sample) else ():
            findings += _listed(check(sample))
    return findings


def _listed(result: Finding | Iterable[Finding]) -> list[Finding]:
    return [result] if isinstance(result, Finding) else list(result)


def _reading(sample: Sample) -> Finding:
    evidence = f"{len(sample):,} of {sample.total:,} events by reader {sample.source.reader_name!r}"
    if sample.problem is None:
        return Finding("reading", "ok", "the events can be read", evidence)
    return Finding(
        "reading",
        "error",
        "not all events can be read",
        f"{sample.problem} (after {evidence})",
        "a damaged file, tables that do not belong together, another detector, or an index of pulses that ends one too "
        "late or too early (Kaggle's last_pulse_index is inclusive)",
        "fix the file as the message says; the other checks cover what could be read",
    )

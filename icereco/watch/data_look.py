"""A look into data: histograms of some events, and what the doctor finds."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from icereco.data.catalog import DataSet
from icereco.doctor.finding import Finding
from icereco.doctor.sample import Sample, detector_for, take_sample
from icereco.draw.histograms import Histogram
from icereco.errors import IcerecoError

__all__ = ["DataLook", "look_into"]

EXAMINED, LOOKED_AT = 10_000, 2_000
"""Events that the doctor reads, and that a first look takes."""


@dataclass(frozen=True, slots=True, eq=False)
class DataLook:
    """What a look into data has shown.

    Attributes:
        place: the file or folder.
        histograms: of pulses, energy and zenith, as far as they are known.
        events, total: how many were read, and how many there are.
        findings: the doctor's; None where it was not asked.
        problem: why events could not be read; None if they could.
    """

    place: Path
    histograms: tuple[Histogram, ...] = ()
    events: int = 0
    total: int = 0
    findings: tuple[Finding, ...] | None = None
    problem: str | None = None


def look_into(data: DataSet, *, thoroughly: bool = False) -> DataLook:
    """Read some events from all over the data; `thoroughly` the doctor examines more of them, which takes seconds."""
    try:
        source = data.open()
        sample = take_sample(
            source, detector_for(source, data.detector), EXAMINED if thoroughly else LOOKED_AT
        )
        findings = _findings(sample) if thoroughly else None
    except IcerecoError as error:
        return DataLook(data.path, problem=str(error))
    problem = str(sample.problem) if sample.problem else None
    return DataLook(data.path, _histograms(sample), len(sample), sample.total, findings, problem)


def _findings(sample: Sample) -> tuple[Finding, ...]:
    from icereco.doctor.examine import examine  # a first look needs none of the checks

    return tuple(examine(sample))


def _histograms(sample: Sample) -> tuple[Histogram, ...]:
    if not len(sample):
        return ()
    histograms = [Histogram("pulses", np.diff(sample.offsets).astype(np.float64), log=True)]
    if (energy := sample.column("energy")) is not None:
        histograms.append(Histogram("energy [GeV]", energy, log=True))
    if (zenith := sample.column("zenith")) is not None:
        histograms.append(Histogram("zenith [°]", np.degrees(zenith)))
    return tuple(histograms)

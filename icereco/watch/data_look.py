"""A look into data: histograms of some events, and what the doctor finds."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from icereco.data.catalog import DataSet
from icereco.detector.detector import Detector, load_detector
from icereco.doctor.finding import Finding
from icereco.doctor.sample import Sample, detector_for, take_sample
from icereco.draw.histograms import Histogram
from icereco.errors import IcerecoError
from icereco.physics.sphere import opening_angle
from icereco.physics.vmf import angular_sigma
from icereco.watch.reconstructions import TRUTH, inputs_of, read_reconstructions

__all__ = ["DataLook", "look_into", "look_into_output"]

EXAMINED, LOOKED_AT = 10_000, 2_000
"""Events that the doctor reads, and that a first look takes."""


@dataclass(frozen=True, slots=True, eq=False)
class DataLook:
    """What a look into data has shown.

    Attributes:
        place: the file or folder.
        histograms: of pulses, energy and zenith, or of errors, as far as they are known.
        events, total: how many were read, and how many there are.
        findings: the doctor's; None where it was not asked.
        problem: why events could not be read; None if they could.
        detector: of the events; None where it is not known.
    """

    place: Path
    histograms: tuple[Histogram, ...] = ()
    events: int = 0
    total: int = 0
    findings: tuple[Finding, ...] | None = None
    problem: str | None = None
    detector: Detector | None = None


def look_into(data: DataSet, *, thoroughly: bool = False) -> DataLook:
    """Read some events from all over the data; `thoroughly` the doctor examines more of them, which takes seconds."""
    try:
        source = data.open()
        detector = detector_for(source, data.detector)
        sample = take_sample(source, detector, EXAMINED if thoroughly else LOOKED_AT)
        findings = _findings(sample) if thoroughly else None
    except IcerecoError as error:
        return DataLook(data.path, problem=str(error))
    problem = str(sample.problem) if sample.problem else None
    return DataLook(data.path, _histograms(sample), len(sample), sample.total, findings, problem, detector)


def look_into_output(path: Path) -> DataLook:
    """Read a file of reconstructions: how far they are from the truth, how certain they say they are, and what they say."""
    try:
        main, *others = read_reconstructions(path)
        detector = _detector_of_output(path)
    except IcerecoError as error:
        return DataLook(path, problem=str(error))
    truth = next((other for other in others if other.name == TRUTH), None)
    histograms = []
    if truth is not None:
        true_direction, _ = truth.aligned(main.event_id)
        error_rad = opening_angle(main.direction, true_direction)
        histograms.append(Histogram("error [°]", np.degrees(error_rad), log=True))
    if np.isfinite(main.kappa).any():
        histograms.append(Histogram("σ [°]", np.degrees(angular_sigma(main.kappa)), log=True))
    histograms.append(Histogram("zenith [°]", np.degrees(np.arccos(np.clip(main.direction[:, 2], -1, 1)))))
    if (energy := main.quantities.get("energy_gev")) is not None:
        histograms.append(Histogram("energy [GeV]", energy, log=True))
    return DataLook(path, tuple(histograms), main.count, len(main.event_id), detector=detector)


def _detector_of_output(path: Path) -> Detector | None:
    name = next((data.detector for data in inputs_of(path)), None)
    try:
        return load_detector(name) if name else None
    except IcerecoError:  # its card is not on this machine
        return None


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

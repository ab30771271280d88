"""The part of `icereco calibrate` for methods without training, whose calibration is a file of its own."""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from icereco.cli.nothing_fitted import nothing_fitted
from icereco.errors import IcerecoError

if TYPE_CHECKING:
    from icereco.data.catalog import DataSet
    from icereco.detector.detector import Detector
    from icereco.events.batch import EventBatch
    from icereco.training.calibration import UnseenEvents

__all__ = ["calibrate_method"]

_MOST_COMPONENTS = 512
"""Fits have a density for each maximum and its shape, over a hundred at times: all keep their places, and get other widths."""


def calibrate_method(
    method: str,
    data: "DataSet",
    batches: "Callable[[Detector], Iterable[EventBatch]]",
    output: Path | None,
    device: str | None,
) -> "UnseenEvents":
    """Fit the uncertainties of a method to events, write the file, and return the events.

    Args:
        method: its name, maybe with options.
        data: the events.
        batches: yields them for a detector.
        output: the file.
        device: as for `icereco.system.devices.find_device`.

    Raises:
        IcerecoError: there is no such method, no file to write, or too little to fit.
    """
    from icereco.reconstruction.calibration_file import CalibrationFile
    from icereco.reconstruction.wanted import Wanted
    from icereco.training.calibration import unseen_by

    if output is None or output.suffix.lower() != ".json":
        raise IcerecoError("say where to write the calibration of a method: -o OUT.json")
    used = Wanted(method=method, device=device).choice([data], [data.open()]).method
    used = used.uncalibrated or used
    data.require_detector(used.detector)
    seen = unseen_by(used, batches(used.detector), _MOST_COMPONENTS)
    fitted = None if seen is None else seen.recalibrations()
    if seen is None or not fitted:
        raise nothing_fitted(
            f"the method {method} gives directions alone, without uncertainties", data.path, seen
        )
    facts = {"data": str(data.path.resolve()), "events": len(seen), "seeds": used.provenance.get("seeds", [])}
    CalibrationFile.of(used, fitted, facts).write(output)
    return seen

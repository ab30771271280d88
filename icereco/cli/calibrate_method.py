"""The part of `icereco calibrate` for methods without training, whose calibration is a file of its own."""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING

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
        raise _nothing_fitted(method, data.path, seen)
    facts = {"data": str(data.path.resolve()), "events": len(seen), "seeds": used.provenance.get("seeds", [])}
    CalibrationFile.of(used, fitted, facts).write(output)
    return seen


def _nothing_fitted(method: str, data: Path, seen: "UnseenEvents | None") -> IcerecoError:
    from icereco.evaluation.recalibrate import LEAST_EVENTS

    if (
        seen is not None
        and seen.made.posterior is None
        and not any(values is not None for values in seen.made.quantities.values())
    ):
        return IcerecoError(
            f"the method {method} gives directions alone, without uncertainties, so there is nothing to calibrate"
        )
    return IcerecoError(
        f"{data}: of {0 if seen is None else len(seen):,} events too few have an estimate with an uncertainty and a known truth; to calibrate "
        f"takes at least {LEAST_EVENTS}; give --data with more, or a larger --events"
    )

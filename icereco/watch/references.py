"""What quick methods reach on the validation events of a run: lines to compare its curves with."""

from collections.abc import Mapping
from pathlib import Path

from icereco.errors import IcerecoError
from icereco.runs.folder import RunFolder

__all__ = ["REFERENCE", "reference_of"]

REFERENCE = "linefit"
"""The method that is shown; a training writes what it says of each validation event."""


def reference_of(path: Path) -> Mapping[str, float] | None:
    """Figures of `REFERENCE` by the metrics of the run that they belong to, such as "validation/median_deg".

    None before the first validation; empty where the method or the truth is missing, or the file is damaged.
    """
    file = RunFolder(path).validation
    if not file.is_file():
        return None
    from icereco.evaluation.angular_figures import angular_figures
    from icereco.physics.sphere import opening_angle
    from icereco.tables.saved_reconstructions import read_reconstructions

    try:
        saved = read_reconstructions(file)
    except IcerecoError:
        return {}
    if saved.truth is None or REFERENCE not in saved.comparisons:
        return {}
    error = opening_angle(saved.comparisons[REFERENCE].direction, saved.truth.direction)
    figures = angular_figures(error, saved.pulses_total, saved.truth)
    return {f"validation/{name}": value for name, value in figures.items()}

"""Why `icereco calibrate` found nothing to fit."""

from pathlib import Path
from typing import TYPE_CHECKING

from icereco.errors import IcerecoError

if TYPE_CHECKING:
    from icereco.training.calibration import UnseenEvents

__all__ = ["nothing_fitted"]


def nothing_fitted(without: str, data: Path, seen: "UnseenEvents | None") -> IcerecoError:
    """The error to raise.

    Args:
        without: says what gives no uncertainties, if nothing of the events has one.
        data: the events.
        seen: those that were reconstructed; None without any.
    """
    from icereco.evaluation.recalibrate import LEAST_EVENTS

    if (
        seen is not None
        and seen.made.posterior is None
        and not any(values is not None for values in seen.made.quantities.values())
    ):
        return IcerecoError(f"{without}, so there is nothing to calibrate")
    return IcerecoError(
        f"{data}: of {0 if seen is None else len(seen):,} events too few have an estimate with an uncertainty and a known truth; to calibrate "
        f"takes at least {LEAST_EVENTS}; give --data with more, or a larger --events"
    )

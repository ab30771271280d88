"""What `icereco train` says at its end: how good the model is, and what to type next."""

from typing import TYPE_CHECKING

from icereco.cli.echo import echo
from icereco.errors import IcerecoError
from icereco.system.log import get_logger

if TYPE_CHECKING:
    from icereco.training.session import Session

__all__ = ["say_what_next"]

logger = get_logger(__name__)

_LEAST_REPORTED = 100
"""Validation events from which on a training writes a report by itself."""


def say_what_next(session: "Session", finished: bool) -> None:
    """Show the errors on the validation events, and write the report; or say how to continue."""
    run = session.run
    if not finished:
        logger.warning(
            "stopped after step %d; continue with:\n  icereco train --resume %s",
            session.position.step,
            run.name,
        )
        return
    if run.provenance().get("self_supervised"):
        logger.info("finished: pre-trained; everything is in %s", run.path)
        echo(f"Next:\n  icereco train --profile hierarchical --from {run.name} --data LABELLED.parquet")
        return
    from icereco.cli.evaluate import show

    show(run.validation)
    best = session.position.best_median_deg
    error = "no validation event has a direction"
    if best is not None:
        error = f"median angular error {best:.2f}° at the lowest validation loss"
    logger.info("finished: %s; everything is in %s", error, run.path)
    _report(session)
    echo(f"Next:\n  icereco evaluate {run.name}\n  icereco reconstruct EVENTS.parquet --run {run.name}")


def _report(session: "Session") -> None:
    """Write the report of the training, unless it validated too few events to say much."""
    if session.material.facts["validation_events"] < _LEAST_REPORTED:
        return
    from icereco.cli.report import write_report

    try:
        logger.info("report: %s", write_report(session.run))
    except IcerecoError as error:  # the training itself is complete
        logger.warning("no report was written: %s; try again with icereco report %s", error, session.run.name)

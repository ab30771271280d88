"""Whether the data know the targets of a model's losses."""

from collections.abc import Collection
from typing import cast

from icereco.errors import IcerecoError
from icereco.events.batch import EventBatch
from icereco.model.model import Model
from icereco.model.several_losses import DIRECTION, SeveralLosses
from icereco.protocols import Loss
from icereco.tables.schema import TARGET_COLUMNS

__all__ = ["require_targets"]


def require_targets(model: Model, batch: EventBatch) -> None:
    """Check that the data have the columns of every target that the losses need.

    Args:
        model: its losses say their targets.
        batch: any events of the data.

    Raises:
        IcerecoError: names the losses, the columns that they need, and how to train without these losses.
    """
    known = () if batch.truth is None else batch.truth.targets
    lacking = {
        name: missing
        for name, loss in _losses(model).items()
        if (missing := [target for target in loss.targets if target not in known])
    }
    if not lacking:
        return
    targets = [target for missing in lacking.values() for target in missing]
    tables = ["[loss]" if name == DIRECTION else f"[losses.{name}]" for name in lacking]
    raise IcerecoError(
        f"{', '.join(tables)} {'needs' if len(tables) == 1 else 'need'} the true {', '.join(targets)}, and the data lack "
        f"the columns {', '.join(name for target in targets for name in TARGET_COLUMNS[target])}; the data have: "
        f"{', '.join(known) or 'no truth'}. {_advice(lacking)}"
    )


def _losses(model: Model) -> dict[str, Loss]:
    if isinstance(model.loss, SeveralLosses):
        return {name: cast("Loss", loss) for name, loss in model.loss.losses.items()}
    return {DIRECTION: model.loss}


def _advice(losses: Collection[str]) -> str:
    if DIRECTION in losses:  # no model goes without it
        return "Train on data with true directions"
    options = " ".join(f"-o losses.{name}.weight=0" for name in losses)
    return f"Train without {'it' if len(losses) == 1 else 'them'}: {options}; or train on other data"

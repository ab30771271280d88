"""`icereco train --find-rate`: how the loss goes with the learning rate, and which one to train with."""

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from rich import box
from rich.table import Table

from icereco.cli.console import Console
from icereco.cli.echo import echo
from icereco.cli.train_progress import stages_of, training_progress
from icereco.runs.folder import RunFolder
from icereco.system.signals import interrupted_by_signals

if TYPE_CHECKING:
    import torch

    from icereco.profiles import Profile
    from icereco.training.data_choice import DataChoice
    from icereco.training.rate_search import RateSearch
    from icereco.training.start import Start

__all__ = ["find_rate"]

STEPS = 150
_ROWS = 16


def find_rate(
    profile: "Profile", start: "Start | None", data: "list[DataChoice]", device: "torch.device"
) -> None:
    """Train for some steps with growing rates, print the losses, and say what to type; no run is kept."""
    from icereco.training.observer import Observers
    from icereco.training.rate_search import search_rate, steps_of
    from icereco.training.session import begin

    with interrupted_by_signals(), tempfile.TemporaryDirectory() as folder, training_progress() as progress:
        run = RunFolder.create(Path(folder), "rates")
        with begin(profile, data, run, stages_of(progress), device, start=start) as session:
            progress.start()
            bar = progress.add_task("searching", total=STEPS, note="steps")
            found = search_rate(
                steps_of(session.trainer(Observers())), STEPS, lambda one: progress.advance(bar, one)
            )
            progress.update(bar, completed=STEPS)
    _print(found, profile)


def _print(found: "RateSearch", profile: "Profile") -> None:
    table = Table(box=box.SIMPLE_HEAD, title_justify="left")
    rates = _rates(profile)
    for name in rates:
        table.add_column(name, justify="right")
    table.add_column("loss", justify="right")
    count = len(found.factors)
    for row in sorted({round(i * (count - 1) / (_ROWS - 1)) for i in range(_ROWS)}):
        factor = found.factors[row]
        table.add_row(*(f"{rate * factor:.2g}" for rate in rates.values()), f"{found.losses[row]:.3f}")
    Console(highlight=False).print(table)
    options = " ".join(f"-o train.{name}={rate * found.suggested:.2g}" for name, rate in rates.items())
    echo(
        f"The loss is lowest at {found.turning:.2g} times the rates of the profile {profile.name}. A whole training is safe at a "
        f"fifth of that; in place of --find-rate:\n  {options}"
    )


def _rates(profile: "Profile") -> dict[str, float]:
    """The rates that the profile trains with, by the names of their options."""
    options = profile.train
    rates = {"learning_rate": options.learning_rate}
    return rates | ({"muon_learning_rate": options.muon_learning_rate} if options.optimizer == "muon" else {})

"""The command line. Each command is a module that is imported only when its command runs."""

import os

import click
from click.shell_completion import add_completion_class

from icereco import __version__
from icereco.cli.bash import BashWithAssignments
from icereco.cli.echo import open_missing_streams, write_what_can_be_encoded
from icereco.cli.group import LazyGroup
from icereco.system import log
from icereco.system.open_files import allow_many_open_files

__all__ = ["main"]

COMMANDS = {
    "train": ("icereco.cli.train", "Train a model from a profile."),
    "reconstruct": ("icereco.cli.reconstruct", "Reconstruct the events of files."),
    "follow": ("icereco.cli.follow", "Reconstruct files as they arrive in a folder."),
    "serve": ("icereco.cli.serve", "Reconstruct events that are sent over HTTP."),
    "certify": ("icereco.cli.certify", "Say whether this machine keeps up with a detector."),
    "evaluate": ("icereco.cli.evaluate", "Measure the angular error of a reconstruction."),
    "calibrate": ("icereco.cli.calibrate", "Fit the posteriors of a trained model to other events."),
    "export": ("icereco.cli.export", "Write a trained model for programs without icereco."),
    "report": ("icereco.cli.report", "Write a report of a training or a reconstruction as one page."),
    "view": ("icereco.cli.view", "Draw one event, also for papers."),
    "skymap": ("icereco.cli.skymap", "Map how sure a reconstruction is of a direction."),
    "likelihood": ("icereco.cli.likelihood.group", "Map the likelihood of one event over the sky."),
    "compare": ("icereco.cli.compare", "Compare trainings on the same events."),
    "sweep": ("icereco.cli.sweep", "Train a small grid of settings and rank it."),
    "simulate": ("icereco.cli.simulate", "Simulate events of a detector."),
    "doctor": ("icereco.cli.doctor", "Examine data: conventions, units, duplicates, truth."),
    "data": ("icereco.cli.data.group", "Data sets by name: add, show, convert."),
    "detectors": ("icereco.cli.detectors", "List detector cards and draw one."),
    "tui": ("icereco.cli.tui", "Watch trainings and events in the terminal, or in a browser."),
    "tail": ("icereco.cli.tail", "Print the state and metrics of a training, once or as it runs."),
    "runs": ("icereco.cli.runs", "List trainings and their states."),
    "models": ("icereco.cli.models", "List trained models: those that come with icereco, and yours."),
    "plugins": ("icereco.cli.plugins.list", "List installed components and plugins."),
    "profiles": ("icereco.cli.profiles", "List, show and check profiles."),
}
"""Name of a command: its module, which has the click command as `command`, and its line in the help."""

add_completion_class(BashWithAssignments)


@click.group(cls=LazyGroup, lazy_commands=COMMANDS, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="icereco")
@click.option("--no-plugins", is_flag=True, help="Use only the components that ship with icereco.")
@click.option("-v", "--verbose", is_flag=True, help="Say more, and show where an error came from.")
def main(no_plugins: bool, verbose: bool) -> None:
    """Reconstruct the direction of neutrinos from the light in a neutrino telescope."""
    open_missing_streams()
    write_what_can_be_encoded()
    allow_many_open_files()
    log.configure(verbose=verbose)
    # Threads that spin while they wait make torch many times slower on a machine that others use too, and threads that
    # sleep at once make the short operations of a training step half as fast on one of its own: spin for some µs.
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    os.environ.setdefault("GOMP_SPINCOUNT", "10000")
    os.environ.setdefault("PYTHONSAFEPATH", "1")  # no child imports from the working folder
    if no_plugins:
        os.environ["ICERECO_NO_PLUGINS"] = "1"

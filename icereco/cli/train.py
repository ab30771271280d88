"""`icereco train`: from a profile to a trained model in a run folder."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from rich.progress import Progress

from icereco.cli import completion
from icereco.cli.compute import device_option, threads_option
from icereco.cli.drop_option import drop_unknown_option
from icereco.cli.find_rate import find_rate as show_rates
from icereco.cli.train_compute import (
    device_of_task,
    dismiss_torchrun,
    follow_torchrun,
    leading_ranks,
    number_of_processes,
    processes_option,
    require_one_task,
    shard_option,
    threads_of_training,
    wants_shards,
)
from icereco.cli.train_end import say_what_next
from icereco.cli.train_progress import stages_of, training_progress
from icereco.errors import INTERRUPTED, IcerecoError
from icereco.runs.folder import RunFolder, resolve, runs_dir
from icereco.system.batch_tasks import torchrun_task
from icereco.system.log import get_logger
from icereco.system.signals import interrupted_by_signals

if TYPE_CHECKING:
    import torch

    from icereco.profiles import Profile
    from icereco.training.data_choice import DataChoice
    from icereco.training.datasets import Stages
    from icereco.training.division import Division
    from icereco.training.session import Session
    from icereco.training.start import Start
    from icereco.training.wandb import Tracker

    _Opening = Callable[[Stages, torch.device, Division], AbstractContextManager[Session]]

__all__ = ["chosen_data", "command", "cut_data"]

logger = get_logger(__name__)


@click.command("train")
@click.option(
    "--profile",
    "profile_name",
    metavar="NAME|FILE",
    help="What to train and how; list them with: icereco profiles  [default: hierarchical, or that of --from].",
    shell_complete=completion.profiles,
)
@click.option(
    "--from",
    "from_model",
    metavar="CHECKPOINT|RUN|MODEL",
    help="Start from the weights of a trained model: a checkpoint file, the best of a run, or a model by name (icereco models).",
    shell_complete=completion.runs_or_models,
)
@click.option(
    "--data",
    multiple=True,
    metavar="NAME|PATH[=WEIGHT]",
    help="Events with truth: a data set by name (icereco data) or a path; may be repeated, with a weight: how often an epoch sees each event  "
    "[default: simulate what the profile asks for, once].",
    shell_complete=completion.data,
)
@click.option(
    "--reader",
    metavar="READER",
    help="What reads --data, such as graphnet-sqlite or graphnet-sqlite:pulse_map=NAME  "
    "[default: as declared, or detected automatically].",
    shell_complete=completion.readers,
)
@click.option(
    "--skip-bad",
    is_flag=True,
    help="Leave bad events and damaged files out, and list them in the run folder.",
)
@drop_unknown_option
@click.option(
    "--where",
    metavar="CONDITION",
    help='Train on, and validate with, only the events for which this is true, in SQL: "energy > 1e4 and pulses >= 50".',
)
@click.option(
    "-o",
    "overrides",
    multiple=True,
    metavar="ROLE.KEY=VALUE",
    help="Change a value of the profile, such as -o train.epochs=2; may be repeated.",
    shell_complete=completion.overrides,
)
@click.option("--name", metavar="NAME", help="Name of the run  [default: profile-data-version-words].")
@click.option(
    "--runs-dir",
    type=click.Path(path_type=Path, file_okay=False),
    default=runs_dir,
    show_default="runs",
    help="Folder of the runs.",
)
@click.option(
    "--resume",
    "resumed",
    metavar="RUN",
    help="Continue a run that was stopped.",
    shell_complete=completion.runs,
)
@click.option(
    "--resume-or-start",
    is_flag=True,
    help="Continue the run --name if it has begun, else begin it: the same line each time, as batch systems want it.",
)
@click.option(
    "--find-rate",
    is_flag=True,
    help="Only take some steps with growing learning rates, show how the loss goes, and say which rate to train with.",
)
@click.option(
    "--wandb",
    "tracking",
    type=click.Choice(["online", "offline", "disabled"]),
    help="Track with Weights & Biases  [default: not at all, or as WANDB_MODE says].",
)
@click.option("--wandb-project", metavar="NAME", help="Project of Weights & Biases  [default: icereco].")
@click.option("--sweep", "of_sweep", is_flag=True, hidden=True)  # as icereco sweep starts it
@click.option("--tag", "tags", multiple=True, metavar="TAG", help="Tag in Weights & Biases; may be repeated.")
@device_option
@threads_option
@processes_option
@shard_option
def command(
    profile_name: str | None,
    from_model: str | None,
    data: tuple[str, ...],
    reader: str | None,
    skip_bad: bool,
    drop_unknown_sensors: bool,
    where: str | None,
    overrides: tuple[str, ...],
    name: str | None,
    runs_dir: Path,
    resumed: str | None,
    resume_or_start: bool,
    find_rate: bool,
    tracking: Any,
    wandb_project: str | None,
    tags: tuple[str, ...],
    of_sweep: bool,
    device: str | None,
    threads: int | None,
    processes: int | None,
    shard: bool | None,
) -> None:
    """Train a model.

    Without --data it simulates the events that the profile asks for and keeps them for the next time. Everything the
    training writes is in runs/NAME. Ctrl-C, or a signal that ends programs, finishes the step, saves, and says how to
    continue; the exit status is then 130.

    \b
    icereco train                                      the reference model on simulated events
    icereco train --profile quick                      a small one, in about a minute
    icereco train --data my_events.parquet -o train.epochs=5
    icereco train --data tracks --data cascades=0.3    all tracks, and another 30 % of the cascades in each epoch
    icereco train --data my_events.parquet --where "energy > 1e4 and pulses >= 50"
    icereco train --from RUN --data my_events.parquet -o train.learning_rate=1e-4
    icereco train --find-rate --data my_events.parquet
    icereco train --resume hierarchical-simulated-v1-calm-muon
    """  # noqa: D301 -- \b is click's mark for lines to keep
    if (task := torchrun_task()) is not None and task.rank > 0:
        follow_torchrun(task, device, threads)
    about_data = data or reader or skip_bad or drop_unknown_sensors or where is not None
    if resumed and (from_model or about_data or overrides or name or resume_or_start):
        raise IcerecoError(
            "--resume continues a run as it was; it takes no --from, --data, --reader, --skip-bad, "
            "--drop-unknown-sensors, --where, -o or --name. --from begins a new run from the weights of another"
        )
    from icereco.training.wandb import PROJECT, Tracker, choose_mode, mode_of_run

    require_one_task(name or resumed)
    device_used = device_of_task(device)
    run = resolve(resumed, runs_dir) if resumed else None
    if resume_or_start:
        run = _run_to_resume(name, runs_dir)
        if run is not None and run.state() == "finished":
            logger.info("run %s has finished; evaluate it: icereco evaluate %s", name, name)
            return dismiss_torchrun(device_used)
    before = {} if run is None else run.provenance()
    count = number_of_processes(processes, before)
    divided = wants_shards(shard, before, count)
    if find_rate and (resumed or name or resume_or_start or count > 1):
        raise IcerecoError(
            "--find-rate keeps no run, and searches in one process; it takes no --resume, --name, --resume-or-start or "
            "--processes, and no torchrun"
        )
    recorded = mode_of_run(run.path) if run is not None and tracking is None else None
    mode, project = recorded or (choose_mode(tracking), PROJECT)
    if run is not None:
        opening = _opened_again(run)
    else:
        start = _start(from_model, runs_dir)
        chosen = chosen_data(data, reader, skip_bad=skip_bad, drop_unknown_sensors=drop_unknown_sensors)
        chosen = cut_data(start.data() if start is not None and not data else chosen, where)
        profile = _chosen_profile(profile_name, chosen, overrides, start, count)
        if find_rate:
            threads_of_training(threads, before, count)
            return show_rates(profile, start, chosen, device_used)
        opening = _opened_new(profile, start, chosen, runs_dir, name, of_sweep=of_sweep)
    threads_used = threads_of_training(threads, before, count)
    with (
        interrupted_by_signals(),
        training_progress() as progress,
        leading_ranks(count, threads_used, device_used, divided) as division,
        opening(stages_of(progress), device_used, division) as session,
    ):
        tracker = Tracker.open(
            mode, session.run.path, session.run.name, _config(session.profile), wandb_project or project, tags
        )
        finished = _train(session, tracker, progress)
    say_what_next(session, finished)
    if not finished:  # `icereco train && icereco evaluate` must not go on with half a model
        raise click.exceptions.Exit(INTERRUPTED)
    return None


def chosen_data(
    data: tuple[str, ...], reader: str | None, *, skip_bad: bool, drop_unknown_sensors: bool
) -> "list[DataChoice]":
    """Return the data sets named on the command line, opened once so that errors come before a run folder is made."""
    from icereco.training.data_choice import DataChoice

    if not data and (reader or skip_bad or drop_unknown_sensors):
        raise IcerecoError("--reader, --skip-bad and --drop-unknown-sensors go with --data")
    chosen = [
        DataChoice.parse(text).read_with(reader, skip_bad=skip_bad, drop_unknown_sensors=drop_unknown_sensors)
        for text in data
    ]
    for choice in chosen:
        choice.open()
    return chosen


def cut_data(chosen: "list[DataChoice]", where: str | None) -> "list[DataChoice]":
    """Return the data sets with the condition of `--where`, if there is one."""
    if where is None:
        return chosen
    from icereco.training.data_choice import cut

    return cut(chosen, where)


def _start(name_or_path: str | None, root: Path) -> "Start | None":
    if name_or_path is None:
        return None
    from icereco.training.start import Start

    return Start.find(name_or_path, root)


def _run_to_resume(name: str | None, root: Path) -> RunFolder | None:
    """Return the run of this name if it has finished, or has saved what it can be resumed from.

    Raises:
        IcerecoError: there is no name.
    """
    from icereco.training.saved_states import saved_states

    if name is None:
        raise IcerecoError("--resume-or-start needs the --name of the run, the same each time")
    run = RunFolder(root / name)
    if run.exists and run.state() == "finished":
        return run
    if not saved_states(run):
        return None
    logger.info("run %s goes on with the settings that it began with", name)
    return run


def _opened_new(
    profile: "Profile",
    start: "Start | None",
    chosen: "list[DataChoice]",
    root: Path,
    name: str | None,
    *,
    of_sweep: bool,
) -> "_Opening":
    from icereco.runs.names import default_name
    from icereco.training.data_choice import described, require_readable
    from icereco.training.session import begin

    require_readable(chosen, profile.detector)
    run = RunFolder.create(root, name or default_name(root, profile.name, described(chosen)))
    logger.info("training %s in %s", profile.name, run.path)
    facts = {"sweep": True} if of_sweep else {}
    return lambda stages, device, division: begin(
        profile, chosen, run, stages, device, facts, start, division
    )


def _opened_again(run: RunFolder) -> "_Opening":
    from icereco.training.session import resume

    logger.info("continuing %s", run.path)
    return lambda stages, device, division: resume(run, stages, device, division)


def _chosen_profile(
    name: str | None,
    chosen: "list[DataChoice]",
    overrides: tuple[str, ...],
    start: "Start | None",
    processes: int,
) -> "Profile":
    """The profile, with the detector that the data declare, changed so that the processes can share each step."""
    from icereco.profiles import load_profile
    from icereco.training.data_choice import declared_detector
    from icereco.training.step_sharing import changes_to_share

    def load(changes: Sequence[str]) -> "Profile":
        if start is not None and name is None:
            return start.profile(changes)
        return load_profile(name or "hierarchical", changes)

    changes = (*declared_detector(chosen, overrides), *overrides)
    profile = load(changes)
    more = changes_to_share(profile.train, processes)
    if more:
        logger.info("%d processes share each step: %s", processes, ", ".join(more))
    return load((*changes, *more)) if more else profile


def _train(session: "Session", tracker: "Tracker", progress: Progress) -> bool:
    from icereco.cli.train_display import TrainDisplay
    from icereco.training.frozen_parts import frozen_share
    from icereco.training.stop_request import stop_on_signals

    facts, frozen = session.material.facts, frozen_share(session.model)
    logger.info(
        "%d events to train on, %d to validate, %.2f million parameters%s",
        facts["train_events"],
        facts["validation_events"],
        sum(p.numel() for p in session.model.parameters()) / 1e6,
        f", {100 * frozen:.0f} % of them frozen" if frozen else "",
    )
    epochs, events = session.profile.train.epochs, len(session.batches)
    display = TrainDisplay(progress, session.position, epochs, events)
    try:
        with stop_on_signals() as stop:
            finished = session.train(stop, tracker, display)
    except BaseException:
        tracker.finish(exit_code=1)
        raise
    tracker.finish()
    return finished


def _config(profile: "Profile") -> dict[str, Any]:
    config: dict[str, Any] = {"profile": profile.name, "train": profile.train.model_dump()}
    for kind, choice in profile.roles.items():
        config[kind] = {"use": choice.component.name, **choice.options.model_dump()}
    return config

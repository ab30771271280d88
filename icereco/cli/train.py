"""`icereco train`: from a profile to a trained model in a run folder."""

import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from rich.progress import (
    BarColumn,
    Progress,
    ProgressColumn,
    TaskID,
    TaskProgressColumn,
    TextColumn,
    TimeRemainingColumn,
)

from icereco.cli import completion
from icereco.cli.compute import device_option, threads_option
from icereco.cli.console import Console
from icereco.cli.drop_option import drop_unknown_option
from icereco.cli.echo import echo
from icereco.errors import INTERRUPTED, IcerecoError
from icereco.runs.folder import RunFolder, resolve, runs_dir
from icereco.system.batch_tasks import batch_task
from icereco.system.devices import find_device
from icereco.system.log import get_logger
from icereco.system.processors import available_processors, use_threads
from icereco.system.signals import interrupted_by_signals

if TYPE_CHECKING:
    import torch

    from icereco.profiles import Profile
    from icereco.training.data_choice import DataChoice
    from icereco.training.session import Session
    from icereco.training.start import Start
    from icereco.training.wandb import Tracker

__all__ = ["chosen_data", "command", "cut_data"]

logger = get_logger(__name__)

_LEAST_REPORTED = 100
"""Validation events from which on a training writes a report by itself."""


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
    tracking: Any,
    wandb_project: str | None,
    tags: tuple[str, ...],
    of_sweep: bool,
    device: str | None,
    threads: int | None,
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
    icereco train --resume hierarchical-simulated-v1-calm-muon
    """  # noqa: D301 -- \b is click's mark for lines to keep
    about_data = data or reader or skip_bad or drop_unknown_sensors or where is not None
    if resumed and (from_model or about_data or overrides or name):
        raise IcerecoError(
            "--resume continues a run as it was; it takes no --from, --data, --reader, --skip-bad, "
            "--drop-unknown-sensors, --where, -o or --name. --from begins a new run from the weights of another"
        )
    from icereco.training.wandb import PROJECT, Tracker, choose_mode, mode_of_run

    device_used = find_device(device)
    recorded = mode_of_run(resolve(resumed, runs_dir).path) if resumed and tracking is None else None
    mode, project = recorded or (choose_mode(tracking), PROJECT)
    start = _start(from_model, runs_dir)
    chosen = chosen_data(data, reader, skip_bad=skip_bad, drop_unknown_sensors=drop_unknown_sensors)
    chosen = cut_data(start.data() if start is not None and not data else chosen, where)
    progress = Progress(*_columns(), console=Console(stderr=True))
    opened = (
        _resume(resolve(resumed, runs_dir), progress, device_used)
        if resumed
        else _begin(
            profile_name, overrides, start, chosen, runs_dir, name, progress, device_used, of_sweep=of_sweep
        )
    )
    _use_threads(threads or _threads_of(resumed, runs_dir))
    with interrupted_by_signals(), _stopped(progress), opened as session:
        tracker = Tracker.open(
            mode, session.run.path, session.run.name, _config(session.profile), wandb_project or project, tags
        )
        finished = _train(session, tracker, progress)
    _say_what_next(session, finished)
    if not finished:  # `icereco train && icereco evaluate` must not go on with half a model
        raise click.exceptions.Exit(INTERRUPTED)


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


def _begin(
    profile_name: str | None,
    overrides: tuple[str, ...],
    start: "Start | None",
    chosen: "list[DataChoice]",
    root: Path,
    name: str | None,
    progress: Progress,
    device: "torch.device",
    *,
    of_sweep: bool,
) -> "AbstractContextManager[Session]":
    from icereco.profiles import load_profile
    from icereco.runs.names import default_name
    from icereco.training.data_choice import declared_detector, described, require_readable

    _require_one_task(name)
    changes = (*declared_detector(chosen, overrides), *overrides)
    if start is not None and profile_name is None:
        profile = start.profile(changes)
    else:
        profile = load_profile(profile_name or "hierarchical", changes)
    require_readable(chosen, profile.detector)
    name = name or default_name(root, profile.name, described(chosen))
    run = RunFolder.create(root, name)
    logger.info("training %s in %s", profile.name, run.path)
    from icereco.training.session import begin

    return begin(profile, chosen, run, _stages(progress), device, {"sweep": True} if of_sweep else {}, start)


def _resume(run: RunFolder, progress: Progress, device: "torch.device") -> "AbstractContextManager[Session]":
    from icereco.training.session import resume

    logger.info("continuing %s", run.path)
    return resume(run, _stages(progress), device)


def _use_threads(count: int | None) -> None:
    used, available = use_threads(count), available_processors()
    if count is None and used < available and not os.environ.get("OMP_NUM_THREADS"):
        logger.info(
            "computing with %d of %d processors, as the others are busy; --threads %d takes them all",
            used,
            available,
            available,
        )


def _require_one_task(name: str | None) -> None:
    """A training is one process: further tasks of the same command would train the same again, unless they have other names."""
    task = batch_task()
    if task.tasks == 1:
        return
    what = f"{task.tasks} tasks of this command run side by side, and each is a training of its own"
    advice = "start one task (srun --ntasks=1, without torchrun), or give each another --name"
    if name is None and task.rank > 0:
        raise IcerecoError(f"{what}; {advice}")
    logger.warning("%s: %s", what, advice)


def _threads_of(resumed: str | None, root: Path) -> int | None:
    """The threads that a run began with: with others, sums have other roundings."""
    if resumed is None or os.environ.get("OMP_NUM_THREADS"):
        return None
    threads = resolve(resumed, root).provenance().get("threads")
    return min(threads, available_processors()) if isinstance(threads, int) and threads > 0 else None


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


@contextmanager
def _stopped(progress: Progress) -> Iterator[None]:
    """Stop the bars at the end, if anything has started them: an unused one would leave an empty line."""
    try:
        yield
    finally:
        if progress.live.is_started:
            progress.stop()


def _columns() -> tuple[ProgressColumn, ...]:
    """Narrow enough for 80 columns."""
    return (
        TextColumn("{task.description}"),
        BarColumn(None),
        TaskProgressColumn(),
        TextColumn("{task.fields[note]}"),
        TimeRemainingColumn(compact=True),
    )


def _stages(progress: Progress) -> Callable[[str], Callable[[int, int], None]]:
    """Return a function that makes a bar for a stage of preparing data, shown once the stage reports progress."""

    def stage(name: str) -> Callable[[int, int], None]:
        tasks: list[TaskID] = []

        def report(done: int, total: int) -> None:
            if not tasks:
                progress.start()
                tasks.append(progress.add_task(name, note="events"))
            progress.update(tasks[0], completed=done, total=total)

        return report

    return stage


def _say_what_next(session: "Session", finished: bool) -> None:
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

"""`icereco data add`: give a file or folder a name."""

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import click
from pydantic import ValidationError
from rich.markup import escape

from icereco.cli import completion
from icereco.cli.console import Console
from icereco.cli.drop_option import drop_unknown_option
from icereco.data.catalog import DEFAULT_DETECTOR, DataSet, add
from icereco.data.split.rule import PARTS, SplitRule
from icereco.errors import IcerecoError
from icereco.settings import settings_file

if TYPE_CHECKING:
    from icereco.data.sources.source import Source

__all__ = ["command"]


@click.command("add")
@click.argument("name")
@click.argument("path", type=click.Path(path_type=Path))
@click.option(
    "--reader",
    metavar="READER",
    help="What reads it, such as kaggle  [default: detected automatically].",
    shell_complete=completion.readers,
)
@click.option(
    "--detector",
    metavar="NAME|FOLDER",
    help="Its detector: see icereco detectors.",
    shell_complete=completion.detectors,
)
@click.option(
    "--split-by",
    type=click.Choice(["event", "file"]),
    help="Split by hash of the event id, or by file  [default: event].",
)
@click.option(
    "--validation",
    multiple=True,
    metavar="SHARE|PATTERN",
    help="A share such as 0.1, or file names such as 'batch_65[2-5].parquet'; may be repeated.",
)
@click.option("--test", multiple=True, metavar="SHARE|PATTERN", help="Likewise; never used in training.")
@click.option("--seed", type=click.IntRange(min=0), help="Seed of the split  [default: 1].")
@drop_unknown_option
@click.option("--replace", is_flag=True, help="Replace the data set of that name.")
def command(
    name: str,
    path: Path,
    reader: str | None,
    detector: str | None,
    split_by: Literal["event", "file"] | None,
    validation: tuple[str, ...],
    test: tuple[str, ...],
    seed: int | None,
    drop_unknown_sensors: bool,
    replace: bool,
) -> None:
    """Call a file or folder NAME, for this user on this machine.

    The split is declared here, once: every training, evaluation and comparison then agrees about it, and no event is
    in two parts.

    \b
    icereco data add icecube ~/kaggle --validation 0.05 --test 0.1
    icereco data add icecube ~/kaggle --split-by file --validation 'batch_65[2-5].parquet' --test 'batch_65[6-9].parquet'
    icereco data add orca ~/orca.root --reader km3net --detector km3net-orca6
    """  # noqa: D301 -- \b is click's
    rule = _rule(split_by, validation, test, seed)
    card = None if detector is None else _card(detector)
    data_set = DataSet(
        name=name,
        path=path.expanduser().resolve(),
        reader=reader,
        detector=card,
        split=rule,
        drop_unknown_sensors=drop_unknown_sensors,
    )
    source = data_set.model_copy(update={"name": None}).open()
    names = source.part_names()
    parts = rule.parts_of_files(names) if rule is not None and rule.by == "file" else []
    add(data_set, replace=replace)
    console = Console(highlight=False, soft_wrap=True)
    files = f"{len(names):,} files" if len(names) > 1 else "1 file"
    console.print(f"[bold]{escape(name)}[/] is {escape(str(data_set.path))} ({source.reader_name}, {files})")
    if rule is not None:
        counts = ", ".join(f"{parts.count(part):,} {part}" for part in PARTS)
        console.print(f"split {escape(rule.text)}" + (f"; files: {counts}" if parts else ""))
    console.print(f"kept in {escape(str(settings_file()))}")
    if problem := _first_problem(source, card):
        console.print(f"[yellow]its first events cannot be read this way: {escape(problem)}[/]")
        console.print("add it again with --replace and the right --detector or --reader, or fix the events")
    quoted = shlex.quote(name)
    console.print(f"next: icereco data show {quoted}, or icereco train --data {quoted}")


def _first_problem(source: "Source", detector: str | None) -> str | None:
    """What is wrong with the first events if they are of this detector."""
    from icereco.detector.detector import load_detector

    try:
        source.require_first(load_detector(detector or DEFAULT_DETECTOR))
    except IcerecoError as error:
        return str(error)
    return None


def _rule(
    by: Literal["event", "file"] | None, validation: tuple[str, ...], test: tuple[str, ...], seed: int | None
) -> SplitRule | None:
    if by is None and not validation and not test and seed is None:
        return None
    values: dict[str, Any] = {"by": by or "event"}
    values |= {
        part: _share_or_patterns(part, texts)
        for part, texts in zip(PARTS[1:], (validation, test), strict=True)
        if texts
    }
    if isinstance(values.get("test"), tuple) and not validation:
        values["validation"] = ()
    if seed is not None:
        values["seed"] = seed
    try:
        return SplitRule(**values)
    except ValidationError as error:
        problems = [
            f"--{'/--'.join(map(str, one['loc'])) or 'validation, --test'}: " + one["msg"]
            for one in error.errors()
        ]
        raise IcerecoError("\n".join(text.replace("Value error, ", "") for text in problems)) from None


def _share_or_patterns(part: str, texts: tuple[str, ...]) -> float | tuple[str, ...]:
    shares = [share for share in map(_number, texts) if share is not None]
    if not shares:
        return texts
    if len(texts) > 1:
        raise IcerecoError(
            f"--{part} takes one share, or any number of patterns of file names; not {' and '.join(texts)}"
        )
    return shares[0]


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def _card(text: str) -> str:
    """The name of a card, or the whole path of a folder with one or of a geometry file."""
    from icereco.detector.cards import is_card_folder
    from icereco.detector.detector import load_detector
    from icereco.detector.geometry_file import is_geometry_file

    load_detector(text)
    return str(Path(text).resolve()) if is_card_folder(text) or is_geometry_file(text) else text

"""What a name or path means to the event screen: a data set, an output of `icereco reconstruct`, or a run."""

import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from icereco.data.catalog import DataSet, data_sets, find
from icereco.errors import IcerecoError
from icereco.runs.folder import RunFolder
from icereco.watch.reconstructions import companions, inputs_of, read_reconstructions

__all__ = ["Opened", "found_here", "names_known", "opened"]

_MOST_FOUND = 40


@dataclass(frozen=True, slots=True)
class Opened:
    """What to read.

    Attributes:
        title: for people.
        data: the events, with the reader and the detector that were declared or noted, if any.
        skip_bad: whether bad events were left out of them.
        only: the event_ids to show; None = all.
        reconstructions: files of reconstructions, the main one first.
        run: the run whose validation events these are, or None.
    """

    title: str
    data: DataSet
    skip_bad: bool = False
    only: frozenset[int] | None = None
    reconstructions: tuple[Path, ...] = ()
    run: Path | None = None


def opened(what: str | Path, more: Sequence[Path] = ()) -> Opened:
    """What to read for a path or, given as text, a data set's name, beside more files of reconstructions.

    Raises:
        IcerecoError: there is nothing there, a run has no validation events yet, or the data of an output are gone.
    """
    asked = find(what) if isinstance(what, str) else DataSet(path=what)
    path, more = asked.path, [one.resolve() for one in more]
    run = RunFolder(path)
    if path.is_dir() and run.exists:
        return _of_run(run, more)
    if path.is_file() and (inputs := inputs_of(path)):
        return _of_output(path, inputs, more)
    title = asked.name or path.name or str(path)
    return Opened(title, asked, reconstructions=_once(*more, *_beside(path)))


def _of_output(path: Path, inputs: Sequence[DataSet], more: Sequence[Path]) -> Opened:
    data = next((one for one in inputs if one.path.exists()), None)
    if data is None:
        raise IcerecoError(
            f"{path} was made from {inputs[0].path}, which is not there any more; "
            f"open the data and add {path.name} to them"
        )
    reconstructions = _once(path.resolve(), *more, *_beside(data.path, path))
    return Opened(f"{path.name} · {data.path.name}", data, reconstructions=reconstructions)


def _once(*paths: Path) -> tuple[Path, ...]:
    return tuple(dict.fromkeys(paths))


def _beside(data: Path, but: Path | None = None) -> list[Path]:
    places = [data if data.is_dir() else data.parent, data.parent, Path.cwd()]
    return [one for one in companions(data, places) if but is None or one != but.resolve()]


def _of_run(run: RunFolder, more: Sequence[Path]) -> Opened:
    """The validation events, which the run's provenance says where to find."""
    noted = list(_noted(run))
    data, skip_bad = next((one for one in noted if one[0].path.exists()), (None, False))
    if not run.validation.is_file():
        raise IcerecoError(
            f"run {run.name!r} has not validated yet: its events appear here as soon as it has ({run.validation})"
        )
    if data is None:
        raise IcerecoError(
            f"the events of run {run.name!r} are not on this machine ({', '.join(str(one.path) for one, _ in noted) or 'not noted'})"
        )
    ids = read_reconstructions(run.validation)[0].event_id
    data = data.model_copy(update={"name": None, "detector": data.detector or _detector_of(run)})
    only, reconstructions = frozenset(ids.tolist()), (run.validation, *more)
    return Opened(f"validation of {run.name}", data, skip_bad, only, reconstructions, run.path)


def _noted(run: RunFolder) -> Iterator[tuple[DataSet, bool]]:
    """Where its provenance says that events are, and whether bad ones are left out; of several data sets the first."""
    facts = run.provenance()
    if store := facts.get("store"):
        yield DataSet(path=store), False
    for one in facts.get("data_sets", [])[:1]:
        yield DataSet(**one["data"]), one.get("skip_bad", False)
    if (data := facts.get("data")) and not facts.get("data_sets"):
        yield DataSet(path=data[0] if isinstance(data, list) else data), False


def _detector_of(run: RunFolder) -> str | None:
    try:
        name = tomllib.loads(run.profile.read_text(encoding="utf-8"))["detector"]["use"]
    except (OSError, ValueError, KeyError, TypeError):  # its events can be looked at all the same
        return None
    return str(name)


def names_known() -> list[str]:
    """The user's data sets; none where the settings file is broken, which the data screen reports."""
    try:
        return list(data_sets())
    except IcerecoError:
        return []


def found_here(folder: Path, runs: Path) -> list[Path]:
    """What could be opened: outputs, data and runs with validation events, in a folder and one level below."""
    files = sorted(_readable(folder), key=lambda one: (not one.name.endswith(".reco.parquet"), str(one)))
    below = [place for place in sorted(folder.iterdir()) if place.is_dir() and not place.name.startswith(".")]
    sets = [place for place in below if (place / "train_meta.parquet").is_file()]
    deeper = [file for place in below if place != runs and place not in sets for file in _readable(place)]
    validated = [one.parent for one in sorted(runs.glob("*/validation.parquet"))] if runs.is_dir() else []
    return [*files, *sets, *deeper, *validated][:_MOST_FOUND]


def _readable(folder: Path) -> list[Path]:
    try:
        return sorted(
            one for one in folder.iterdir() if one.suffix in (".parquet", ".arrow") and one.is_file()
        )
    except OSError:
        return []

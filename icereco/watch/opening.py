"""What a name or path denotes on the event screen: a data set, an output of `icereco reconstruct`, or a run."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from icereco.data.catalog import DataSet, data_sets, find
from icereco.errors import IcerecoError
from icereco.runs.folder import RunFolder
from icereco.system.cache import cache_dir
from icereco.system.documents import parse_toml
from icereco.system.files import is_there
from icereco.training.data_choice import DataChoice
from icereco.watch.reconstructions import companions, inputs_of, read_reconstructions

__all__ = ["Opened", "found_here", "names_known", "opened"]

_MOST_PATHS = 40


@dataclass(frozen=True, slots=True)
class Opened:
    """What to read.

    Attributes:
        title: shown to the user.
        data: the events, with the reader and the detector that the user declared or a file's provenance names, if any.
        skip_bad: whether bad events are left out of them.
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
    """What to read for a path or a data set's name, with further files of reconstructions.

    Args:
        what: a path, or a text, which may also be the name of a data set.
        more: files of reconstructions besides those found in the same folders.

    Raises:
        IcerecoError: it does not exist, a run has not validated yet, or the data of an output do not exist any more.
    """
    data = find(what) if isinstance(what, str) else DataSet(path=what)
    path, more = data.path, [file.resolve() for file in more]
    run = RunFolder(path)
    if path.is_dir() and run.exists:
        return _of_run(run, more)
    if path.is_file() and (inputs := inputs_of(path)):
        return _of_output(path, inputs, more)
    title = data.name or path.name or str(path)
    return Opened(title, data, reconstructions=_once(*more, *_companions(path)))


def _of_output(path: Path, inputs: Sequence[DataSet], more: Sequence[Path]) -> Opened:
    data = next((source for source in inputs if is_there(source.path)), None)
    if data is None:
        raise IcerecoError(
            f"{path} was made from {inputs[0].path}, which does not exist any more; "
            f"open the data where they are now, and add {path.name} with O"
        )
    reconstructions = _once(path.resolve(), *more, *_companions(data.path, path))
    return Opened(f"{path.name} · {data.path.name}", data, reconstructions=reconstructions)


def _once(*paths: Path) -> tuple[Path, ...]:
    return tuple(dict.fromkeys(paths))


def _companions(data: Path, but: Path | None = None) -> list[Path]:
    places = [data if data.is_dir() else data.parent, data.parent, Path.cwd()]
    return [file for file in companions(data, places) if but is None or file != but.resolve()]


def _of_run(run: RunFolder, more: Sequence[Path]) -> Opened:
    """The validation events, from the data that the run's provenance names."""
    sources = list(_sources(run))
    data, skip_bad = next((source for source in sources if is_there(source[0].path)), (None, False))
    if not run.validation.is_file():
        raise IcerecoError(
            f"run {run.name!r} has not validated yet: its events can be opened as soon as {run.validation} exists"
        )
    if data is None:
        paths = ", ".join(str(source.path) for source, _ in sources) or "its provenance names none"
        raise IcerecoError(f"the events of run {run.name!r} are not on this machine ({paths})")
    _require_one(run)
    ids = read_reconstructions(run.validation)[0].event_id
    data = data.model_copy(update={"name": None, "detector": data.detector or _detector_of(run)})
    only, reconstructions = frozenset(ids.tolist()), (run.validation, *more)
    return Opened(f"validation of {run.name}", data, skip_bad, only, reconstructions, run.path)


def _sources(run: RunFolder) -> Iterator[tuple[DataSet, bool]]:
    """The data that the run's provenance names, and whether bad events are left out."""
    facts = run.provenance()
    for store in _listed(facts.get("store")):
        yield DataSet(path=Path(store)), False
    for choice in DataChoice.recorded(facts.get("data_sets", [])):
        yield choice.data, choice.skip_bad
    if not facts.get("data_sets"):
        for data in _listed(facts.get("data")):
            yield DataSet(path=Path(data)), False


def _require_one(run: RunFolder) -> None:
    """Check that the validation events are of one data set: those of several may have the same ids."""
    data = _listed(run.provenance().get("data"))
    if len(data) > 1:
        raise IcerecoError(
            f"the validation events of run {run.name!r} are from {len(data)} data sets, in which event ids may repeat, so that they "
            f"cannot be told apart; reconstruct one of them and open the result: icereco reconstruct {data[0]} --run {run.name}"
        )


def _listed(value: str | list[str] | None) -> list[str]:
    """One or several, as provenance has them."""
    if value is None:
        return []
    return value if isinstance(value, list) else [value]


def _detector_of(run: RunFolder) -> str | None:
    try:
        name = parse_toml(run.profile.read_text(encoding="utf-8"))["detector"]["use"]
    except (OSError, ValueError, KeyError, TypeError):  # the events can be shown in the default detector
        return None
    return str(name)


def names_known() -> list[str]:
    """The names of the user's data sets; empty where the settings file is broken, which the data screen reports."""
    try:
        return list(data_sets())
    except IcerecoError:
        return []


def found_here(folder: Path, runs: Path) -> list[Path]:
    """What can be opened in a folder and one level below: outputs, data, runs with validation events, and simulated events in the cache."""
    files = sorted(_readable(folder), key=lambda file: (not file.name.endswith(".reco.parquet"), str(file)))
    below = [place for place in sorted(folder.iterdir()) if place.is_dir() and not place.name.startswith(".")]
    sets = [place for place in below if (place / "train_meta.parquet").is_file()]
    deeper = [file for place in below if place != runs and place not in sets for file in _readable(place)]
    validated = [file.parent for file in sorted(runs.glob("*/validation.parquet"))] if runs.is_dir() else []
    simulated = list(_readable(cache_dir() / "simulated"))
    return [*files, *sets, *deeper, *validated, *simulated][:_MOST_PATHS]


def _readable(folder: Path) -> list[Path]:
    try:
        return sorted(
            path for path in folder.iterdir() if path.suffix in (".parquet", ".arrow") and path.is_file()
        )
    except OSError:
        return []

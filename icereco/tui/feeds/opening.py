"""What a path means to the event screen: a data set, an output of `icereco reconstruct`, or a run."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from icereco.errors import IcerecoError
from icereco.runs import RunFolder
from icereco.tui.feeds.reconstructions import companions, inputs_of, read_reconstructions

__all__ = ["Opened", "found_here", "opened"]

_MOST_FOUND = 40


@dataclass(frozen=True, slots=True)
class Opened:
    """What to read.

    Attributes:
        title: for people.
        data: file or folder of events.
        only: the event_ids to show; None = all.
        reconstructions: files of reconstructions, the main one first.
        run: the run whose validation events these are, or None.
    """

    title: str
    data: Path
    only: frozenset[int] | None = None
    reconstructions: tuple[Path, ...] = ()
    run: Path | None = None


def opened(path: Path, more: Sequence[Path] = ()) -> Opened:
    """What to read for a path, beside more files of reconstructions.

    Raises:
        IcerecoError: there is nothing there, a run has no validation events yet, or the data of an output are gone.
    """
    run, more = RunFolder(path), [one.resolve() for one in more]
    if path.is_dir() and run.exists:
        return _of_run(run, more)
    if path.is_file() and (inputs := inputs_of(path)):
        data = next((one for one in inputs if one.exists()), None)
        if data is None:
            raise IcerecoError(
                f"{path} was made from {inputs[0]}, which is not there any more; open the data and add {path.name} to them"
            )
        return Opened(
            f"{path.name} · {data.name}",
            data,
            reconstructions=_once(path.resolve(), *more, *_beside(data, path)),
        )
    return Opened(path.name or str(path), path, reconstructions=_once(*more, *_beside(path)))


def _once(*paths: Path) -> tuple[Path, ...]:
    return tuple(dict.fromkeys(paths))


def _beside(data: Path, but: Path | None = None) -> list[Path]:
    places = [data if data.is_dir() else data.parent, data.parent, Path.cwd()]
    return [one for one in companions(data, places) if but is None or one != but.resolve()]


def _of_run(run: RunFolder, more: Sequence[Path]) -> Opened:
    """The validation events, which the run's provenance says where to find."""
    facts = run.provenance()
    noted = [facts[name] for name in ("store", "data") if facts.get(name)]
    # Of several data sets the first is shown.
    places = [Path(one[0] if isinstance(one, list) else one) for one in noted]
    data = next((place for place in places if place.exists()), None)
    if not run.validation.is_file():
        raise IcerecoError(
            f"run {run.name!r} has not validated yet: its events appear here as soon as it has ({run.validation})"
        )
    if data is None:
        raise IcerecoError(
            f"the events of run {run.name!r} are not on this machine ({', '.join(map(str, places)) or 'not noted'})"
        )
    ids = read_reconstructions(run.validation)[0].event_id
    return Opened(
        f"validation of {run.name}", data, frozenset(ids.tolist()), (run.validation, *more), run.path
    )


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

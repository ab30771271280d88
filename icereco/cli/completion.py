"""What may be typed next: the values that the shell completes, from what is on this machine. Imports nothing heavy."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from types import NoneType
from typing import TYPE_CHECKING, Any, Literal, get_args, get_origin

import click
from click.shell_completion import CompletionItem

from icereco.errors import IcerecoError
from icereco.plugins.component import KINDS, ROLES, Kind

if TYPE_CHECKING:
    from pydantic import BaseModel

__all__ = [
    "components",
    "data",
    "data_or_runs",
    "detectors",
    "devices",
    "methods",
    "models",
    "models_or_files",
    "output_or_method_options",
    "overrides",
    "profiles",
    "readers",
    "runs",
    "runs_or_files",
    "runs_or_models",
    "schedulers",
    "seeds",
    "simulator_options",
    "simulators",
]

Completer = Callable[[click.Context, click.Parameter, str], list[CompletionItem]]
Names = Callable[[click.Context, str], Iterable[str]]


def _completer(*sources: Names, files: bool = False) -> Completer:
    """Return a completer of the names that begin with what was typed; the shell's own of files, if none does.

    An error, such as that of a damaged settings file, completes nothing: the command itself will report it.
    """

    def complete(context: click.Context, _: click.Parameter, typed: str) -> list[CompletionItem]:
        names: dict[str, None] = {}
        for source in sources:
            with suppress(IcerecoError, OSError):
                names |= dict.fromkeys(name for name in source(context, typed) if name.startswith(typed))
        items = [CompletionItem(name) for name in names]
        return items or ([CompletionItem(typed, type="file")] if files else [])

    return complete


def _profiles(_: click.Context, __: str) -> list[str]:
    from icereco.profiles import profile_names

    return profile_names()


def _runs(context: click.Context, _: str) -> list[str]:
    from icereco.runs.folder import list_runs, runs_dir

    given = [one.params.get("runs_dir") for one in (context, context.parent) if one is not None]
    return [run.name for run in list_runs(next(filter(None, given), None) or runs_dir())]


def _models(_: click.Context, __: str) -> list[str]:
    from icereco.trained.library import Library

    return Library.of_user().names()


def _data(_: click.Context, __: str) -> list[str]:
    from icereco.settings import read_settings  # the catalogue checks every data set, with numpy

    return list(read_settings().get("data", {}))


def _detectors(_: click.Context, __: str) -> list[str]:
    from icereco.detector.cards import detector_names

    return detector_names()


def _components(*kinds: Kind) -> Names:
    """Return the names of components of some kinds; after a colon their options, as in `linefit:weight_by_charge=true`."""

    def names(_: click.Context, typed: str) -> Iterator[str]:
        from icereco.plugins.discovery import registry

        name, colon, options = typed.partition(":")
        for kind in kinds:
            if not colon:
                yield from registry().names(kind)
                continue
            before = options.rpartition(",")[0]
            prefix = f"{name}:{before}," if before else f"{name}:"
            model = registry().get(kind, name).load_options()
            yield from _assignments(prefix, model, typed)

    return names


def _assignments(prefix: str, model: "type[BaseModel]", typed: str) -> Iterator[str]:
    """Yield `PREFIX KEY=` for every option; where one is typed already, its values that can be listed."""
    for key, field in model.model_fields.items():
        assigned = f"{prefix}{key}="
        if typed.startswith(assigned):
            yield from (f"{assigned}{value}" for value in _values(field.annotation))
        else:
            yield assigned


def _values(annotation: Any) -> list[str]:
    """The values of a type that has only a few."""
    if annotation is bool:
        return ["true", "false"]
    if get_origin(annotation) is Literal:
        return [str(value) for value in get_args(annotation)]
    return [value for part in get_args(annotation) if part is not NoneType for value in _values(part)]


def _overrides(context: click.Context, typed: str) -> Iterator[str]:
    """Yield `ROLE.KEY=` of the chosen profile, with the components that the overrides before choose."""
    from icereco.profiles.resolve import resolve_file
    from icereco.profiles.train_options import TrainOptions

    chosen = context.params
    profile = next((chosen[key] for key in ("profile_name", "profile", "name") if chosen.get(key)), None)
    tables = resolve_file(profile or "hierarchical", chosen.get("overrides") or ()).settings.tables
    yield from _chosen("detector", lambda: _detectors(context, typed), typed)
    yield from _assignments("train.", TrainOptions, typed)
    for table, kind in (*((role, role) for role in ROLES), ("simulation", "simulator")):
        if table in tables:
            use = tables[table].use
            yield from _component_keys(table, kind, None if use is None else str(use.value), typed)


def _component_keys(table: str, kind: Any, name: str | None, typed: str) -> Iterator[str]:
    from icereco.plugins.discovery import registry

    yield from _chosen(table, lambda: registry().names(kind), typed)
    if name is not None:
        yield from _assignments(f"{table}.", registry().get(kind, name).load_options(), typed)


def _chosen(table: str, names: Callable[[], Iterable[str]], typed: str) -> list[str]:
    key = f"{table}.use="
    return [f"{key}{name}" for name in names()] if typed.startswith(key) else [key]


def _method_options(context: click.Context, typed: str) -> Iterator[str]:
    from icereco.plugins.discovery import registry
    from icereco.plugins.options import named_options
    from icereco.reconstruction.method_names import HYBRID, WITHOUT_MODEL

    if method := context.params.get("method"):
        name = named_options(method)[0]
        fit = WITHOUT_MODEL if name == HYBRID else name
        yield from _assignments(f"{name}.", registry().get("reconstructor", fit).load_options(), typed)


def _methods(context: click.Context, typed: str) -> Iterator[str]:
    from icereco.reconstruction.method_names import HYBRID

    yield from _components("reconstructor")(context, typed)
    yield HYBRID


def _simulator_options(context: click.Context, typed: str) -> Iterator[str]:
    from icereco.plugins.discovery import registry

    name = context.params.get("simulator") or "ice-telescope"
    yield from _assignments("", registry().get("simulator", name).load_options(), typed)


def _devices(_: click.Context, __: str) -> list[str]:
    """CUDA's devices, as far as they are known without torch."""
    gpus = [f"cuda:{index}" for index, _ in enumerate(Path("/proc/driver/nvidia/gpus").glob("*"))]
    return ["cpu", "cuda", *gpus]


def _schedulers(_: click.Context, __: str) -> list[str]:
    return ["local"]


profiles = _completer(_profiles, files=True)
runs = _completer(_runs)
runs_or_files = _completer(_runs, files=True)
models = _completer(_models)
models_or_files = _completer(_models, files=True)
runs_or_models = _completer(_runs, _models, files=True)
data = _completer(_data, files=True)
data_or_runs = _completer(_runs, _data, files=True)
detectors = _completer(_detectors, files=True)
components = _completer(_components(*KINDS))
readers = _completer(_components("reader"))
methods = _completer(_methods)
seeds = _completer(_components("reconstructor"), _runs, _models, files=True)
simulators = _completer(_components("simulator"))
simulator_options = _completer(_simulator_options)
overrides = _completer(_overrides)
output_or_method_options = _completer(_method_options, files=True)
devices = _completer(_devices)
schedulers = _completer(_schedulers, files=True)

"""The checks that a component has to pass."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from icereco.errors import IcerecoError, did_you_mean
from icereco.plugins.component import KINDS, Kind
from icereco.plugins.discovery import registry
from icereco.plugins.registry import Declaration
from icereco.protocols import is_self_supervised
from icereco.testing.conformance.subject import Example, Subject

__all__ = ["Check", "checks", "checks_of"]

Promise = Callable[[Subject], None]


@dataclass(frozen=True)
class Check:
    """One promise of one component; calling it raises if the component does not keep the promise.

    Attributes:
        name: of the promise, such as "doms-do-not-leak".
        subject: the component.
        promise: the function that checks it.
        waived: the component does not make this promise.
    """

    name: str
    subject: Subject
    promise: Promise
    waived: bool = False

    @property
    def meaning(self) -> str:
        """Return the promise in a sentence."""
        return " ".join((self.promise.__doc__ or "").partition("\n\n")[0].split())

    def __call__(self) -> None:
        """Run the check.

        Raises:
            BrokenPromiseError: the promise is not kept.
        """
        self.promise(self.subject)

    def __str__(self) -> str:
        return f"{self.subject.declaration.component.name}: {self.name}"


def checks(
    kind: Kind | str, name: str, example: Example | None = None, settings: dict[str, Any] | None = None
) -> list[Check]:
    """Return every check that an installed component has to pass.

    Args:
        kind: such as "aggregator".
        name: as written in a profile.
        example: for a reader, a file of its format; without one, only the refusal of other files is checked.
        settings: options to build it with; by default its own, but narrow and shallow where it has such options
            (`width`, `layers`), so that the checks are quick.

    Raises:
        IcerecoError: no such component.
    """
    if kind not in KINDS:
        raise IcerecoError(f"no kind is called {kind!r}{did_you_mean(kind, KINDS)}")
    every = checks_of(registry().find(kind, name), example, settings)
    return [check for check in every if not check.waived]


def checks_of(
    declaration: Declaration, example: Example | None = None, settings: dict[str, Any] | None = None
) -> list[Check]:
    """Return the checks of a declaration as `checks`, including the promises that it waives."""
    subject = Subject(declaration, settings or {}, example)
    return [
        Check(name, subject, promise, waived=name in declaration.component.waives and may_waive)
        for name, promise, may_waive in _promises(_of(declaration), has_example=example is not None)
    ]


def _of(declaration: Declaration) -> str:
    """The module with the promises of a component: of its kind, or of losses without truth."""
    if declaration.kind != "loss":
        return declaration.kind
    try:
        factory = declaration.component.load_factory()
    except Exception:
        return declaration.kind
    return "self_supervised" if is_self_supervised(factory) else declaration.kind


def _promises(promising: str, *, has_example: bool) -> Iterator[tuple[str, Promise, bool]]:
    for module in map(_module, ("declaration", promising)):
        promises = [*module.PROMISES, *(getattr(module, "WITH_EXAMPLE", ()) if has_example else ())]
        for promise in promises:
            name = promise.__name__.replace("_", "-")
            yield name, promise, name in getattr(module, "WAIVABLE", ())


def _module(name: str) -> Any:
    return import_module(f"icereco.testing.conformance.{name}")

"""The component under test, and how a check reports a broken promise."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from icereco.plugins.component import Component
from icereco.plugins.registry import Declaration

if TYPE_CHECKING:
    import pyarrow as pa
    from pydantic import BaseModel
    from torch import Tensor

__all__ = ["BrokenPromiseError", "Example", "Subject", "require", "require_close"]

_SMALL = {"width": 32, "layers": 2}


class BrokenPromiseError(AssertionError):
    """A component breaks a promise; the message says what it did instead."""


@dataclass(frozen=True)
class Example:
    """A file (or folder) in the format of a reader.

    Attributes:
        path: the file, or a function that makes it in an empty folder and gives its path.
        events: its content in the own layout and in the file's order; None if only plausibility is checked.
        detector: the detector of the events, a card by name or folder.
    """

    path: Path | Callable[[Path], Path]
    events: "pa.Table | None" = None
    detector: str | Path = "icecube86"

    def make(self, folder: Path) -> Path:
        """Return the file, made in `folder` if necessary."""
        return self.path(folder) if callable(self.path) else self.path


@dataclass(frozen=True)
class Subject:
    """A component and the options for the checks.

    Attributes:
        declaration: of the component.
        settings: options to build it with.
        example: for a reader, a file of its format.
        shared: what checks have computed and others need, too; see `once`.
    """

    declaration: Declaration
    settings: Mapping[str, Any]
    example: Example | None = None
    shared: dict[str, Any] = field(default_factory=dict, compare=False, repr=False)

    @property
    def component(self) -> Component:
        """The component under test."""
        return self.declaration.component

    def options(self, **changes: Any) -> "BaseModel":
        """Return its options: a small size if it has such options, then the settings, then those `changes` that it has."""
        model: type[BaseModel] = self.component.load_options()
        small = _SMALL if not self.settings else {}
        wanted = {**small, **self.settings, **changes}
        return model(**{key: value for key, value in wanted.items() if key in model.model_fields})

    def build(self, *needs: Any, **changes: Any) -> Any:
        """Build the component from its options and the further arguments of its kind."""
        return self.component.load_factory()(self.options(**changes), *needs)

    def once(self, name: str, compute: Callable[[], Any]) -> Any:
        """Return what several checks need, computed by the first of them."""
        if name not in self.shared:
            self.shared[name] = compute()
        return self.shared[name]


def require(kept: object, complaint: str) -> None:
    """Raise unless the promise is kept.

    Raises:
        BrokenPromiseError: it is not.
    """
    if not kept:
        raise BrokenPromiseError(complaint)


def require_close(
    actual: "Tensor", expected: "Tensor", complaint: str, relative: float = 1e-4, absolute: float = 1e-5
) -> None:
    """Raise unless two tensors agree.

    Raises:
        BrokenPromiseError: they differ, in shape or by more than `absolute + relative · |expected|`.
    """
    require(
        actual.shape == expected.shape,
        f"{complaint}: shape {tuple(actual.shape)} instead of {tuple(expected.shape)}",
    )
    apart = (actual.double() - expected.double()).abs()
    allowed = absolute + relative * expected.double().abs()
    if not bool((apart <= allowed).all()):  # NaN is not close to anything
        raise BrokenPromiseError(f"{complaint}: they differ by up to {float(apart.max()):.3g}")

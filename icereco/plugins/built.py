"""Components that are built, each with its declaration: however one is made, its errors name its plugin."""

from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from pydantic import BaseModel

from icereco.plugins.attribution import attributing
from icereco.plugins.registry import Declaration

__all__ = ["Built", "build"]

T_co = TypeVar("T_co", covariant=True)


@dataclass(frozen=True, slots=True)
class Built(Generic[T_co]):
    """What a factory has made, and the declaration that names the factory.

    A component does not say itself where it is from: of a `functools.partial` or an `nn.Sequential` neither type nor
    module belongs to the plugin.
    """

    component: T_co
    declaration: Declaration

    def attributing(self, doing: str) -> AbstractContextManager[None]:
        """See `icereco.plugins.attribution.attributing`."""
        return attributing(self.declaration, doing)


def build(
    declaration: Declaration, options: BaseModel, *needs: Any, passing: tuple[type[Exception], ...] = ()
) -> Built[Any]:
    """The component that is declared.

    Args:
        declaration: of the component.
        options: an instance of its options model.
        needs: what its kind is built with besides, see `icereco.protocols`.
        passing: errors that the caller handles.

    Raises:
        IcerecoError: its factory cannot be imported, or raises.
    """
    factory = declaration.component.load_factory()
    with attributing(declaration, "when it was built", passing):
        return Built(factory(options, *needs), declaration)

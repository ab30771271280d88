"""Built components, each with its declaration, so that its errors name its plugin regardless of how it was made."""

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
    """The product of a factory, and the declaration that names the factory.

    A component does not know its origin: neither the type nor the module of a `functools.partial` or an
    `nn.Sequential` belongs to the plugin.
    """

    component: T_co
    declaration: Declaration

    def attributing(self, doing: str) -> AbstractContextManager[None]:
        """See `icereco.plugins.attribution.attributing`."""
        return attributing(self.declaration, doing)


def build(
    declaration: Declaration, options: BaseModel, *needs: Any, passing: tuple[type[Exception], ...] = ()
) -> Built[Any]:
    """Build a declared component.

    Args:
        declaration: of the component.
        options: an instance of its options model.
        needs: further arguments of the factories of its kind, see `icereco.protocols`.
        passing: errors that the caller handles.

    Raises:
        IcerecoError: its factory cannot be imported, or raises.
    """
    factory = declaration.component.load_factory()
    with attributing(declaration, "when it was built", passing):
        return Built(factory(options, *needs), declaration)

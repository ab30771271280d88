"""Whose error it is when a component raises in use: one message that names its plugin, in place of a traceback."""

from collections.abc import Iterator
from contextlib import contextmanager

from icereco.errors import IcerecoError
from icereco.plugins.registry import Declaration

__all__ = ["attributing", "described"]

_OUT_OF_MEMORY = ("MemoryError", "OutOfMemoryError")
"""No plugin's error, and a caller may ask for less; torch's own is known by its name, so that torch is not imported."""


@contextmanager
def attributing(
    declaration: Declaration, doing: str, passing: tuple[type[Exception], ...] = ()
) -> Iterator[None]:
    """Turn whatever a component raises into a message that says which plugin declares it.

    Args:
        declaration: of the component.
        doing: when it raised, such as "when it was given events".
        passing: errors that the caller handles; lack of memory is always passed on, and so is IcerecoError.

    Raises:
        IcerecoError: the component raised.
    """
    try:
        yield
    except Exception as error:
        if isinstance(error, (IcerecoError, *passing)) or type(error).__name__ in _OUT_OF_MEMORY:
            raise
        raise IcerecoError(
            f"{described(declaration)} failed {doing}: {type(error).__name__}: {error}\n"
            f"  where: icereco --verbose; without this plugin: ICERECO_DISABLE_PLUGINS={declaration.plugin.entry}"
        ) from error


def described(declaration: Declaration) -> str:
    """A component and its plugin in words: "reconstructor 'my-fit' of icereco-my-fit 1.2"."""
    plugin = declaration.plugin
    return f"{declaration.kind} {declaration.component.name!r} of {plugin.distribution} {plugin.version}"

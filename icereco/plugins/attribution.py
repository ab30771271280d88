"""Attribution of errors: a component that raises in use gives one message that names its plugin, not a traceback."""

from collections.abc import Iterator
from contextlib import contextmanager

from icereco.errors import IcerecoError
from icereco.plugins.registry import Declaration

__all__ = ["attributing", "described"]

_OUT_OF_MEMORY = ("MemoryError", "OutOfMemoryError")
"""Lack of memory is not a plugin's error, and callers may retry with less; torch's error is matched by name, as importing torch is slow."""


@contextmanager
def attributing(
    declaration: Declaration, doing: str, passing: tuple[type[Exception], ...] = ()
) -> Iterator[None]:
    """Convert any exception of a component to a message that names the plugin that declares it.

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
    """Describe a component and its plugin in words: "reconstructor 'my-fit' of icereco-my-fit 1.2"."""
    plugin = declaration.plugin
    return f"{declaration.kind} {declaration.component.name!r} of {plugin.distribution} {plugin.version}"

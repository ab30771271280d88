"""Whose fault it is when a component raises in use: one message that names the plugin, in place of a traceback."""

from collections.abc import Iterator
from contextlib import contextmanager

from icereco.errors import IcerecoError
from icereco.plugins.component import Kind
from icereco.plugins.discovery import registry

__all__ = ["blaming", "described"]

_OUT_OF_MEMORY = ("MemoryError", "OutOfMemoryError")
"""Nobody's fault, and whoever can ask for less wants to know; torch's own is told by name, so as not to import torch."""


@contextmanager
def blaming(
    kind: Kind, component: object, doing: str, passing: tuple[type[Exception], ...] = ()
) -> Iterator[None]:
    """Turn whatever a component raises into a message that says which plugin it is of.

    Args:
        kind: of the component.
        component: the component that is being used, or its factory.
        doing: when it was, such as "while it read events.parquet".
        passing: errors that somebody else takes care of; lack of memory is always passed on, and so is IcerecoError.

    Raises:
        IcerecoError: the component raised.
    """
    try:
        yield
    except Exception as error:
        if isinstance(error, (IcerecoError, *passing)) or type(error).__name__ in _OUT_OF_MEMORY:
            raise
        raise IcerecoError(
            f"{described(kind, component)} failed {doing}: {type(error).__name__}: {error}\n"
            "  where: icereco --verbose; without this plugin: ICERECO_DISABLE_PLUGINS=NAME"
        ) from error


def described(kind: Kind, component: object) -> str:
    """A component in words, and the plugin it is of, as far as its module tells."""
    target = component if hasattr(component, "__qualname__") else type(component)
    path = f"{target.__module__}:{getattr(target, '__qualname__', '?')}"
    known = [one for one in registry().of_kind(kind) if _package(one.component.factory) == _package(path)]
    if not known:
        return f"{kind} {path}"
    best = max(
        known,
        key=lambda one: (one.component.factory == path, _module(one.component.factory) == _module(path)),
    )
    return f"{kind} {best.component.name!r} of {best.plugin.distribution} {best.plugin.version}"


def _module(target: str) -> str:
    return target.partition(":")[0]


def _package(target: str) -> str:
    return _module(target).partition(".")[0]

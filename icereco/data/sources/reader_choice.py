"""Readers by name, with options: `graphnet-sqlite` or `graphnet-sqlite:pulse_map=SplitInIcePulses,truth_table=truth`."""

from collections.abc import Mapping
from dataclasses import dataclass

from icereco.errors import IcerecoError
from icereco.plugins.built import Built, build
from icereco.plugins.component import Component
from icereco.plugins.discovery import registry
from icereco.plugins.options import named_options, options_from
from icereco.plugins.registry import Declaration
from icereco.protocols import Reader
from icereco.system.log import get_logger

__all__ = ["ReaderChoice", "choices"]

logger = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class ReaderChoice:
    """A reader, built with options.

    Attributes:
        built: the reader and its declaration.
        given: the options that were given, as text.
    """

    built: Built[Reader]
    given: Mapping[str, str]

    @property
    def component(self) -> Component:
        """What is declared of it: its name, a summary, ...."""
        return self.built.declaration.component

    @property
    def text(self) -> str:
        """What gives the same reader with the same options: `NAME` or `NAME:key=value,key=value`."""
        options = ",".join(f"{key}={value}" for key, value in sorted(self.given.items()))
        return f"{self.component.name}:{options}" if options else self.component.name


def choices(text: str | None) -> list[ReaderChoice]:
    """The reader that a text names, with its options, or every installed reader if there is no text.

    Raises:
        IcerecoError: no such reader, no such option, or a value that it cannot have.
    """
    if text is None:
        built = [_built_if_possible(declaration) for declaration in registry().of_kind("reader")]
        return [choice for choice in built if choice is not None]
    name, options = named_options(text)
    return [_build(registry().find("reader", name), options)]


def _built_if_possible(declaration: Declaration) -> ReaderChoice | None:
    """Leave out a reader that cannot be built, so that the other readers still work."""
    try:
        return _build(declaration, {})
    except IcerecoError as error:
        logger.warning("reader %r is left out: %s", declaration.component.name, error)
        return None


def _build(declaration: Declaration, given: Mapping[str, str]) -> ReaderChoice:
    options = options_from("reader", declaration.component, given)
    return ReaderChoice(build(declaration, options), given)

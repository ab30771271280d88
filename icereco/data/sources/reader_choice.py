"""Readers by name, with options: `graphnet-sqlite` or `graphnet-sqlite:pulse_map=SplitInIcePulses,truth_table=truth`."""

from collections.abc import Mapping
from dataclasses import dataclass

from icereco.errors import IcerecoError
from icereco.plugins.attribution import blaming
from icereco.plugins.component import Component
from icereco.plugins.discovery import registry
from icereco.plugins.options import options_from
from icereco.protocols import Reader
from icereco.system.log import get_logger

__all__ = ["ReaderChoice", "choices"]

logger = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class ReaderChoice:
    """A reader component, built with options.

    Attributes:
        component: its declaration.
        reader: the reader itself.
        given: the options that were given, as text.
    """

    component: Component
    reader: Reader
    given: Mapping[str, str]

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
        built = [_built_if_possible(component) for component in registry().components("reader")]
        return [choice for choice in built if choice is not None]
    name, _, options = text.partition(":")
    return [_build(registry().get("reader", name.strip()), _options(text, options))]


def _built_if_possible(component: Component) -> ReaderChoice | None:
    """One reader that cannot be built must not keep the others from reading."""
    try:
        factory = component.load_factory()
        with blaming("reader", factory, "when it was built"):
            return _build(component, {})
    except IcerecoError as error:
        logger.warning("reader %r is left out: %s", component.name, error)
        return None


def _options(text: str, written: str) -> dict[str, str]:
    pairs = [part.partition("=") for part in written.split(",") if part.strip()]
    wrong = [key for key, equals, _ in pairs if not equals]
    if wrong:
        raise IcerecoError(f"--reader {text}: {wrong[0]!r} is no option; write NAME:KEY=VALUE,KEY=VALUE")
    return {key.strip(): value.strip() for key, _, value in pairs}


def _build(component: Component, given: Mapping[str, str]) -> ReaderChoice:
    options = options_from("reader", component, given)
    return ReaderChoice(component, component.load_factory()(options), given)

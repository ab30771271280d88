"""Declarations of components: cheap enough to list hundreds without importing any."""

from dataclasses import dataclass
from importlib import import_module
from typing import Any, Literal, get_args

from icereco.errors import IcerecoError
from icereco.plugins.moved import advice

__all__ = ["Component", "Kind", "KINDS", "ROLES"]

Kind = Literal["normalizer", "aggregator", "encoder", "loss", "reader", "simulator", "reconstructor"]
KINDS: tuple[Kind, ...] = get_args(Kind)

ROLES: tuple[Kind, ...] = ("normalizer", "aggregator", "encoder", "loss")
"""The kinds that a profile assembles into a model, in the order in which data passes through them."""


@dataclass(frozen=True, slots=True)
class Component:
    """One named thing that a plugin provides.

    Attributes:
        name: what a profile writes after `use =`, in kebab-case.
        factory: "module:callable"; called as `icereco/protocols.py` says for the kind. Imported only when the component is built.
        options: "module:Model", a pydantic model with `extra="forbid"`; its module must not import torch.
        summary: one line of description.
        waives: promises of its kind that it does not make, by their names in the conformance kit
            (`icereco.testing.conformance`), such as "pulse-order"; only some can be waived.
    """

    name: str
    factory: str
    options: str
    summary: str
    waives: tuple[str, ...] = ()

    def load_factory(self) -> Any:
        """Import and return the factory.

        Raises:
            IcerecoError: the import fails.
        """
        return _load(self.factory)

    def load_options(self) -> Any:
        """Import and return the options model, a subclass of `pydantic.BaseModel`.

        Raises:
            IcerecoError: the import fails.
        """
        return _load(self.options)


def _load(target: str) -> Any:
    module, _, attribute = target.partition(":")
    try:
        return getattr(import_module(module), attribute)
    except Exception as error:  # a plugin's module may raise anything; the user gets one message
        reason = advice(error) or f"{type(error).__name__}: {error}"
        raise IcerecoError(f"{target} cannot be imported: {reason}") from error

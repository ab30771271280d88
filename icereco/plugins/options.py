"""Options of components: read from a text, built from values by name, and empty options for components that have none."""

import re
from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from icereco.errors import IcerecoError, did_you_mean
from icereco.plugins.component import Component, Kind

__all__ = ["NoOptions", "named_options", "options_from"]


_FORM = re.compile(r"((?:[^:/=]+:[^:/=]+/)?[^:]*)(?::(.*))?", re.DOTALL)
"""The name of a component, possibly as DISTRIBUTION:ENTRY/NAME, then a colon and options. It fits every text."""


class NoOptions(BaseModel):
    """Options of a component that has none; declared as "icereco:NoOptions"."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def named_options(text: str) -> tuple[str, dict[str, str]]:
    """Split `NAME` or `NAME:KEY=VALUE,KEY=VALUE` into the name of a component and its options, which stay texts.

    >>> named_options("prometheus:direction=travel")
    ('prometheus', {'direction': 'travel'})

    Raises:
        IcerecoError: a part is not of the form KEY=VALUE.
    """
    name, written = _FORM.findall(text)[0]
    pairs = [part.partition("=") for part in written.split(",") if part.strip()]
    wrong = [key for key, equals, _ in pairs if not equals]
    if wrong:
        raise IcerecoError(f"{text}: {wrong[0]!r} is not an option; write NAME:KEY=VALUE,KEY=VALUE")
    return name.strip(), {key.strip(): value.strip() for key, _, value in pairs}


def options_from(
    kind: Kind, component: Component, values: Mapping[str, Any], owner: str | None = None
) -> BaseModel:
    """Validate the options of a component.

    Args:
        kind: of the component.
        component: whose options they are.
        values: by name.
        owner: as whose options errors report them, such as "the method 'hybrid'"; by default the component's.

    Raises:
        IcerecoError: it has no such option (with the nearest name and those it has), lacks one, or a value is not allowed.
    """
    model: type[BaseModel] = component.load_options()
    try:
        return model.model_validate(values)
    except ValidationError as error:
        of_whom = owner or f"the {kind} {component.name!r}"
        raise IcerecoError(_message(of_whom, model, error.errors(include_url=False)[0])) from None


def _message(owner: str, model: type[BaseModel], problem: Any) -> str:
    key = ".".join(map(str, problem["loc"]))
    known = ", ".join(model.model_fields) or "none"
    if problem["type"] == "extra_forbidden":
        near = did_you_mean(key, model.model_fields)
        separator = "\n  " if near else "; "
        return f"{key} is not an option of {owner}{near}{separator}it has: {known}"
    if problem["type"] == "missing":
        return f"option {key} is missing: {owner} needs it"
    subject = f"option {key} of {owner}" if key else owner
    return f"{subject}: {problem['msg']}, not {problem['input']!r}"

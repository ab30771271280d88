"""Options of components: built from values by name, and empty options for components that have none."""

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from icereco.errors import IcerecoError, did_you_mean
from icereco.plugins.component import Component, Kind

__all__ = ["NoOptions", "options_from"]


class NoOptions(BaseModel):
    """Options of a component that has none; declared as "icereco:NoOptions"."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def options_from(kind: Kind, component: Component, values: Mapping[str, Any]) -> BaseModel:
    """Validate the options of a component.

    Raises:
        IcerecoError: it has no such option (with the nearest name), or a value is not allowed.
    """
    model: type[BaseModel] = component.load_options()
    try:
        return model.model_validate(values)
    except ValidationError as error:
        owner = f"the {kind} {component.name!r}"
        raise IcerecoError(_message(owner, model, error.errors(include_url=False)[0])) from None


def _message(owner: str, model: type[BaseModel], problem: Any) -> str:
    key = ".".join(map(str, problem["loc"]))
    known = ", ".join(model.model_fields) or "none"
    if problem["type"] == "extra_forbidden":
        near = did_you_mean(key, model.model_fields) or f"; it has: {known}"
        return f"{key} is not an option of {owner}{near}"
    return f"option {key} of {owner}: {problem['msg']}, not {problem['input']!r}"

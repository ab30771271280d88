"""Options for components that have none."""

from pydantic import BaseModel, ConfigDict

__all__ = ["NoOptions"]


class NoOptions(BaseModel):
    """Nothing to choose; declare it as "icereco.plugins.options:NoOptions"."""

    model_config = ConfigDict(extra="forbid", frozen=True)

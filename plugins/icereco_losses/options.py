"""The options of the losses; neither has any, so that a mistyped one is refused."""

from pydantic import BaseModel, ConfigDict

__all__ = ["AngularOptions", "VonMisesFisherOptions"]


class AngularOptions(BaseModel):
    """The opening angle has no options."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class VonMisesFisherOptions(BaseModel):
    """The von Mises-Fisher density has no options."""

    model_config = ConfigDict(frozen=True, extra="forbid")

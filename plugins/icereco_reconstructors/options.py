"""Options of the line fit."""

from pydantic import BaseModel, ConfigDict, Field

__all__ = ["LineFitOptions"]


class LineFitOptions(BaseModel):
    """Options of the reconstructor `linefit`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    weight_by_charge: bool = Field(False, description="weigh each pulse with its charge instead of equally")

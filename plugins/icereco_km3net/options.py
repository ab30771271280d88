"""Options of the reader of KM3NeT's files."""

from pydantic import BaseModel, ConfigDict, Field

__all__ = ["Km3netOptions"]


class Km3netOptions(BaseModel):
    """Options of the reader of KM3NeT's offline files."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    triggered_only: bool = Field(default=False, description="only the hits that took part in a trigger")
    uncalibrated: bool = Field(
        default=False,
        description="also files whose hits were never calibrated: their times lack the offset of each photomultiplier",
    )

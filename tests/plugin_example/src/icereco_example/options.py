"""What a profile may say of the gated mean."""

from pydantic import BaseModel, ConfigDict, Field


class GatedMeanOptions(BaseModel):
    """Options of the aggregator `gated-mean`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    width: int = Field(64, ge=1, description="length of the vector of each DOM")
    layers: int = Field(2, ge=1, le=16, description="hidden layers that each pulse passes alone")
    smallest_gate: float = Field(1e-3, gt=0, le=1, description="no pulse counts less than this")

"""What a profile may say of the deep set; must not import torch."""

from pydantic import BaseModel, ConfigDict, Field

__all__ = ["DeepSetsOptions"]


class DeepSetsOptions(BaseModel):
    """Options of the aggregator and the encoder `deepsets`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    width: int = Field(128, ge=1, description="length of its vectors, inside and out")
    layers: int = Field(
        2, ge=1, le=64, description="hidden layers of the network that each pulse or DOM passes alone"
    )

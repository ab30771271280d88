"""Options of the methods without training."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

__all__ = ["LikelihoodOptions", "LineFitOptions"]


class LineFitOptions(BaseModel):
    """Options of the reconstructor `linefit`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    weight_by_charge: bool = Field(False, description="weigh each pulse with its charge instead of equally")


class LikelihoodOptions(BaseModel):
    """Options of the reconstructor `likelihood`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    hypothesis: Literal["auto", "track", "starting", "cascade"] = Field(
        "auto",
        description="what shone: a track through the detector, a track that starts with a cascade, a cascade, or "
        "whichever of them has the greatest evidence",
    )
    seed_count: int = Field(
        24, ge=1, le=3072, description="directions of a grid over the sky to start from, besides the line fit"
    )
    samples: int = Field(
        8, ge=1, le=1000, description="directions drawn from each posterior that is given as a seed"
    )
    model_error: float = Field(
        0.3, ge=0.0, le=2.0, description="relative error of the light model's expectation of each module"
    )
    time_error: float = Field(
        0.3, ge=0.0, le=2.0,
        description="pulses of a module with n photo-electrons count 1/(1 + time_error² n) each",
    )  # fmt: skip
    device: Literal["auto", "cpu", "cuda"] = Field("auto", description="auto is the GPU if there is one")

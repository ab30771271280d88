"""Options of the methods without training."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from icereco.detector.detector import LIGHT_M_PER_NS

__all__ = [
    "InertiaOptions",
    "LikelihoodOptions",
    "LineFitOptions",
    "PlaneWaveOptions",
    "RobustLineFitOptions",
]


class LineFitOptions(BaseModel):
    """Options of the reconstructor `linefit`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    weight_by_charge: bool = Field(False, description="weigh each pulse with its charge instead of equally")
    robust: bool = Field(
        False, description="leave late pulses out, and fit with Huber's penalty (arXiv:1308.5501)"
    )


class RobustLineFitOptions(LineFitOptions):
    """Options of the reconstructor `robust-linefit`."""

    robust: bool = Field(True, description=LineFitOptions.model_fields["robust"].description)


class InertiaOptions(BaseModel):
    """Options of the reconstructor `tensor-of-inertia`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    weight_by_charge: bool = Field(
        True, description="weigh each DOM with the charge of its pulses instead of equally"
    )


class PlaneWaveOptions(BaseModel):
    """Options of the reconstructor `plane-wave`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    speed_m_per_ns: float = Field(
        LIGHT_M_PER_NS, gt=0, description="speed of the wavefront, that of light in vacuum by default"
    )


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
    form: Literal["auto", "all", "first"] = Field(
        "auto",
        description="all: every pulse's time counts; first: only the first one of each module, which a wrong light "
        "model moves less; auto: all, but tracks of 300 pulses and more once more by first, with model_error 1",
    )
    hops: int | None = Field(
        None, ge=0, le=100,
        description="how many times random steps from the best maximum are tried, to find a better one; by default once, "
        "and never from a seed with a posterior",
    )  # fmt: skip
    model_error: float = Field(
        0.3, ge=0.0, le=2.0, description="relative error of the light model's expectation of each module"
    )
    time_error: float = Field(
        0.3, ge=0.0, le=2.0,
        description="pulses of a module with n photo-electrons count 1/(1 + time_error² n) each",
    )  # fmt: skip
    ice_error: float = Field(
        0.0, ge=0.0, le=0.5,
        description="relative error of scattering and of absorption; each event is fitted again with either of them "
        "larger and smaller by so much, and the column ice_shift_rad has how far that moves the direction",
    )  # fmt: skip
    device: str = Field("auto", description="auto is the first GPU if there is one; or cpu, cuda, cuda:1")

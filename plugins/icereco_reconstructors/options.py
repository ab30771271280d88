"""Options of the methods without training."""

from pydantic import BaseModel, ConfigDict, Field

from icereco.detector.detector import LIGHT_M_PER_NS

__all__ = ["InertiaOptions", "LineFitOptions", "PlaneWaveOptions", "RobustLineFitOptions"]


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

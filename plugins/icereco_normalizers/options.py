"""The options of the normalizers."""

from pydantic import BaseModel, ConfigDict, Field

__all__ = ["FixedOptions", "RelativeTimeOptions"]


class FixedOptions(BaseModel):
    """Constants of the `fixed` normalizer."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    time_zero_ns: float = Field(1e4, allow_inf_nan=False, description="time in ns that becomes zero")
    time_scale_ns: float = Field(
        3e4, gt=0, allow_inf_nan=False, description="time span in ns that becomes one"
    )
    position_scale_m: float = Field(
        500.0, gt=0, allow_inf_nan=False, description="length in m that becomes one"
    )


class RelativeTimeOptions(BaseModel):
    """Constants of the `relative-time` normalizer."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    time_scale_ns: float = Field(
        1e3,
        gt=0,
        allow_inf_nan=False,
        description="time span in ns that becomes one; linear up to three of it, logarithmic beyond",
    )
    position_scale_m: float = Field(
        500.0, gt=0, allow_inf_nan=False, description="length in m that becomes one"
    )

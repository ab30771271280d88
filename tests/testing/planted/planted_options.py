"""Options with a fault each."""

from pydantic import BaseModel, ConfigDict, Field


class Good(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)
    width: int = Field(32, description="length of a vector")
    scale: float = Field(1.0, description="a factor")


class TakesAnything(BaseModel):
    width: int = Field(32, description="length of a vector")


class Undescribed(BaseModel):
    model_config = ConfigDict(extra="forbid")
    width: int = 32


class NotInToml(BaseModel):
    model_config = ConfigDict(extra="forbid")
    phase: complex = Field(1j, description="TOML has no such numbers")

"""Options of the readers."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

__all__ = ["GraphnetOptions", "KaggleOptions", "OwnOptions", "PrometheusOptions"]

_DIRECTION = (
    "what the true angles mean: origin (where the particle came from), travel (where it went), or auto: inferred from "
    "the light, and reported in the log"
)


class OwnOptions(BaseModel):
    """The own layout needs none."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class KaggleOptions(BaseModel):
    """Options of the reader of the Kaggle competition's layout."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    part: Literal["train", "test"] | None = Field(
        default=None,
        description="which half of a competition folder to read; by default train, or test if it is alone",
    )


class GraphnetOptions(BaseModel):
    """Options of the readers of GraphNeT's databases and parquet files."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    pulse_map: str | None = Field(
        default=None, description="the table of pulses, such as SRTInIcePulses; by default the only one"
    )
    truth_table: str | None = Field(
        default=None, description="the table of truth; by default the one that is called truth or mc_truth"
    )
    direction: Literal["auto", "origin", "travel"] = Field(
        default="auto", description=f"for tables made from Prometheus: {_DIRECTION}"
    )


class PrometheusOptions(BaseModel):
    """Options of the reader of Prometheus' files."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    direction: Literal["auto", "origin", "travel"] = Field(default="auto", description=_DIRECTION)
    source: str | None = Field(
        default=None, description="which simulation of flat tables that hold several, by their column source"
    )

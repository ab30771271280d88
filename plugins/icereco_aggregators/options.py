"""The options of the aggregators; must not import torch."""

from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from icereco.nn.kernel_names import KernelName

__all__ = [
    "AttentionOptions",
    "AttentionPoolOptions",
    "DeepSetsOptions",
    "FirstPulsesOptions",
    "HybridOptions",
    "StatisticsSet",
    "SummaryOptions",
]

StatisticsSet = Literal["nine", "extended"]


class _Options(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    width: int = Field(128, ge=1, description="length of the vector of each DOM")


class AttentionOptions(BaseModel):
    """Options of the aggregator `flex-attention`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    layers: int = Field(4, ge=1, le=64, description="number of transformer layers")
    heads: int = Field(4, ge=1, description="attention heads; must divide the width")
    dropout: float = Field(0.0, ge=0.0, lt=1.0, description="dropout on what each layer adds to its input")
    kernel: KernelName = Field(
        "auto", description="how attention is computed; all give the same numbers, auto takes the fastest"
    )
    width: int = Field(128, ge=8, description="length of the vector of each pulse and DOM")

    @model_validator(mode="after")
    def _heads_divide_width(self) -> Self:
        if self.width % self.heads:
            raise ValueError(f"width {self.width} is not a multiple of heads {self.heads}")
        return self


class DeepSetsOptions(BaseModel):
    """Options of the aggregator `deepsets`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    width: int = Field(128, ge=1, description="length of its vectors, inside and out")
    layers: int = Field(
        2, ge=1, le=64, description="hidden layers of the network that each pulse passes alone"
    )


class AttentionPoolOptions(_Options):
    """Options of the aggregator `attention-pool`."""

    layers: int = Field(
        2, ge=1, le=64, description="hidden layers of the network that each pulse passes alone"
    )
    heads: int = Field(4, ge=1, description="learned queries, each with its part of the width")

    @model_validator(mode="after")
    def _heads_divide_width(self) -> Self:
        if self.width % self.heads:
            raise ValueError(f"width {self.width} is not a multiple of heads {self.heads}")
        return self


class FirstPulsesOptions(_Options):
    """Options of the aggregator `first-pulses`."""

    pulses: int = Field(
        16, ge=1, le=1024, description="pulses of each DOM that are looked at, in order of time"
    )
    hidden: int = Field(0, ge=0, le=8, description="hidden layers behind the linear one")


class SummaryOptions(_Options):
    """Options of the aggregator `summary-statistics`."""

    statistics: StatisticsSet = Field("nine", description="the nine of dnn_reco, or 25 with these among them")


class HybridOptions(_Options):
    """Options of the aggregator `hybrid`."""

    pulses: int = Field(16, ge=1, le=1024, description="pulses of each DOM that are looked at one by one")
    statistics: StatisticsSet = Field("nine", description="statistics of all pulses: the nine, or 25")

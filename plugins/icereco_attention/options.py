"""What a profile may say of the two transformers; must not import torch."""

from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

__all__ = ["AggregatorOptions", "EncoderOptions", "KernelName"]

KernelName = Literal["auto", "flex", "bucketed", "packed", "reference"]


class _TransformerOptions(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    layers: int = Field(4, ge=1, le=64, description="number of transformer layers")
    heads: int = Field(4, ge=1, description="attention heads; must divide the width")
    dropout: float = Field(0.0, ge=0.0, lt=1.0, description="dropout on what each layer adds to its input")
    kernel: KernelName = Field(
        "auto", description="how attention is computed; all give the same numbers, auto takes the fastest"
    )


class AggregatorOptions(_TransformerOptions):
    """Options of the aggregator `flex-attention`."""

    width: int = Field(128, ge=8, description="length of the vector of each pulse and DOM")

    @model_validator(mode="after")
    def _heads_divide_width(self) -> Self:
        if self.width % self.heads:
            raise ValueError(f"width {self.width} is not a multiple of heads {self.heads}")
        return self


class EncoderOptions(_TransformerOptions):
    """Options of the encoder `transformer`; its width is that of the DOM vectors."""

"""The options of the encoders; must not import torch."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from icereco.nn.kernel_names import KernelName

__all__ = [
    "Activation",
    "Aggregation",
    "DeepSetsOptions",
    "EdgeConvOptions",
    "ModernTransformerOptions",
    "RelativeTransformerOptions",
    "TransformerOptions",
]


Activation = Literal["gelu", "leaky-relu"]
"""Functions between the linear layers of `edge-conv`; a leaky ReLU has the slope 0.01 below zero."""

Aggregation = Literal["mean", "sum"]
"""What a DOM has of the messages from its neighbours."""


class AttentionOptions(BaseModel):
    """What all encoders of one transformer know."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    layers: int = Field(4, ge=1, le=64, description="number of transformer layers")
    heads: int = Field(4, ge=1, description="attention heads; must divide the width")
    dropout: float = Field(0.0, ge=0.0, lt=1.0, description="dropout on what each layer adds to its input")
    kernel: KernelName = Field(
        "auto", description="how attention is computed; all give the same numbers, auto takes the fastest"
    )


class TransformerOptions(AttentionOptions):
    """Options of the encoder `transformer`; its width is that of the DOM vectors."""

    biases: bool = Field(False, description="whether the products of the layers have biases, as IceMix's")
    last_norm: bool = Field(True, description="whether the vector of an event is normalized at the end")


class DeepSetsOptions(BaseModel):
    """Options of the encoder `deepsets`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    width: int = Field(128, ge=1, description="length of its vectors, inside and out")
    layers: int = Field(2, ge=1, le=64, description="hidden layers of the network that each DOM passes alone")


class ModernTransformerOptions(AttentionOptions):
    """Options of the encoder `modern-transformer`; its width is that of the DOM vectors."""


class RelativeTransformerOptions(BaseModel):
    """Options of the encoder `relative-transformer`; its width is that of the DOM vectors."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    layers: int = Field(2, ge=1, le=64, description="first layers, in which attention knows the intervals")
    plain_layers: int = Field(
        2, ge=1, le=64, description="layers after them, with a summary token and no intervals"
    )
    heads: int = Field(4, ge=1, description="attention heads; must divide the width")
    dropout: float = Field(0.0, ge=0.0, lt=1.0, description="dropout on what each layer adds to its input")
    bins: int = Field(
        128, ge=8, le=1024, description="classes of intervals, each with a bias of its own in each head"
    )
    resolution_m: float = Field(
        10.0,
        gt=0,
        allow_inf_nan=False,
        description="intervals are resolved linearly below it, by their ratio above",
    )
    biases: bool = Field(False, description="whether the products of the layers have biases, as IceMix's")
    last_norm: bool = Field(True, description="whether the vector of an event is normalized at the end")


class EdgeConvOptions(BaseModel):
    """Options of the encoder `edge-conv`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    width: int = Field(128, ge=8, description="length of the vectors of DOMs and events")
    layers: int = Field(4, ge=1, le=64, description="number of graph convolutions")
    neighbours: int = Field(8, ge=1, le=64, description="nearest DOMs that each DOM looks at")
    hidden: int | None = Field(
        None,
        ge=8,
        description="length of the vectors inside the networks of edges and DOMs; without it, width and 2 width",
    )
    activation: Activation = Field(
        "gelu", description="function between linear layers; DynEdge's is leaky-relu"
    )
    aggregation: Aggregation = Field(
        "mean", description="what a DOM has of the messages of its neighbours; DynEdge's is their sum"
    )

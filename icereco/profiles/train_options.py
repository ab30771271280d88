"""The `[train]` table of a profile."""

from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

__all__ = ["TrainOptions"]

_Count = Annotated[int, Field(ge=1)]


def _several(value: object) -> object:
    """Take a text as names with commas between them, as on the command line: -o train.frozen=aggregator,encoder."""
    return [name.strip() for name in value.split(",")] if isinstance(value, str) else value


_Names = Annotated[tuple[Annotated[str, Field(min_length=1)], ...], BeforeValidator(_several)]


class TrainOptions(BaseModel):
    """How to train; the same for every choice of components."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    seed: Annotated[int, Field(ge=0, lt=2**32, description="of initial weights, shuffling and dropout")] = 1
    epochs: _Count = Field(10, description="passes over the training events")
    events: _Count | None = Field(
        None,
        description="events to train on (all if not set); without data, how many to simulate for training",
    )
    validation_events: _Count = Field(2_000, description="events held out to measure the angular error")
    calibration_events: int = Field(
        0, ge=0, description="more events held out to calibrate the posterior, at most as many as validate"
    )

    event_weights: str | None = Field(
        None,
        min_length=1,
        description="column of the data with the weight of each event in the loss, scaled to a mean of one; all alike if not set",
    )

    rotate: bool = Field(
        False, description="turn each training event about the vertical, by another random angle in each pass"
    )
    kept_pulses: float = Field(
        1.0,
        gt=0,
        le=1,
        description="below 1, half of the training events, others in each pass, lose pulses: a random part is kept, at least this one",
    )

    optimizer: Literal["adamw", "muon"] = Field(
        "adamw",
        description="adamw for all, or muon for the matrices inside the layers and adamw for the rest",
    )
    learning_rate: float = Field(
        1e-3, gt=0, le=1, description="at the end of warm-up; the schedule takes it to zero"
    )
    muon_learning_rate: float = Field(1e-3, gt=0, le=1, description="the same for what muon optimises")
    layer_rate: float = Field(
        1.0,
        gt=0,
        le=1,
        description="of each layer as a part of the rate of the next one, nearer to the outputs",
    )
    weight_decay: float = Field(0.01, ge=0, le=1, description="decoupled weight decay of matrices")
    frozen: _Names = Field(
        (),
        description="parts whose weights stay as they are, such as aggregator, encoder",
    )
    warmup_fraction: float = Field(
        0.05, ge=0, lt=1, description="part of all steps with a rising learning rate"
    )
    schedule: Literal["cosine", "warmup-stable-decay"] = Field(
        "cosine", description="a cosine to zero, or the full rate until a linear decay at the end"
    )
    decay_fraction: float = Field(
        0.2, gt=0, le=1, description="part of all steps with a falling learning rate in warmup-stable-decay"
    )
    ema_decay: float = Field(
        0.0,
        ge=0,
        lt=1,
        description="of a running mean of the weights, which is then validated and saved: 0.999 means over 1,000 steps",
    )
    gradient_clip: float = Field(1.0, gt=0, description="largest norm of a step's gradient")

    skip_nonfinite: int = Field(
        0,
        ge=0,
        description="steps in a row whose loss or gradient may be not finite and which are left out; one more ends the training",
    )

    pulses_per_batch: _Count = Field(100_000, description="a batch closes when it reaches so many pulses")
    doms_per_batch: _Count = Field(50_000, description="a batch closes when it reaches so many DOMs")
    events_per_batch: _Count = Field(64, description="a batch closes when it reaches so many events")

    batches_per_step: _Count = Field(
        1, description="batches whose gradients are added up for a step, where one that large does not fit"
    )
    precision: Literal["auto", "float32", "bfloat16"] = Field(
        "auto",
        description="of matrix products in training steps; auto takes bfloat16 where the device is faster with it",
    )
    validations_per_epoch: _Count = Field(1, description="validations, each with a checkpoint, in an epoch")
    patience: int = Field(
        0, ge=0, description="end after so many validations without a lower loss; 0 trains to the end"
    )
    log_every_steps: _Count = Field(10, description="steps between two lines of metrics")

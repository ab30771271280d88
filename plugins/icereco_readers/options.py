"""Options of the readers."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

__all__ = ["KaggleOptions", "OwnOptions"]


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

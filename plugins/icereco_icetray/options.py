"""Options of the reader of IceTray's files."""

from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

__all__ = ["IcetrayOptions"]


class IcetrayOptions(BaseModel):
    """Options of the reader of IceTray's files."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    pulses: str | None = Field(
        default=None,
        description="key of the pulses, such as SRTInIcePulses; by default the first of SplitInIcePulses, "
        "SplitInIceDSTPulses, SplitUncleanedInIcePulses, HVInIcePulses, InIcePulses and InIceDSTPulses that is there",
    )
    fits: str = Field(
        default="usual",
        description="official reconstructions to compare with, by their keys: usual, all, none, or names joined by +, "
        "such as SplineMPE+MPEFit",
    )
    gcd: Path | None = Field(
        default=None,
        description="file with the geometry (GCD); by default the frames G of the file itself, else a file with GCD in "
        "its name in the same folder, else the card of IceCube-86",
    )

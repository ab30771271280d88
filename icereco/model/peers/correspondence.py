"""What a peer's model and one of ours have in common."""

from dataclasses import dataclass, field

from torch import Tensor

__all__ = ["Correspondence"]


@dataclass(frozen=True, slots=True)
class Correspondence:
    """The part of a peer's model that one of ours computes.

    Attributes:
        profile: name of the profile that ours begins with.
        overrides: what is changed in it, such as "encoder.layers=4".
        tensors: by the names of ours, float32.
        neutral: of layers that only ours has, values with which they change nothing.
        columns: as `tensors`, but the last columns of ours alone; those before them are new.
        reasons: why a part of the peer is left out, by the beginning of the names in it.
    """

    profile: str
    overrides: tuple[str, ...]
    tensors: dict[str, Tensor]
    neutral: dict[str, Tensor] = field(default_factory=dict)
    columns: dict[str, Tensor] = field(default_factory=dict)
    reasons: dict[str, str] = field(default_factory=dict)

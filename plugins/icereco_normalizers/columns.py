"""Columns that the normalizers share."""

import torch
from jaxtyping import Bool, Float
from torch import Tensor

__all__ = ["charge_feature", "auxiliary_feature", "constant", "soften"]

LINEAR_UP_TO = 3.0


def constant(value: float) -> Float[Tensor, ""]:
    """A constant to register as a buffer, so that it travels in the checkpoint."""
    return torch.tensor(value, dtype=torch.float64)


def charge_feature(charge_pe: Float[Tensor, "pulse"], floor_pe: float) -> Float[Tensor, "pulse"]:
    """log10 of the charge; `floor_pe` keeps a charge of zero finite."""
    return torch.log10(charge_pe.float() + floor_pe)


def auxiliary_feature(auxiliary: Bool[Tensor, "pulse"]) -> Float[Tensor, "pulse"]:
    """+0.5 for pulses out of local coincidence, −0.5 for the others."""
    return auxiliary.float() - 0.5


def soften(time: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
    """The identity up to ±3, then logarithmic, without a kink: 10⁶ becomes 16.8."""
    beyond = torch.log1p((time.abs() - LINEAR_UP_TO).clamp(min=0))
    return time.clamp(-LINEAR_UP_TO, LINEAR_UP_TO) + time.sign() * beyond

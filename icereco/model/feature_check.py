"""A check between normalizer and network: features that are not of order one lead to NaN, sometimes hours later."""

from typing import TYPE_CHECKING, Any

from jaxtyping import Float

from icereco.errors import IcerecoError
from icereco.protocols import Features

if TYPE_CHECKING:
    from torch import Tensor
else:  # torch is slow to import and most commands never need it
    Tensor = Any

__all__ = ["check_features", "LARGEST_FEATURE"]

LARGEST_FEATURE = 50.0

TOLERATED_SHARE = 0.01
"""Tolerated fraction of large values: a readout may hold a few absurd pulses, wrong units affect a whole column."""


def check_features(features: Features) -> str | None:
    """Return a warning if a few values exceed ±50, None if all are within.

    It synchronises with the device, so call it on the first batches of a run, not on all.

    Raises:
        IcerecoError: a value is not finite, or more than 1 % of a column exceeds ±50: the input is in other units
            than the normalizer expects, or was not normalised.
    """
    warnings = [_check("pulse feature", features.pulses), _check("DOM position", features.positions)]
    return "; ".join(warning for warning in warnings if warning) or None


def _check(what: str, values: Float[Tensor, "row column"]) -> str | None:
    if values.shape[0] == 0:
        return None
    sizes = values.detach().abs()
    broken = (~sizes.isfinite()).any(0).nonzero().flatten().tolist()
    if broken:
        raise IcerecoError(f"{what} {broken[0]} is NaN or infinite after normalisation; {_ADVICE}")
    share, largest = (sizes > LARGEST_FEATURE).double().mean(0), sizes.amax(0)
    column = int(share.argmax())
    if not share[column]:
        return None
    finding = (
        f"{what} {column} reaches {largest[column]:.3g} after normalisation, and {share[column]:.2%} of it exceeds "
        f"±{LARGEST_FEATURE:.0f}; networks expect values of order one"
    )
    if share[column] > TOLERATED_SHARE:
        raise IcerecoError(f"{finding}; {_ADVICE}")
    return finding


_ADVICE = (
    "check the units of the data (time in ns, charge in photo-electrons, positions in m: `icereco data show`), "
    "or choose another [normalizer] in the profile"
)

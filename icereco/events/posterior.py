"""What is believed of the directions of events after they were seen: a density on the sphere for each."""

from typing import TYPE_CHECKING, Protocol, runtime_checkable

from jaxtyping import Float
from numpy import ndarray

if TYPE_CHECKING:
    from icereco.events.vmf_mixture import VmfMixture

__all__ = ["Posterior"]


@runtime_checkable
class Posterior(Protocol):
    """Densities of the directions of `E` events, per steradian; direction is to where the neutrino came from.

    Everything about an event is independent of the other events of the batch. An event without a density has NaN.
    """

    def __len__(self) -> int: ...

    @property
    def mode(self) -> Float[ndarray, "event 3"]:
        """Where each density is highest: unit vectors."""
        ...

    @property
    def kappa(self) -> Float[ndarray, "event"]:
        """One number for how concentrated each is: κ of the von Mises-Fisher density with the same mean cosine to the mode."""
        ...

    def log_density(self, directions: Float[ndarray, "event point 3"]) -> Float[ndarray, "event point"]:
        """Log density per steradian at directions, several for each event."""
        ...

    def contour_level(self, probability: float) -> Float[ndarray, "event"]:
        """The log density above which lies the given probability: that of the smallest region that holds it."""
        ...

    def content(self, direction: Float[ndarray, "event 3"]) -> Float[ndarray, "event"]:
        """The probability of the smallest region that reaches a direction: uniform in [0, 1] over true directions."""
        ...

    def sample(self, count: int, seed: int = 0) -> Float[ndarray, "event sample 3"]:
        """Random directions of each density."""
        ...

    def as_mixture(self) -> "VmfMixture":
        """As a mixture of von Mises-Fisher densities, which is the form in which files hold it."""
        ...

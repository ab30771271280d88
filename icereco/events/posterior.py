"""Posterior densities of the directions of events: one density on the sphere for each event."""

from typing import TYPE_CHECKING, Protocol, runtime_checkable

from jaxtyping import Float
from numpy import ndarray

if TYPE_CHECKING:
    from icereco.events.vmf_mixture import VmfMixture

__all__ = ["Density", "Posterior"]


@runtime_checkable
class Density(Protocol):
    """What a picture needs of the densities of directions of `E` events, per steradian."""

    @property
    def mode(self) -> Float[ndarray, "event 3"]:
        """The maximum of each density: unit vectors."""
        ...

    def log_density(self, directions: Float[ndarray, "event point 3"]) -> Float[ndarray, "event point"]:
        """Return the log density per steradian at directions, several for each event."""
        ...

    def contour_level(self, probability: float) -> Float[ndarray, "event"]:
        """Return the log density on the border of the smallest region that holds a probability."""
        ...


@runtime_checkable
class Posterior(Density, Protocol):
    """Densities of the directions of `E` events, per steradian; direction is to where the neutrino came from.

    Everything about an event is independent of the other events of the batch. An event without a density has NaN.
    """

    def __len__(self) -> int: ...

    @property
    def kappa(self) -> Float[ndarray, "event"]:
        """The concentration of each density: κ of the von Mises-Fisher density with the same mean cosine to the mode."""
        ...

    def content(self, direction: Float[ndarray, "event 3"]) -> Float[ndarray, "event"]:
        """Return the probability of the smallest region that includes a direction: uniform in [0, 1] over true directions."""
        ...

    def sample(self, count: int, seed: int = 0) -> Float[ndarray, "event sample 3"]:
        """Draw random directions from each density."""
        ...

    def as_mixture(self) -> "VmfMixture":
        """Convert to a mixture of von Mises-Fisher densities, the form stored in files."""
        ...

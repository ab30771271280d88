"""The angular acceptance of a module."""

import numpy as np
from jaxtyping import Float
from torch import Tensor, nn

from icereco.physics.light.table import SmoothTable

__all__ = ["CELLS", "MODULE_AREA_M2", "AngularAcceptance"]

MODULE_AREA_M2 = float(np.pi * 0.16510**2)
"""Cross-section of the glass sphere."""

# Relative acceptance of a module that looks down, with the refrozen hole ("h2-50cm" of IceCube's ice models), as a
# polynomial in the cosine between the light's way and the upward vertical.
_COEFFICIENTS = (
    0.32813, 0.63899, 0.20049, -1.2250, -0.14470, 4.1695, 0.76898, -5.8690, -2.0939, 2.3834, 1.0435,
)  # fmt: skip
CELLS = 400


class AngularAcceptance(nn.Module):
    """Acceptance of a module relative to its geometric cross-section.

    Attributes:
        mean: for isotropic light.
        slope: of the acceptance with the cosine, its second Legendre coefficient.
    """

    def __init__(self) -> None:
        super().__init__()
        cosine = np.linspace(-1.0, 1.0, CELLS + 1)
        # The polynomial falls below zero for light from directly above.
        acceptance = np.maximum(np.polynomial.polynomial.polyval(cosine, _COEFFICIENTS), 0.0)
        self.table = SmoothTable(-1.0, 1.0, acceptance)
        self.mean = float(np.trapezoid(acceptance, cosine) / 2)
        self.slope = float(np.trapezoid(acceptance * cosine, cosine) * 1.5)

    def forward(
        self,
        cos_impact: Float[Tensor, "*n"],
        drift: Float[Tensor, "*n"] | float = 1.0,
        direct: Float[Tensor, "*n"] | float = 1.0,
    ) -> Float[Tensor, "*n"]:
        """Return the acceptance for light whose directions spread around a mean one.

        A Legendre polynomial of the acceptance counts as much as its mean over the light's directions, by the addition
        theorem; those of second and higher degree are taken to be equally worn off.

        Args:
            cos_impact: of the mean direction; 1 for light that travels straight up.
            drift: mean cosine of the light's directions to the mean one.
            direct: mean of the higher Legendre polynomials of the same cosine.
        """
        acceptance: Tensor = self.table(cos_impact)
        linear = self.mean + self.slope * cos_impact
        return linear + direct * (acceptance - linear) + (drift - 1.0) * self.slope * cos_impact

"""The tensor of inertia: the axis along which the light of an event extends farthest.

The charges are masses at the positions of their DOMs. The direction is the axis of the smallest moment of inertia, which
is that of the largest variance, and the particle went to where the light is later (J. Ahrens et al. (AMANDA), NIM A 524
(2004) 169, astro-ph/0407044, section on first guesses).
"""

import numpy as np
from jaxtyping import Bool, Float
from numpy import ndarray

from icereco.events.batch import EventBatch
from icereco.events.reconstruction import Reconstruction
from icereco_reconstructors.first_light import first_light
from icereco_reconstructors.options import InertiaOptions
from icereco_reconstructors.pulses import coincident_then_all, fit_narrowest, sum_of_dom

__all__ = ["TensorOfInertia"]

_LEAST_EXTENT_M = 1e-6
_LEAST_ELONGATION = 1e-6
_LEAST_PATH_M = 1e-6


class TensorOfInertia:
    """The reconstructor `tensor-of-inertia`.

    Auxiliary pulses are left out, unless an event has no direction without them.
    """

    def __init__(self, options: InertiaOptions) -> None:
        self.options = options

    def __call__(self, batch: EventBatch) -> Reconstruction:
        """Directions float64 `[E, 3]`, NaN where no axis is longest or the light moves neither way along it."""
        return fit_narrowest(batch, coincident_then_all(batch), lambda chosen: self._origin(batch, chosen))

    def _origin(self, batch: EventBatch, chosen: Bool[ndarray, "pulse"]) -> Float[ndarray, "event 3"]:
        charge = batch.charge_pe if self.options.weight_by_charge else np.ones(len(chosen))
        light = first_light(batch, chosen, sum_of_dom(batch, np.where(chosen, charge, 0.0)))
        _, middle, longest = light.extent_m.T
        along = light.along_axes(light.line.covariance)[:, 2]
        with np.errstate(invalid="ignore", divide="ignore"):
            path = np.abs(along) / np.sqrt(light.line.variance[:, 0])
        elongated = (longest > _LEAST_EXTENT_M) & (longest - middle > _LEAST_ELONGATION * longest)
        known = elongated & (path > _LEAST_PATH_M)
        return np.where(known[:, None], -np.sign(along)[:, None] * light.axes[:, :, 2], np.nan)

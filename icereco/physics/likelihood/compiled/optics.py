"""The numbers of a light model in one array, as machine code takes them: every further array costs time at every call."""

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from icereco.detector.detector import LIGHT_M_PER_NS
from icereco.physics.light.acceptance import CELLS as ACCEPTANCE_CELLS
from icereco.physics.light.emission import CELLS as EMISSION_CELLS
from icereco.physics.light.light import LightModel

__all__ = [
    "ACCEPTANCE",
    "ACCEPTANCE_CELLS",
    "ACCEPTANCE_MEAN",
    "ACCEPTANCE_SLOPE",
    "BLURRED",
    "COSINE",
    "EMISSION",
    "EMISSION_CELLS",
    "ICE",
    "ICE_BOTTOM_M",
    "ICE_NODES",
    "MEAN_COSINE",
    "NODE",
    "PER_C_NS_PER_M",
    "SINE",
    "SLOWNESS_NS_PER_M",
    "TRACK_DELAY_NS_PER_M",
    "optics_of",
]

(
    COSINE, SINE, TRACK_DELAY_NS_PER_M, SLOWNESS_NS_PER_M, PER_C_NS_PER_M, ACCEPTANCE_MEAN, ACCEPTANCE_SLOPE, MEAN_COSINE,
    ICE_BOTTOM_M, ICE_NODES,
) = range(10)  # fmt: skip
"""Places of single numbers: cosine and sine of the Cherenkov angle, time of a track's direct light per metre of distance, times
that light and a particle take, those of `AngularAcceptance`, `CascadeEmission` and `LayeredIce`."""

ACCEPTANCE = 10
EMISSION = ACCEPTANCE + 4 * ACCEPTANCE_CELLS
BLURRED = EMISSION + 4 * EMISSION_CELLS
ICE = BLURRED + 4 * EMISSION_CELLS
"""Places of tables: four coefficients of every cell; of every node of the ice, scattering, absorption, their steps to the next
node, and their integrals."""

NODE = 6
"""How many numbers a node of the ice has."""


def optics_of(light: LightModel) -> Float[ndarray, "number"]:
    """Collect the numbers of a light model on the CPU."""
    ice, acceptance, emission, direct = light.ice, light.acceptance, light.emission, light.direct
    numbers = [
        direct.cosine,
        direct.sine,
        direct.delay,
        direct.slowness,
        1.0 / LIGHT_M_PER_NS,
        acceptance.mean,
        acceptance.slope,
        emission.mean_cosine,
        ice.bottom_m,
        float(ice.line.shape[1]),
    ]
    tables = (acceptance.table.coefficient, emission.table.coefficient, emission.blurred.coefficient)
    nodes = np.concatenate([ice.line.numpy(), ice.integral.numpy()])
    return np.concatenate([numbers, *(_by_cell(table.numpy()) for table in tables), _by_cell(nodes)])


def _by_cell(columns: Float[ndarray, "number cell"]) -> Float[ndarray, "number_cell"]:
    return np.asarray(columns.T.ravel(), np.float64)

"""The formula of the line fit: least squares, the same for NumPy's arrays and torch's tensors."""

import numpy as np
import torch

from icereco.physics.linefit import line_moments

rng = np.random.default_rng(5)
EVENT = np.sort(rng.integers(0, 4, 60))
POSITION, TIME, WEIGHT = rng.normal(size=(60, 3)), rng.normal(size=(60, 1)), rng.uniform(size=60)


def mean(values: np.ndarray) -> np.ndarray:
    chosen = [event == EVENT for event in range(4)]
    return np.stack([np.average(values[one], axis=0, weights=WEIGHT[one]) for one in chosen])


def test_velocities_are_those_of_least_squares():
    moments = line_moments(POSITION, TIME, EVENT, mean)
    for event in range(4):
        one = event == EVENT
        root = np.sqrt(WEIGHT[one])[:, None]
        design = root * np.hstack([np.ones_like(TIME[one]), TIME[one]])
        solution, *_ = np.linalg.lstsq(design, root * POSITION[one], rcond=None)
        velocity = moments.covariance[event] / moments.variance[event]
        np.testing.assert_allclose(velocity, solution[1], rtol=1e-9)


def test_the_kind_of_array_makes_no_difference():
    arrays = line_moments(POSITION, TIME, EVENT, mean)
    tensors = line_moments(
        torch.from_numpy(POSITION),
        torch.from_numpy(TIME),
        torch.from_numpy(EVENT),
        lambda values: torch.from_numpy(mean(values.numpy())),
    )
    np.testing.assert_allclose(tensors.centre, arrays.centre)
    np.testing.assert_allclose(tensors.covariance, arrays.covariance)
    np.testing.assert_allclose(tensors.variance, arrays.variance)

"""Posteriors as maps: whole, as large as the density says, and small in number of pixels for every width."""

import numpy as np
import pytest

from icereco.events.density_map import density_map
from icereco.events.vmf_mixture import VmfMixture
from icereco.physics import healpix
from icereco.physics.sphere import opening_angle
from icereco.physics.vmf import radius_holding

CONTOURS = (0.5, 0.9)
MEANS = {"in the field": [0.36, -0.48, 0.8], "a pole": [0.0, 0.0, 1.0], "a corner of pixels": [1.0, 0.0, 0.0]}


@pytest.mark.parametrize("kappa", [0.0, 0.1, 3.0, 1e3, 1e6, 1e8])
@pytest.mark.parametrize("place", MEANS)
def test_a_map_is_whole_and_its_regions_are_those_of_the_density(kappa, place):
    mean = np.array([MEANS[place]])
    sky = density_map(VmfMixture.single(mean, np.array([kappa])), CONTOURS)
    assert healpix.area_sr(sky.order).sum() == pytest.approx(4 * np.pi)
    assert sky.probability.sum() == pytest.approx(1.0)
    assert len(sky) < 10_000
    for contour in CONTOURS:
        radius = float(radius_holding(contour, np.array(kappa)))
        assert sky.radius_deg(contour) == pytest.approx(np.degrees(radius), rel=0.01)
        if kappa >= 3.0:
            (line,) = sky.borders(contour)
            assert np.degrees(opening_angle(line, mean).mean()) == pytest.approx(np.degrees(radius), rel=0.05)


def test_a_narrow_maximum_on_a_wide_one_is_not_missed():
    means = np.array([[[1.0, 0.0, 0.0], [0.0, 0.0, 1.0]]])
    sky = density_map(VmfMixture(np.array([[0.6, 0.4]]), means, np.array([[1e8, 2.0]])), CONTOURS)
    near = opening_angle(sky.direction, means[:, 0]) < 1e-3
    assert sky.probability[near].sum() == pytest.approx(0.6, abs=0.01)

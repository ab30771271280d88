"""Right ascension and declination (ICRS, which is J2000 to 0.02″) of directions in a detector's frame.

By the routines of the IAU's standards of fundamental astronomy (ERFA). Apart from 0.004° by which Earth's rotation differs from
UTC at most (|UT1 − UTC| < 0.9 s, of which no table is needed), results agree with astropy's to 0.001°. Refraction means nothing
to neutrinos and is left out; the aberration of starlight by Earth's orbit, up to 0.006°, is taken into account.
"""

import numpy as np
from jaxtyping import Bool, Float
from numpy import ndarray

from icereco.detector.site import Site
from icereco.physics.sphere import angles_from_direction, direction_from_angles

__all__ = ["equatorial_angles", "equatorial_rotation", "is_datable"]

_MJD = 2_400_000.5
_FIRST_MJD, _LAST_MJD = 15_020.0, 88_069.0
"""From 1900 to 2100, the years for which Earth's motion is known to ERFA."""


def is_datable(mjd: Float[ndarray, "event"]) -> Bool[ndarray, "event"]:
    """Return which times are known and between the years 1900 and 2100."""
    return np.asarray((mjd > _FIRST_MJD) & (mjd < _LAST_MJD))


def equatorial_angles(
    direction: Float[ndarray, "event 3"], mjd: Float[ndarray, "event"], site: Site
) -> tuple[Float[ndarray, "event"], Float[ndarray, "event"]]:
    """Return right ascension in [0, 2π) and declination, rad; NaN where direction or time is unknown.

    >>> site = Site(latitude_deg=-90.0, longitude_deg=0.0, x_axis_deg=90.0)
    >>> _, declination = equatorial_angles(np.array([[0.0, 0.0, 1.0]]), np.array([59000.0]), site)
    >>> bool(np.degrees(declination[0]) < -89.8)
    True

    Args:
        direction: unit vectors to where the neutrinos came from, in the detector's frame.
        mjd: when, as modified Julian days (UTC).
        site: of the detector.
    """
    right_ascension, declination = np.full((2, len(mjd)), np.nan)
    known = is_datable(mjd) & np.isfinite(direction).all(axis=1)
    if known.any():
        right_ascension[known], declination[known] = _angles(direction[known], mjd[known], site)
    return right_ascension, declination


def equatorial_rotation(mjd: float, site: Site) -> Float[ndarray, "3 3"]:
    """Return the rotation from the detector's frame to equatorial coordinates at a time, to 0.006°: aberration is no rotation.

    Multiplied by a unit vector of the detector's frame it gives (cos α cos δ, sin α cos δ, sin δ).
    """
    right_ascension, declination = _angles(np.concatenate([np.eye(3), -np.eye(3)]), np.full(6, mjd), site)
    ends = direction_from_angles(right_ascension, np.pi / 2 - declination)
    left, _, right = np.linalg.svd((ends[:3] - ends[3:]).T)
    return np.asarray(left @ right)


def _angles(
    direction: Float[ndarray, "event 3"], mjd: Float[ndarray, "event"], site: Site
) -> tuple[Float[ndarray, "event"], Float[ndarray, "event"]]:
    import erfa

    azimuth, zenith = angles_from_direction(direction)
    bearing = np.radians(site.x_axis_deg) - azimuth
    hour_angle, declination = erfa.ae2hd(bearing, np.pi / 2 - zenith, np.radians(site.latitude_deg))
    of_date = erfa.era00(_MJD, mjd) + np.radians(site.longitude_deg) - hour_angle
    day, row = np.unique(np.round(mjd), return_inverse=True)  # precession and Earth's velocity change slowly
    earth, _ = erfa.apci13(_MJD, day)
    right_ascension, declination = erfa.aticq(of_date, declination, earth[row])
    return np.asarray(right_ascension) % (2 * np.pi), np.asarray(declination)

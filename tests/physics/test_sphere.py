import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from icereco.physics.sphere import angles_from_direction, direction_from_angles, opening_angle

azimuths = st.floats(0, 2 * np.pi, exclude_max=True)
zeniths = st.floats(0, np.pi)
directions = st.builds(lambda a, z: direction_from_angles(np.array(a), np.array(z)), azimuths, zeniths)
components = st.floats(-1e6, 1e6)


def rotation(axis: np.ndarray, angle: float) -> np.ndarray:
    x, y, z = axis
    cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    return np.eye(3) + np.sin(angle) * cross + (1 - np.cos(angle)) * cross @ cross


def perpendicular(direction: np.ndarray) -> np.ndarray:
    helper = np.eye(3)[np.argmin(np.abs(direction))]
    side = np.cross(direction, helper)
    return side / np.linalg.norm(side)


@given(azimuths, zeniths)
def test_angles_survive_the_round_trip(azimuth: float, zenith: float):
    back_azimuth, back_zenith = angles_from_direction(
        direction_from_angles(np.array(azimuth), np.array(zenith))
    )
    assert abs(back_zenith - zenith) < 1e-12
    turn = abs(back_azimuth - azimuth)
    assert min(turn, 2 * np.pi - turn) * np.sin(zenith) < 1e-12


@given(st.tuples(components, components, components))
def test_angles_stay_in_their_ranges_for_any_vector(vector: tuple[float, float, float]):
    azimuth, zenith = angles_from_direction(np.array(vector))
    assert 0 <= azimuth < 2 * np.pi
    assert 0 <= zenith <= np.pi


@given(directions)
def test_directions_have_unit_length(direction: np.ndarray):
    assert abs(np.linalg.norm(direction) - 1) < 1e-12


def test_the_axes_are_where_the_convention_says():
    half = np.pi / 2
    direction = direction_from_angles(np.array([0.0, half, 0.0, 0.0]), np.array([half, half, 0.0, np.pi]))
    np.testing.assert_allclose(direction, [[1, 0, 0], [0, 1, 0], [0, 0, 1], [0, 0, -1]], atol=1e-15)


@given(directions, st.floats(1e-8, np.pi - 1e-8))
def test_opening_angle_is_precise_from_1e_8_rad_to_nearly_pi(direction: np.ndarray, angle: float):
    other = np.cos(angle) * direction + np.sin(angle) * perpendicular(direction)
    assert abs(opening_angle(direction, other) - angle) < 1e-15 + 1e-7 * min(angle, np.pi - angle)


@given(directions, directions)
def test_opening_angle_is_symmetric_and_within_0_and_pi(first: np.ndarray, second: np.ndarray):
    angle = opening_angle(first, second)
    assert angle == opening_angle(second, first)
    assert 0 <= angle <= np.pi


@given(directions, directions, directions, st.floats(-np.pi, np.pi))
def test_opening_angle_does_not_change_under_rotation(
    first: np.ndarray, second: np.ndarray, axis: np.ndarray, angle: float
):
    turn = rotation(axis, angle)
    assert abs(opening_angle(turn @ first, turn @ second) - opening_angle(first, second)) < 1e-12


def test_shapes_broadcast_over_leading_axes():
    azimuth, zenith = np.zeros((2, 3)), np.ones((2, 3))
    direction = direction_from_angles(azimuth, zenith)
    assert direction.shape == (2, 3, 3)
    assert opening_angle(direction, direction).shape == (2, 3)

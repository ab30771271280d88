"""The light model against light that is propagated photon by photon."""

from dataclasses import dataclass, replace

import numpy as np
import pytest
import torch
from jaxtyping import Float
from numpy import ndarray
from photon_propagation import Medium, Passages, propagate, turned

from icereco.detector.detector import LIGHT_M_PER_NS, Detector
from icereco.physics.light.acceptance import MODULE_AREA_M2, AngularAcceptance
from icereco.physics.light.emission import CascadeEmission
from icereco.physics.light.light import ABSORPTION_SCALE, Expectation, LightModel
from icereco.physics.light.yields import PHOTONS_PER_M

MEDIUM = Medium(scattering_m=25.0, absorption_m=75.0)
PHOTONS, PLACES = 60_000, 200_000
RADIUS_M = 85.0
AXIS = np.array([1.0, 0.0, 0.0])
"""Direction of the cascade and of the track: level, so that modules see its light from above and from below."""


Interval = tuple[float, float]


@dataclass(frozen=True)
class Light:
    """Light at places: weights that add up to photo-electrons per photon, and delays, `[N]` each."""

    distance_m: Float[ndarray, "n"]
    cos_emission: Float[ndarray, "n"]
    cos_impact: Float[ndarray, "n"]
    weight: Float[ndarray, "n"]
    delay_ns: Float[ndarray, "n"]

    def inside(self, distance_m: Interval, cos_emission: Interval, upwards: bool) -> "Light":
        """Select a shell, a range of directions from the source, and light that goes up or down."""
        chosen = (self.distance_m > distance_m[0]) & (self.distance_m < distance_m[1])
        chosen &= (self.cos_emission > cos_emission[0]) & (self.cos_emission < cos_emission[1])
        chosen &= (self.cos_impact > 0) == upwards
        return Light(*(getattr(self, name)[chosen] for name in self.__dataclass_fields__))

    def median_delay_ns(self) -> float:
        order = np.argsort(self.delay_ns)
        below = np.cumsum(self.weight[order])
        return float(self.delay_ns[order][np.searchsorted(below, 0.5 * below[-1])])


Both = tuple[Light, Light]
"""Light propagated photon by photon, and as the model expects it."""


def module_light(weight_m: Float[ndarray, "n"], direction: Float[ndarray, "n 3"]) -> Float[ndarray, "n"]:
    """What modules see of passing photons, in photo-electrons per photon."""
    acceptance = AngularAcceptance()(torch.from_numpy(direction[:, 2].copy())).numpy()
    return weight_m * MODULE_AREA_M2 * acceptance / PHOTONS


def near(passages: Passages) -> Passages:
    chosen = np.linalg.norm(passages.position_m, axis=1) < 3 * RADIUS_M
    return Passages(*(getattr(passages, name)[chosen] for name in passages.__dataclass_fields__))


def joined(parts: list[Light]) -> Light:
    return Light(
        *(np.concatenate([getattr(part, name) for part in parts]) for name in Light.__dataclass_fields__)
    )


def places(rng: np.random.Generator, direction: Float[ndarray, "n 3"]) -> Float[ndarray, "n 3"]:
    """Points in directions at random, as many at one distance as at another."""
    unit = direction / np.linalg.norm(direction, axis=1, keepdims=True)
    position: ndarray = rng.uniform(0.0, RADIUS_M, (len(unit), 1)) * unit
    return position


def expected(
    seen: Expectation, times: Float[ndarray, "n"], direct_ns: Float[ndarray, "n"], **place: ndarray
) -> Light:
    """The model's light at random places, each of which stands for a part of the volume."""
    rng = np.random.default_rng(3)
    parts = seen.delays()
    early, late = (rng.gamma(part.shape.numpy()) * part.scale_ns.numpy() for part in parts)
    delay = np.where(rng.random(len(early)) < parts[0].share.numpy(), early, late)
    return Light(
        weight=seen.photo_electrons.numpy() * times,
        delay_ns=delay + seen.time_ns.numpy() - direct_ns,
        **place,
    )


@pytest.fixture(scope="module")
def light(detector: Detector) -> LightModel:
    """In a medium without layers, and for light of one colour."""
    lengths = {
        "scattering_length_m": MEDIUM.scattering_m,
        "absorption_length_m": MEDIUM.absorption_m * ABSORPTION_SCALE,
    }
    layers = {name: np.full_like(detector.medium.z_m, length) for name, length in lengths.items()}
    return LightModel(replace(detector, medium=replace(detector.medium, **layers)))


def cascade_place(position_m: Float[ndarray, "n 3"]) -> dict[str, ndarray]:
    distance = np.linalg.norm(position_m, axis=1)
    return {
        "distance_m": distance,
        "cos_emission": position_m @ AXIS / distance,
        "cos_impact": position_m[:, 2] / distance,
    }


@pytest.fixture(scope="module")
def cascades(light: LightModel) -> Both:
    rng = np.random.default_rng(1)
    cosine = np.linspace(-1.0, 1.0, 20_001)
    profile = CascadeEmission()(
        torch.from_numpy(cosine), torch.zeros(len(cosine), dtype=torch.float64)
    ).numpy()
    emitted = turned(
        rng,
        np.tile(AXIS, (PHOTONS, 1)),
        np.interp(rng.random(PHOTONS), np.cumsum(profile) / profile.sum(), cosine),
    )
    propagated = []
    for passages in map(near, propagate(rng, emitted, MEDIUM)):
        place = cascade_place(passages.position_m)
        delay = (passages.path_m - place["distance_m"]) * light.direct.slowness
        propagated.append(
            Light(weight=module_light(passages.weight_m, passages.direction), delay_ns=delay, **place)
        )
    position = places(rng, rng.normal(size=(PLACES, 3)))
    module = torch.from_numpy(position)
    brightness = torch.full((PLACES,), 1.0 / PHOTONS_PER_M, dtype=torch.float64)
    seen = light.cascades(
        brightness, torch.zeros_like(module), torch.from_numpy(AXIS).expand(PLACES, 3), module
    )
    place = cascade_place(position)
    volume = 4 * np.pi * place["distance_m"] ** 2 * RADIUS_M / PLACES
    return joined(propagated), expected(seen, volume, place["distance_m"] * light.direct.slowness, **place)


def track_place(position_m: Float[ndarray, "n 3"], cherenkov_cosine: float) -> dict[str, ndarray]:
    across = position_m - (position_m @ AXIS)[:, None] * AXIS
    distance = np.linalg.norm(across, axis=1)
    cos_impact = np.sqrt(1.0 - cherenkov_cosine**2) * across[:, 2] / distance
    return {"distance_m": distance, "cos_emission": np.zeros_like(distance), "cos_impact": cos_impact}


@pytest.fixture(scope="module")
def tracks(light: LightModel, detector: Detector) -> Both:
    """Light of an endless track, all of whose photons are propagated from one point: only relative places matter."""
    rng = np.random.default_rng(2)
    cherenkov = 1.0 / detector.medium.refractive_index_phase
    emitted = turned(rng, np.tile(AXIS, (PHOTONS, 1)), np.full(PHOTONS, cherenkov))
    propagated = []
    for passages in map(near, propagate(rng, emitted, MEDIUM)):
        place = track_place(passages.position_m, cherenkov)
        direct = passages.position_m @ AXIS / LIGHT_M_PER_NS + place["distance_m"] * light.direct.delay
        delay = passages.path_m * light.direct.slowness - direct
        propagated.append(
            Light(weight=module_light(passages.weight_m, passages.direction), delay_ns=delay, **place)
        )
    position = places(rng, rng.normal(size=(PLACES, 3)) * (AXIS == 0.0))
    module, travel = torch.from_numpy(position), torch.from_numpy(AXIS).expand(PLACES, 3)
    line = light.line(torch.zeros_like(module), travel, module)
    seen = light.tracks(torch.full((PLACES,), 1.0 / PHOTONS_PER_M, dtype=torch.float64), line)
    place = track_place(position, cherenkov)
    area = 2 * np.pi * place["distance_m"] * RADIUS_M / PLACES
    return joined(propagated), expected(seen, area, place["distance_m"] * light.direct.delay, **place)


SHELLS = pytest.mark.parametrize("distance_m", [(8.0, 15.0), (20.0, 35.0), (50.0, RADIUS_M)], ids=str)
UPWARDS = pytest.mark.parametrize("upwards", [True, False], ids=["up", "down"])
SECTORS = pytest.mark.parametrize(
    "cos_emission", [(-1.0, -0.5), (-0.5, 0.5), (0.5, 0.9)], ids=["behind", "beside", "ahead"]
)


def check_light(both: Both, *part: Interval) -> None:
    """Within a third, or a tenth of what the modules see that look at the source."""
    propagated, model = (light.inside(*part, upwards=True).weight.sum() for light in both)
    assert model == pytest.approx(propagated, rel=0.33)
    averted = [light.inside(*part, upwards=False).weight.sum() for light in both]
    assert averted[1] == pytest.approx(averted[0], rel=0.33, abs=0.1 * propagated)


def check_delays(both: Both, *part: Interval) -> None:
    """Medians agree within a sixth or five nanoseconds."""
    for upwards in (True, False):
        propagated, model = (light.inside(*part, upwards=upwards).median_delay_ns() for light in both)
        assert model == pytest.approx(propagated, rel=0.17, abs=5.0)


@SHELLS
@SECTORS
class TestCascades:
    def test_light_agrees(self, cascades: Both, distance_m: Interval, cos_emission: Interval):
        check_light(cascades, distance_m, cos_emission)

    def test_delays_agree(self, cascades: Both, distance_m: Interval, cos_emission: Interval):
        check_delays(cascades, distance_m, cos_emission)


@SHELLS
class TestTracks:
    def test_light_agrees(self, tracks: Both, distance_m: Interval):
        check_light(tracks, distance_m, (-1.0, 1.0))

    def test_delays_agree(self, tracks: Both, distance_m: Interval):
        check_delays(tracks, distance_m, (-1.0, 1.0))

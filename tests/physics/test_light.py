"""The physics of the simulator, piece by piece: light in ice, photo-electrons, noise, the trigger, the space of particles."""

from dataclasses import replace

import numpy as np
import pytest
from icereco_simulation.options import IceTelescopeOptions
from icereco_simulation.photons import PhotoElectrons
from icereco_simulation.sensor import Coincidence, DarkNoise, Pulses, merge, single_charges
from icereco_simulation.simulator import IceTelescope
from icereco_simulation.trigger import simple_multiplicity
from icereco_simulation.volume import Volume

from icereco.detector.detector import Detector, load_detector
from icereco.errors import IcerecoError
from icereco.physics.light.acceptance import angular_acceptance, mean_acceptance
from icereco.physics.light.emission import MEAN_COSINE, cascade_emission
from icereco.physics.light.ice import LayeredIce
from icereco.physics.light.light import LightModel, cascade_density, track_density

SPEED = 0.299792458


class TestLight:
    def test_ice_average_is_the_numeric_integral(self, detector: Detector):
        ice = LayeredIce.of(detector.medium)
        rng = np.random.default_rng(0)
        first, second = rng.uniform(-600, 600, (2, 50))
        scattering, absorption = ice.mean_coefficients(first, second)
        for found, length in (
            (scattering, detector.medium.scattering_length_m),
            (absorption, detector.medium.absorption_length_m),
        ):
            path = np.linspace(first, second, 4001)
            expected = np.interp(path, detector.medium.z_m, 1.0 / length).mean(axis=0)
            np.testing.assert_allclose(found, expected, rtol=0.02)

    def test_level_light_sees_its_own_layer(self, detector: Detector):
        ice = LayeredIce.of(detector.medium)
        z = np.array([-300.4])
        scattering, _ = ice.mean_coefficients(z, z + 0.01)
        below, above = ice.mean_coefficients(z - 10, z)[0], ice.mean_coefficients(z, z + 10)[0]
        assert min(below, above) * 0.9 <= scattering <= max(below, above) * 1.1

    def test_cascade_density_is_ballistic_near_and_diffusive_far(self):
        scattering, absorption = np.array([1 / 25.0]), np.array([1 / 100.0])
        near = cascade_density(np.array([0.5]), scattering, absorption)
        np.testing.assert_allclose(near, 1 / (4 * np.pi * 0.25), rtol=0.05)
        far = np.array([300.0])
        decay = np.sqrt(25.0 * 100.0 / 3)
        diffusion = 25.0 / 3 * np.exp(0.25)
        np.testing.assert_allclose(
            cascade_density(far, scattering, absorption),
            np.exp(-far / decay) / (4 * np.pi * diffusion * far),
            rtol=1e-3,
        )

    def test_track_density_is_the_integral_of_points_far_away(self):
        scattering, absorption, sine = np.array([1 / 25.0]), np.array([1 / 100.0]), 0.65
        distance = np.array([250.0])
        along = np.linspace(-2000, 2000, 40001)
        points = cascade_density(
            np.hypot(along, distance), *np.broadcast_arrays(scattering, absorption, along)[:2]
        )
        line = track_density(distance, scattering, absorption, sine)
        np.testing.assert_allclose(line, np.trapezoid(points, along), rtol=0.06)

    def test_track_density_is_a_cherenkov_cone_near(self):
        found = track_density(np.array([0.5]), np.array([1 / 25.0]), np.array([1 / 100.0]), 0.65)
        np.testing.assert_allclose(found, 1 / (2 * np.pi * 0.65 * 0.5), rtol=0.1)

    def test_cascade_emission_averages_to_one_and_peaks_at_the_cherenkov_angle(self):
        cosine = np.linspace(-1, 1, 200001)
        profile = cascade_emission(cosine)
        assert np.trapezoid(profile, cosine) / 2 == pytest.approx(1.0, abs=1e-3)
        assert cosine[np.argmax(profile)] == pytest.approx(1 / 1.3194, abs=0.01)
        assert np.trapezoid(profile * cosine, cosine) / 2 == pytest.approx(MEAN_COSINE, abs=1e-3)

    def test_modules_look_down(self):
        up, down = angular_acceptance(np.array([0.7, -0.7]))
        assert up > 5 * down
        assert down < mean_acceptance() < up

    def test_unscattered_light_of_tracks_comes_from_the_cherenkov_cone(self, detector: Detector):
        light = LightModel(detector.medium)
        one = np.ones(1, np.float32)
        along, distance = 100 * one, 20 * one
        seen = light.tracks(one, along, distance, -one, -100 * one, 0 * one)
        # The shortest time over all points of emission is the Cherenkov one but for the group index.
        points = np.linspace(0, 100, 100001)
        times = points / SPEED + np.hypot(100 - points, 20) * 1.3194 / SPEED
        assert seen.time_ns[0] == pytest.approx(times.min(), abs=5.0)

    def test_delays_have_the_moments_of_pandels_distribution(self, detector: Detector):
        light = LightModel(detector.medium)
        one = np.ones(1, np.float32)
        way = np.array([[60.0, 0.0, 0.0]], np.float32)
        seen = light.cascades(one, 0 * way, way / 60.0, way)
        rng = np.random.default_rng(1)
        drawn = seen.scale_ns * rng.standard_gamma(np.repeat(seen.shape, 200_000), dtype=np.float32)
        scattering, absorption = light.ice.mean_coefficients(np.zeros(1), np.zeros(1))
        scale = 1 / (1 / 557 + absorption[0] * SPEED / 1.3561)
        assert seen.scale_ns[0] == pytest.approx(scale, rel=1e-5)
        assert drawn.mean() == pytest.approx(seen.shape[0] * scale, rel=0.02)
        assert drawn.var() == pytest.approx(seen.shape[0] * scale**2, rel=0.03)
        assert scattering[0] > 0


class TestSensor:
    def test_a_photo_electron_has_a_charge_of_about_one(self):
        charge = single_charges(np.random.default_rng(0), 100_000)
        assert charge.mean() == pytest.approx(1.0, abs=0.06)
        assert charge.min() >= 0.25
        assert np.median(charge) == pytest.approx(1.0, abs=0.05)

    def test_noise_comes_at_the_rates_of_the_card(self, detector: Detector):
        noise = DarkNoise(detector, 1.0)
        events = np.arange(100)
        hits = noise.sample(np.random.default_rng(0), events, np.zeros(100), np.full(100, 1e6))
        expected = detector.noise_rate_hz[detector.alive].sum() * 1e-3 * 100
        assert hits.time_ns.size == pytest.approx(expected, rel=0.02)
        assert detector.alive[hits.sensor].all()
        high = detector.quantum_efficiency[hits.sensor] > 1.1
        rates = np.where(detector.alive, detector.noise_rate_hz, 0)
        assert high.mean() == pytest.approx(
            rates[detector.quantum_efficiency > 1.1].sum() / rates.sum(), rel=0.05
        )

    def test_close_photo_electrons_become_one_pulse(self):
        hits = PhotoElectrons(
            np.zeros(4, np.int64), np.array([3, 3, 3, 4]), np.array([100.0, 101.0, 900.0, 101.0], np.float32),
            np.array([1.0, 500.0, 1.0, 1.0], np.float32),
        )  # fmt: skip
        pulses = merge(np.random.default_rng(0), hits, 5160)
        assert pulses.sensor.tolist() == [3, 3, 4]
        assert pulses.time_ns.tolist() == [100.0, 900.0, 101.0]
        assert pulses.charge_pe[0] == pytest.approx(501, rel=0.5)

    def test_coincidence_equals_the_plain_definition(self, detector: Detector):
        rng = np.random.default_rng(3)
        primary, sensor = rng.integers(0, 4, 3000), rng.integers(0, 400, 3000)
        time = rng.uniform(-3000, 60_000, 3000).round().astype(np.float32)
        order = np.lexsort((time, sensor, primary))
        pulses = Pulses(primary[order], sensor[order], time[order], np.ones(3000, np.float32))
        found = Coincidence(detector).flags(pulses)
        string, om = detector.string[pulses.sensor], detector.om[pulses.sensor]
        for i in range(0, 3000, 7):
            apart = np.abs(om - om[i])
            near = (
                (pulses.primary == pulses.primary[i])
                & (string == string[i])
                & (apart > 0)
                & (apart <= 2)
                & (np.abs(pulses.time_ns - pulses.time_ns[i]) <= 1000)
            )
            assert found[i] == near.any()
        assert 0.1 < found.mean() < 0.9

    def test_trigger_wants_so_many_modules_within_its_window(self):
        time = np.concatenate([np.arange(8) * 700.0, np.arange(8) * 720.0, np.zeros(8)]).astype(np.float32)
        primary = np.repeat([0, 1, 2], 8)
        sensor = np.concatenate([np.arange(8), np.arange(8), np.zeros(8)]).astype(np.int64)
        pulses = Pulses(primary, sensor, time, np.ones(24, np.float32))
        found = simple_multiplicity(pulses, np.ones(24, bool), 8, 5000.0)
        assert found.primary.tolist() == [0]
        assert found.begin_ns.tolist() == [0.0]
        assert found.end_ns.tolist() == [4900.0]
        assert simple_multiplicity(pulses, np.zeros(24, bool), 8, 5000.0).primary.size == 0


@pytest.mark.parametrize("name", ["deepcore", "upgrade", "gen2"])
def test_the_space_of_particles_follows_the_detector(name):
    options = IceTelescopeOptions(noise_scale=0.0, primaries_per_block=64)
    other = load_detector(name)
    volume = Volume.around(other, options)
    used = other.position_m[other.alive] - volume.centre_m
    assert np.linalg.norm(used, axis=1).max() < volume.world_radius_m
    assert np.hypot(used[:, 0], used[:, 1]).max() < volume.vertex_radius_m + 10
    events = next(IceTelescope(options, other).blocks(seed=1))
    assert events.num_rows > 0
    vertex = np.stack([events.column(f"vertex_{axis}").to_numpy() for axis in "xyz"], axis=1)
    assert np.linalg.norm(vertex - volume.centre_m, axis=1).max() <= volume.world_radius_m + 1


def test_the_space_of_particles_around_icecube_is_as_documented(detector):
    volume = Volume.around(detector, IceTelescopeOptions())
    np.testing.assert_array_equal(volume.centre_m, 0)
    sizes = (
        volume.track_radius_m,
        volume.vertex_radius_m,
        volume.vertex_half_height_m,
        volume.world_radius_m,
    )
    assert sizes == (650, 600, 560, 850)


def test_a_detector_in_water_is_refused_with_what_to_do():
    with pytest.raises(IcerecoError, match=r"'orca' stands in water(.|\n)*--data"):
        IceTelescope(IceTelescopeOptions(), load_detector("orca"))


def test_a_card_without_noise_or_lengths_is_refused(detector):
    with pytest.raises(IcerecoError, match=r"no dark noise; simulate without it .*noise_scale=0"):
        IceTelescope(IceTelescopeOptions(), load_detector("upgrade"))
    unknown = replace(detector, medium=replace(detector.medium, absorption_length_m=None))
    with pytest.raises(IcerecoError, match=r"no absorption_length_m in \[medium\]"):
        IceTelescope(IceTelescopeOptions(), unknown)

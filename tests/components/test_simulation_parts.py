"""The simulator, piece by piece: photo-electrons, noise, the trigger, the space of particles."""

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
    with pytest.raises(IcerecoError, match=r"'orca' is in water(.|\n)*--data"):
        IceTelescope(IceTelescopeOptions(), load_detector("orca"))


def test_a_card_without_noise_or_lengths_is_refused(detector):
    with pytest.raises(IcerecoError, match=r"no dark noise; simulate without it .*noise_scale=0"):
        IceTelescope(IceTelescopeOptions(), load_detector("upgrade"))
    unknown = replace(detector, medium=replace(detector.medium, absorption_length_m=None))
    with pytest.raises(IcerecoError, match=r"gives no absorption_length_m in \[medium\]"):
        IceTelescope(IceTelescopeOptions(), unknown)

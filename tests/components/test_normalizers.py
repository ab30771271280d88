import dataclasses

import numpy as np
import pytest
import torch
from icereco_normalizers.columns import soften
from icereco_normalizers.point import light_from_point
from icereco_normalizers.zero import central_time

from icereco.detector.detector import Detector, Medium
from icereco.errors import IcerecoError
from icereco.events.tensors import TensorBatch
from icereco.model.feature_check import check_features
from icereco.physics.sphere import direction_from_angles
from icereco.plugins.discovery import registry
from icereco.protocols import Features

NORMALIZERS = registry().names("normalizer")
TIME = 0


def detector(sensors=5160):
    generator = np.random.default_rng(0)
    layers = np.array([-500.0, 500.0])
    return Detector(
        name="test",
        string=np.arange(sensors, dtype=np.int32) // 60,
        om=np.arange(sensors, dtype=np.int32) % 60 + 1,
        position_m=generator.uniform(-500, 500, (sensors, 3)).astype(np.float32),
        quantum_efficiency=np.ones(sensors, np.float32),
        alive=np.ones(sensors, bool),
        noise_rate_hz=np.full(sensors, 560, np.float32),
        medium=Medium(1.32, 1.35, layers, layers * 0 + 30, layers * 0 + 100),
        fingerprint="0" * 64,
    )


def build(name, **options):
    component = registry().get("normalizer", name)
    model = component.load_options()
    known = {key: value for key, value in options.items() if key in model.model_fields}
    return component.load_factory()(model(**known), detector())


def batch_of(doms_per_event, pulses_per_dom, seed=0):
    """Random events; `doms_per_event` counts DOMs, `pulses_per_dom` pulses, in order."""
    generator = torch.Generator().manual_seed(seed)
    pulses, doms = sum(pulses_per_dom), len(pulses_per_dom)
    assert sum(doms_per_event) == doms
    sensor = torch.randint(0, 5160, (doms,), generator=generator)
    return TensorBatch(
        dom_offsets=torch.tensor([0, *np.cumsum(doms_per_event)]),
        sensor_id=sensor.int(),
        position_m=torch.from_numpy(detector().position_m)[sensor],
        pulse_offsets=torch.tensor([0, *np.cumsum(pulses_per_dom)]),
        time_ns=torch.empty(pulses, dtype=torch.float64).uniform_(6e3, 3e4, generator=generator),
        charge_pe=torch.empty(pulses).exponential_(1.0, generator=generator),
        auxiliary=torch.rand(pulses, generator=generator) < 0.3,
    )


def random_batch(seed=0):
    return batch_of([2, 1, 0, 3, 1], [1, 5, 1, 1, 40, 3, 2], seed)


def one_event(times, charges, auxiliary):
    count = len(times)
    return dataclasses.replace(
        batch_of([1], [count]),
        time_ns=torch.tensor(times, dtype=torch.float64),
        charge_pe=torch.tensor(charges, dtype=torch.float32),
        auxiliary=torch.tensor(auxiliary),
    )


def zero_of(batch):
    return central_time(batch, batch.event_of_pulse)


@pytest.mark.parametrize("name", NORMALIZERS)
@pytest.mark.parametrize("shape", [([], []), ([0, 0], []), ([1], [1]), ([3], [1, 0, 2])])
def test_small_and_empty_batches_work(name, shape):
    features = build(name)(batch_of(*shape))
    assert len(features.pulses) == sum(shape[1])
    assert features.pulses.isfinite().all()


@pytest.mark.parametrize("name", NORMALIZERS)
def test_nanoseconds_survive_a_late_start_of_the_clock(name):
    # In float32 a clock that stands at 1e9 ns ticks in steps of 64 ns.
    options = {"time_zero_ns": 1e9 + 1e4} if name == "fixed" else {}
    batch = random_batch()
    late = dataclasses.replace(batch, time_ns=batch.time_ns + 1e9)
    torch.testing.assert_close(
        build(name, **options)(late).pulses, build(name)(batch).pulses, rtol=1e-5, atol=1e-5
    )


@pytest.mark.parametrize("name", NORMALIZERS)
def test_constants_travel_in_the_state(name):
    other = build(name, time_scale_ns=123.0, position_scale_m=321.0)
    normalizer = build(name)
    normalizer.load_state_dict(other.state_dict())
    batch = random_batch()
    torch.testing.assert_close(normalizer(batch).pulses, other(batch).pulses, rtol=0, atol=0)
    torch.testing.assert_close(normalizer(batch).positions, other(batch).positions, rtol=0, atol=0)


def test_fixed_has_the_reference_constants():
    batch = dataclasses.replace(
        one_event([4e4], [10.0], [True]),
        sensor_id=torch.tensor([2580], dtype=torch.int32),
        position_m=torch.tensor([[500.0, -250.0, 0.0]]),
    )
    features = build("fixed")(batch)
    torch.testing.assert_close(features.pulses, torch.tensor([[1.0, 1 / 3, 0.5, 1.0, -0.5, 0.0, 0.5]]))
    torch.testing.assert_close(features.positions, torch.tensor([[1.0, -0.5, 0.0]]))


def test_median_time_is_weighted_by_charge():
    assert zero_of(one_event([100.0, 200.0, 300.0], [1.0, 1.0, 1.0], [False] * 3)) == 200
    assert zero_of(one_event([300.0, 200.0, 100.0], [9.0, 1.0, 1.0], [False] * 3)) == 300


def test_median_time_leaves_out_noisy_pulses_where_others_exist():
    assert zero_of(one_event([10.0, 20.0, 500.0], [9.0, 9.0, 1.0], [True, True, False])) == 500
    assert zero_of(one_event([10.0, 20.0, 500.0], [1.0, 1.0, 1.0], [True] * 3)) == 20


def test_median_time_of_pulses_without_charge_is_the_plain_median():
    assert zero_of(one_event([5.0, 1.0, 3.0], [0.0, 0.0, 0.0], [False] * 3)) == 3


def test_median_time_is_that_of_a_plain_loop():
    batch = batch_of([3] * 40, [1, 7, 30] * 40, seed=4)
    batch.charge_pe[::11] = 0
    batch.auxiliary[: 38 * 3] = True
    expected = []
    for event in range(40):
        rows = slice(38 * event, 38 * (event + 1))
        time, charge = batch.time_ns[rows], (batch.charge_pe[rows].double() * 1e3).round() + 1
        keep = ~batch.auxiliary[rows] if not batch.auxiliary[rows].all() else torch.ones(38, dtype=torch.bool)
        order = time[keep].argsort()
        arrived = charge[keep][order].cumsum(0)
        expected.append(time[keep][order][(2 * arrived >= arrived[-1]).nonzero()[0, 0]])
    torch.testing.assert_close(zero_of(batch), torch.stack(expected), rtol=0, atol=0)


def test_relative_time_does_not_see_when_the_event_was():
    batch = random_batch()
    shifted = dataclasses.replace(batch, time_ns=batch.time_ns - 12_345.0)
    torch.testing.assert_close(build("relative-time")(shifted).pulses, build("relative-time")(batch).pulses)


def test_softened_time_is_linear_near_zero_odd_and_rising():
    time = torch.linspace(-20, 20, 4001, dtype=torch.float64)
    soft = soften(time)
    torch.testing.assert_close(soft[time.abs() <= 3], time[time.abs() <= 3])
    torch.testing.assert_close(soft, -soft.flip(0))
    assert (soft.diff() > 0).all()
    assert soft.diff().diff().abs().max() < 2e-4
    assert soften(torch.tensor([1e6])) < 20


def test_raw_times_are_refused():
    batch = random_batch()
    raw = torch.stack([batch.time_ns.float(), batch.charge_pe], -1)
    with pytest.raises(IcerecoError, match=r"pulse feature 0 reaches .*e\+04 after normalisation"):
        check_features(Features(raw, batch.position_m / 500))


def test_positions_in_metres_are_refused():
    batch = random_batch()
    with pytest.raises(IcerecoError, match="DOM position"):
        check_features(Features(build("fixed")(batch).pulses, batch.position_m))


def test_features_that_are_not_numbers_are_refused():
    features = build("fixed")(random_batch())
    features.pulses[3, 1] = float("nan")
    with pytest.raises(IcerecoError, match="pulse feature 1 is NaN"):
        check_features(features)


def test_a_single_wild_pulse_is_only_warned_of():
    batch = batch_of([1], [1000])
    batch.time_ns[17] = 1e8
    warning = check_features(build("fixed")(batch))
    assert warning is not None
    assert "pulse feature 0" in warning


def test_the_line_of_a_plane_wave_points_to_its_origin():
    from icereco_normalizers.line import fit_line

    random = torch.Generator().manual_seed(8)
    origin = torch.nn.functional.normalize(torch.randn(4, 3, generator=random), dim=-1)
    along = torch.randn(4, 30, 1, generator=random)
    position = (origin[:, None] * along).flatten(0, 1)
    time = (-along / 0.6).flatten()
    counted = torch.ones(120, dtype=torch.bool)
    counted[5] = False
    time[5] = 1e3  # a pulse that is not counted moves nothing
    line = fit_line(position, time, counted, torch.arange(5) * 30)
    torch.testing.assert_close(line.origin, origin, atol=1e-5, rtol=0)
    torch.testing.assert_close(line.speed, torch.full((4,), 0.6), atol=1e-5, rtol=0)


def test_an_event_without_a_line_gets_zeros():
    from icereco_normalizers.line import fit_line

    line = fit_line(
        torch.zeros(3, 3), torch.zeros(3), torch.ones(3, dtype=torch.bool), torch.tensor([0, 0, 3])
    )
    assert not line.origin.any()
    assert not line.speed.any()


EXTRAS = {
    "pulse_columns": {"tot": 30.0, "pmt_x": 1.0},
    "event_columns": {"fit_best_kappa": 10.0},
    "fits": ["best"],
    "dom_features": ["quantum_efficiency", "scattering", "absorption"],
    "charge_centre": True,
}


@pytest.mark.parametrize("name", NORMALIZERS)
def test_further_features_come_behind_the_others(name):
    batch = random_batch()
    pulses = len(batch.time_ns)
    columns = {"pmt_x": torch.linspace(-1, 1, pulses), "tot": torch.linspace(0, 60, pulses)}
    batch = dataclasses.replace(batch, pulse_extras=columns, event_extras=results_of_a_fit(batch))
    plain, rich = build(name), build(name, **EXTRAS)
    assert rich.feature_count == plain.feature_count + 12
    features = rich(batch).pulses
    torch.testing.assert_close(features[:, :-12], plain(batch).pulses, rtol=0, atol=0)
    torch.testing.assert_close(features[:, -12], columns["tot"] / 30)
    torch.testing.assert_close(features[:, -11], columns["pmt_x"])


def results_of_a_fit(batch) -> dict[str, torch.Tensor]:
    """Of each event; the fit failed on the second."""
    events = len(batch.event_offsets) - 1
    results = {
        "fit_best_azimuth": torch.linspace(0, 6, events, dtype=torch.float64),
        "fit_best_zenith": torch.linspace(0.1, 3, events, dtype=torch.float64),
        "fit_best_kappa": torch.logspace(-2, 6, events, dtype=torch.float64),
    }
    for values in results.values():
        values[1] = torch.nan
    return results


@pytest.mark.parametrize("name", NORMALIZERS)
def test_every_pulse_has_the_results_of_the_fit_of_its_event(name):
    batch = random_batch()
    results = results_of_a_fit(batch)
    batch = dataclasses.replace(batch, event_extras=results)
    kappa, *direction = (
        build(name, event_columns={"fit_best_kappa": 10.0}, fits=["best"])(batch).pulses[:, -4:].T
    )
    of_pulse = batch.event_of_pulse
    angles = np.stack([results["fit_best_azimuth"], results["fit_best_zenith"]])[:, of_pulse]
    known = np.isfinite(angles[0])
    assert 0 < known.sum() < len(known)
    expected = direction_from_angles(*angles[:, known])
    np.testing.assert_allclose(torch.stack(direction, -1)[known], expected, atol=1e-6)
    np.testing.assert_allclose(
        kappa[known].sinh() * 10, results["fit_best_kappa"][of_pulse][known], rtol=1e-4
    )
    for feature in (kappa, *direction):
        assert not feature[~known].any()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"fits": ["bst"]}, "fits names 'bst', which these events lack; did you mean 'best'.; their fits: best"),
        ({"event_columns": {"run": 1.0}}, "event_columns names 'run', which these events lack; their further columns of events: fit_best_azimuth, "),
    ],
)  # fmt: skip
def test_results_that_the_events_lack_are_named(options, message):
    batch = random_batch()
    batch = dataclasses.replace(batch, event_extras=results_of_a_fit(batch))
    with pytest.raises(IcerecoError, match=message):
        build("fixed", **options)(batch)


def test_ice_and_sensor_are_those_of_the_card():
    from icereco.detector.detector import load_detector

    card = load_detector("icecube86")
    component = registry().get("normalizer", "fixed")
    normalizer = component.load_factory()(component.load_options()(dom_features=EXTRAS["dom_features"]), card)
    deep = int(np.flatnonzero(card.quantum_efficiency > 1.2)[0])
    batch = dataclasses.replace(
        batch_of([2], [1, 1]),
        sensor_id=torch.tensor([0, deep], dtype=torch.int32),
        position_m=torch.from_numpy(card.position_m[[0, deep]]),
    )
    efficiency, scattering, absorption = normalizer(batch).pulses[:, -3:].T
    torch.testing.assert_close(efficiency, torch.tensor([0.0, 0.35]))
    for found, lengths in (
        (scattering, card.medium.scattering_length_m),
        (absorption, card.medium.absorption_length_m),
    ):
        expected = np.interp(card.position_m[[0, deep], 2], card.medium.z_m, lengths)
        assert float((found[1] - found[0]).exp()) == pytest.approx(expected[1] / expected[0], rel=1e-4)
        assert found.abs().max() < 2


def test_the_charge_centre_weighs_pulses_and_leaves_out_noise():
    batch = dataclasses.replace(
        batch_of([3], [1, 1, 1]),
        position_m=torch.tensor([[0.0, 0, 0], [500.0, 0, 0], [5000.0, 0, 0]]),
        charge_pe=torch.tensor([1.0, 3.0, 100.0]),
        auxiliary=torch.tensor([False, False, True]),
    )
    found = build("fixed", charge_centre=True)(batch).pulses[:, -3]
    torch.testing.assert_close(found, torch.tensor([-0.75, 0.25, 9.25]), rtol=1e-4, atol=1e-4)


def test_a_column_that_the_data_lacks_is_named():
    batch = dataclasses.replace(random_batch(), pulse_extras={"pmt_x": torch.zeros(53)})
    with pytest.raises(
        IcerecoError, match="names 'tot', which these events lack; their further columns: pmt_x"
    ):
        build("fixed", pulse_columns={"tot": 1.0})(batch)


@pytest.mark.parametrize("name", ["relative-time", "detector-scaled", "fitted"])
def test_zero_may_be_the_first_pulse_in_local_coincidence(name):
    batch = one_event([10.0, 60.0, 90.0, 100.0], [1.0, 1.0, 1.0, 5.0], [True, False, False, False])
    features = build(name, zero="first-pulse")(batch).pulses[:, 0]
    assert features[1] == 0
    assert features[0] < 0 < features[2] < features[3]
    assert build(name)(batch).pulses[3, 0] == 0


def test_a_scaled_detector_of_another_size_gives_the_same_features():
    card = detector()
    small = dataclasses.replace(card, position_m=card.position_m / 10 + 7)
    component = registry().get("normalizer", "detector-scaled")
    first, second = (component.load_factory()(component.load_options()(), one) for one in (card, small))
    batch = random_batch()
    shrunk = dataclasses.replace(batch, position_m=batch.position_m / 10 + 7, time_ns=batch.time_ns / 10)
    torch.testing.assert_close(second(shrunk).pulses, first(batch).pulses, rtol=1e-3, atol=1e-3)
    assert first(batch).positions.norm(dim=-1).max() <= 1 + 1e-5


def test_a_fit_gives_a_median_of_zero_and_a_spread_of_one():
    batches = [batch_of([20] * 10, [3] * 200, seed) for seed in range(4)]
    normalizer = build("fitted", fit_events=30)
    normalizer.fit(iter(batches))
    features = torch.cat([normalizer(batch).pulses for batch in batches[:3]])
    for column in (0, 1, 3, 4, 5):
        below, middle, above = torch.quantile(features[:, column], torch.tensor([0.1587, 0.5, 0.8413]))
        assert abs(middle) < 0.02
        assert float(above - below) / 2 == pytest.approx(1, abs=0.02)
    other = build("fitted")
    other.load_state_dict(normalizer.state_dict())
    torch.testing.assert_close(other(batches[3]).pulses, normalizer(batches[3]).pulses, rtol=0, atol=0)


def test_a_fit_to_equal_charges_stays_finite():
    batch = dataclasses.replace(random_batch(), charge_pe=torch.ones(53))
    normalizer = build("fitted")
    normalizer.fit([batch])
    assert check_features(normalizer(batch)) is None


def test_light_from_the_centre_of_charge_is_never_late():
    """A flash at a point that is the centre of what it lights: every pulse comes exactly when light does."""
    around = torch.tensor([[1.0, 0, 0], [-1.0, 0, 0], [0, 2.0, 0], [0, -2.0, 0]]) + torch.tensor(
        [0.3, 0.2, 0.1]
    )
    distance = torch.tensor([1.0, 1.0, 2.0, 2.0])
    point = light_from_point(
        around,
        5 + 2.25 * distance,
        torch.ones(4),
        torch.ones(4, dtype=torch.bool),
        torch.tensor([0, 4]),
        torch.tensor(2.25),
    )
    torch.testing.assert_close(point.late, torch.zeros(4, 1), atol=1e-6, rtol=0)
    torch.testing.assert_close(point.distance[:, 0], distance)
    torch.testing.assert_close(point.away[2], torch.tensor([0.0, 1.0, 0.0]))


def test_the_centre_of_charge_ignores_what_is_not_counted():
    position = torch.tensor([[0.0, 0, 0], [1.0, 0, 0], [9.0, 9, 9]])
    counted = torch.tensor([True, True, False])
    point = light_from_point(
        position,
        torch.zeros(3),
        torch.tensor([3.0, 1.0, 50.0]),
        counted,
        torch.tensor([0, 3]),
        torch.tensor(0.0),
    )
    torch.testing.assert_close(point.distance[:2, 0], torch.tensor([0.25, 0.75]))


def test_dipoles_point_to_the_side_of_more_charge_and_of_late_light():
    position = torch.tensor([[1.0, 0, 0], [-1.0, 0, 0], [2.0, 0, 0]])
    late = torch.tensor([0.2, 0.0, 0.0])
    point = light_from_point(
        position,
        2.0 * (position[:, 0] - 0.5).abs() + late,
        torch.tensor([1.0, 1.0, 0.5]),
        torch.ones(3, dtype=torch.bool),
        torch.tensor([0, 3]),
        torch.tensor(2.0),
    )
    # The centre is at x = 0.4; two of three modules, with 1.7 of 2.7 in roots of charge, lie beyond it.
    assert (point.charge_dipole[:, 0] > 0).all()
    assert (point.charge_dipole == point.charge_dipole[0]).all()
    assert (point.time_dipole[:, 1:] == 0).all()
    assert point.time_dipole[0, 0] != 0

"""The loss masked-modules: what it hides, and the densities by which it predicts it."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from icereco_losses.masked_modules import MaskedModulesLoss, _log_charge, _log_time
from icereco_losses.options import MaskedModulesOptions

from icereco.detector.detector import load_detector
from icereco.events.selection import select_doms
from icereco.events.tensors import to_tensors
from icereco.model.model import build_model
from icereco.profiles import load_profile
from icereco.tables.assembly import event_batch
from icereco.testing.random_events import likely_pulse_counts, random_events

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def batch():
    return event_batch(random_events(likely_pulse_counts(60)), load_detector("icecube86"))


def loss(**options):
    torch.manual_seed(3)
    return MaskedModulesLoss(MaskedModulesOptions(**options))


@pytest.mark.parametrize("fraction", [0.1, 0.6])
def test_the_fraction_that_it_is_told_is_hidden(batch, fraction):
    counts = [len(loss(fraction=fraction).hide(batch, draw)[1].sensor_id) for draw in range(10)]
    assert np.mean(counts) / len(batch.sensor_id) == pytest.approx(fraction, abs=0.02)


def test_the_model_does_not_see_what_is_hidden(batch):
    """Whatever the light on hidden modules is, the outputs for the visible ones are the same bits."""
    profile = load_profile("pretrain", ["aggregator.layers=1", "encoder.layers=1"])
    model = build_model(profile, load_detector("icecube86")).eval()
    hidden = np.isin(
        _keys(batch), _keys(model.loss.hide(batch, 0)[1])
    )  # the same modules are hidden, as no hash looks at pulses
    of_hidden = np.repeat(hidden, np.diff(batch.pulse_offsets))
    changed = replace(
        batch,
        time_ns=np.where(of_hidden, batch.time_ns + 500.0, batch.time_ns),
        charge_pe=np.where(of_hidden, 7 * batch.charge_pe, batch.charge_pe),
    )
    with torch.no_grad():
        before, after, whole = (
            model(to_tensors(part, CPU))
            for part in (model.loss.hide(batch, 0)[0], model.loss.hide(changed, 0)[0], changed)
        )
    assert torch.equal(before, after)
    assert not torch.allclose(before, whole, atol=1e-3)


def _keys(batch):
    return batch.event_of_dom * 10_000 + batch.sensor_id


def test_a_selection_of_all_modules_is_the_batch_and_of_none_is_empty(batch):
    every = select_doms(batch, np.ones(len(batch.sensor_id), bool))
    for name in ("dom_offsets", "sensor_id", "position_m", "pulse_offsets", "time_ns", "charge_pe"):
        np.testing.assert_array_equal(getattr(every, name), getattr(batch, name))
    none = select_doms(batch, np.zeros(len(batch.sensor_id), bool))
    assert len(none) == len(batch)
    assert len(none.time_ns) == 0
    assert not none.pulse_count.any()


@pytest.mark.parametrize("scale", [1.0, 4.0])
def test_the_predictions_of_time_and_charge_are_densities(scale):
    predicted = scale * torch.randn(8, 5, generator=torch.Generator().manual_seed(5), dtype=torch.float64)
    times = 300 * torch.linspace(-1, 1, 40_001, dtype=torch.float64) ** 3  # finer in the middle
    decades = torch.linspace(-60, 60, 40_001, dtype=torch.float64)
    for one in predicted:
        of_time = torch.exp(_log_time(times, one[:3].expand(len(times), 3)))
        of_charge = torch.exp(_log_charge(decades, one[3:].expand(len(decades), 2)))
        assert float(torch.trapezoid(of_time, times)) == pytest.approx(1.0, abs=1e-3)
        assert float(torch.trapezoid(of_charge, decades)) == pytest.approx(1.0, abs=1e-3)


def test_when_an_event_was_recorded_does_not_matter(batch):
    one = loss()
    outputs = torch.randn(len(batch), one.output_count)
    values = [
        one.of_hidden(outputs, *(to_tensors(part, CPU) for part in one.hide(moved, 0)))
        for moved in (batch, replace(batch, time_ns=batch.time_ns + 1e6))
    ]
    torch.testing.assert_close(*values)


def test_it_learns_to_predict_from_what_the_outputs_say():
    """Light passes the modules as a plane wave, and the outputs are its direction: that of another event predicts worse."""
    one = loss(outputs=3, width=64)
    generator, random = torch.Generator().manual_seed(1), np.random.default_rng(1)
    optimizer = torch.optim.Adam(one.parameters(), 1e-2)
    base = event_batch(random_events(np.full(40, 60)), load_detector("icecube86"))
    for step in range(60):
        direction = torch.nn.functional.normalize(torch.randn(40, 3, generator=generator), dim=-1)
        arrival_ns = -(base.position_m * direction.numpy()[base.event_of_dom]).sum(1) / 0.3
        time_ns = np.repeat(arrival_ns, np.diff(base.pulse_offsets)) + random.normal(0, 5, len(base.time_ns))
        visible, hidden = (to_tensors(part, CPU) for part in one.hide(replace(base, time_ns=time_ns), step))
        value = one.of_hidden(direction, visible, hidden).mean()
        optimizer.zero_grad()
        value.backward()
        optimizer.step()
    with torch.no_grad():
        of_another = one.of_hidden(direction.roll(1, 0), visible, hidden).mean()
    assert float(value.detach()) < float(of_another) - 0.5

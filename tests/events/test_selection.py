"""Some DOMs or pulses of events, beside the same by plain Python."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import icereco
from icereco.events.batch import EventBatch
from icereco.events.selection import select_doms, select_pulses

BATCH = icereco.simulate(12, seed=3)


def rows(batch: EventBatch) -> list[tuple]:
    """Each pulse with its event, its DOM and where that is, in the order of the batch."""
    of_dom = batch.dom_of_pulse
    return [
        (int(event), int(batch.sensor_id[dom]), *batch.position_m[dom].tolist(), float(time), float(charge), bool(auxiliary))
        for event, dom, time, charge, auxiliary in zip(
            batch.event_of_pulse, of_dom, batch.time_ns, batch.charge_pe, batch.auxiliary, strict=True
        )
    ]  # fmt: skip


def some(count: int, seed: int, share: float) -> np.ndarray:
    return np.random.default_rng(seed).random(count) < share


@given(seed=st.integers(0, 99), share=st.sampled_from([0.0, 0.1, 0.5, 0.95, 1.0]))
def test_chosen_pulses_stay_with_their_modules_and_no_module_is_without(seed, share):
    chosen = some(len(BATCH.time_ns), seed, share)
    left = select_pulses(BATCH, chosen)
    assert rows(left) == [row for row, stays in zip(rows(BATCH), chosen, strict=True) if stays]
    assert (np.diff(left.pulse_offsets) > 0).all()
    assert left.event_id.tolist() == BATCH.event_id.tolist()


@given(seed=st.integers(0, 99), share=st.sampled_from([0.0, 0.1, 0.5, 0.95, 1.0]))
def test_chosen_modules_keep_all_their_pulses(seed, share):
    chosen = some(len(BATCH.sensor_id), seed, share)
    left = select_doms(BATCH, chosen)
    of_chosen = chosen[BATCH.dom_of_pulse]
    assert rows(left) == [row for row, stays in zip(rows(BATCH), of_chosen, strict=True) if stays]
    assert left.sensor_id.tolist() == BATCH.sensor_id[chosen].tolist()


@pytest.mark.parametrize("select", [select_doms, select_pulses])
def test_all_chosen_is_the_batch(select):
    count = len(BATCH.sensor_id if select is select_doms else BATCH.time_ns)
    every = select(BATCH, np.ones(count, bool))
    for name in ("dom_offsets", "sensor_id", "position_m", "pulse_offsets", "time_ns", "charge_pe"):
        np.testing.assert_array_equal(getattr(every, name), getattr(BATCH, name))

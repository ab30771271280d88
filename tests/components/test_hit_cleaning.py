"""Hit cleaning against its definition, one pair of DOMs after another."""

import dataclasses

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from icereco_normalizers.cleaning import near_coincidences

from icereco.detector.detector import load_detector
from icereco.events.tensors import TensorBatch, to_tensors
from icereco.model.model import build_model
from icereco.plugins.discovery import registry
from icereco.profiles import load_profile
from icereco.tables.assembly import event_batch
from icereco.testing.random_events import random_events

RADIUS_M, WINDOW_NS = 100.0, 300.0
NORMALIZERS = registry().names("normalizer")


def by_definition(batch: TensorBatch) -> list[bool]:
    kept = []
    for start, stop in zip(batch.dom_offsets[:-1], batch.dom_offsets[1:], strict=True):
        doms = [
            slice(*pair)
            for pair in zip(batch.pulse_offsets[start:stop], batch.pulse_offsets[start + 1 :], strict=False)
        ]
        position, seeds = batch.position_m[start:stop].double(), []
        for place, pulses in zip(position, doms, strict=True):
            times = batch.time_ns[pulses][~batch.auxiliary[pulses]]
            seeds += [(place, times.min())] if len(times) else []
        for place, pulses in zip(position, doms, strict=True):
            first = batch.time_ns[pulses].min() if pulses.stop > pulses.start else np.inf
            near = any(
                torch.linalg.vector_norm(place - seed) <= RADIUS_M and abs(first - time) <= WINDOW_NS
                for seed, time in seeds
            )
            kept.append(bool((~batch.auxiliary[pulses]).any()) or near or not seeds)
    return kept


@st.composite
def batches(draw):
    generator = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    doms = draw(st.lists(st.integers(0, 6), max_size=4))
    pulses = generator.integers(1, 4, sum(doms))
    count = int(pulses.sum())
    return TensorBatch(
        dom_offsets=torch.tensor([0, *np.cumsum(doms)], dtype=torch.int64),
        sensor_id=torch.arange(sum(doms), dtype=torch.int32),
        position_m=torch.tensor(generator.uniform(-90, 90, (sum(doms), 3)), dtype=torch.float32),
        pulse_offsets=torch.tensor([0, *np.cumsum(pulses)], dtype=torch.int64),
        time_ns=torch.tensor(generator.uniform(0, 900, count)),
        charge_pe=torch.ones(count),
        auxiliary=torch.tensor(generator.random(count) < draw(st.sampled_from([0.0, 0.5, 0.8, 1.0]))),
    )


@given(batches())
def test_doms_are_kept_that_coincide_or_are_near_one_that_does(batch):
    assert near_coincidences(batch, RADIUS_M, WINDOW_NS).tolist() == by_definition(batch)


@given(batches())
def test_the_chosen_doms_keep_their_pulses(batch):
    chosen = near_coincidences(batch, RADIUS_M, WINDOW_NS)
    left = batch.with_doms(chosen)
    of_pulses = chosen[batch.dom_of_pulse]
    assert torch.equal(left.time_ns, batch.time_ns[of_pulses])
    assert torch.equal(left.sensor_id, batch.sensor_id[chosen])
    assert torch.equal(left.event_of_pulse, batch.event_of_pulse[of_pulses])
    assert torch.equal(left.position_m[left.dom_of_pulse], batch.position_m[batch.dom_of_pulse][of_pulses])


def model(*overrides):
    profile = load_profile("quick", overrides)
    return build_model(profile, load_detector(profile.detector))


def events():
    return event_batch(random_events(np.array([60, 90, 3]), seed=1), load_detector("icecube86"))


@pytest.mark.parametrize("name", NORMALIZERS)
def test_what_is_cleaned_away_does_not_matter_and_does_not_count_as_used(name):
    cleaning = model(f"normalizer.use={name}", "normalizer.cleaning=seeded-rt")
    batch = events()
    tensors = to_tensors(batch, torch.device("cpu"))
    seen = near_coincidences(tensors, 250.0, 1_500.0)
    unseen = ~seen[tensors.dom_of_pulse].numpy()
    assert unseen.any()
    assert not unseen.all()
    louder = dataclasses.replace(batch, charge_pe=np.where(unseen, 99, batch.charge_pe).astype(np.float32))
    result = cleaning.reconstruct(batch)
    np.testing.assert_array_equal(result.direction, cleaning.reconstruct(louder).direction)
    used = np.add.reduceat(~unseen, tensors.event_offsets[:-1].numpy())
    assert result.pulses_used.tolist() == used.tolist()


@pytest.mark.parametrize("name", NORMALIZERS)
def test_without_the_option_nothing_is_left_out(name):
    batch = events()
    assert (
        model(f"normalizer.use={name}").reconstruct(batch).pulses_used.tolist() == batch.pulse_count.tolist()
    )

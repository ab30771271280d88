"""Every shipped profile says what it is, and its model trains on events of any detector."""

import numpy as np
import pyarrow as pa
import pytest
import torch
from click.testing import CliRunner

from icereco.detector.detector import detector_names, load_detector
from icereco.errors import IcerecoError
from icereco.events.tensors import to_tensors, truth_tensors
from icereco.model.model import build_model
from icereco.plugins.component import ROLES
from icereco.profiles import load_profile, parse_profile, profile_comment, profile_names
from icereco.protocols import Fittable, SelfSupervised
from icereco.tables.assembly import event_batch
from icereco.testing.random_events import random_events
from icereco.training.optimizer import build_optimizers

PROFILES = profile_names()
ESTIMATING = [name for name in PROFILES if name != "pretrain"]
OF_THE_FIELD = ["flat", "icemix-like", "dynedge-like", "deepsets", "summary"]
SMALL = {"width": 16, "layers": 1, "plain_layers": 1, "heads": 2, "pulses": 4}
CARD = """
name = "pond"
sensors = "sensors.csv"
[noise]
rate_hz = 100
high_efficiency_rate_hz = 100
high_efficiency_above = 1.2
[medium]
kind = "ice"
layers = "ice.csv"
refractive_index_phase = 1.33
refractive_index_group = 1.37
"""


@pytest.fixture(scope="module")
def pond(tmp_path_factory):
    """A card of another kind: 12 sensors within 60 m, in water that is the same everywhere."""
    folder = tmp_path_factory.mktemp("pond")
    places = [
        (string, om, 20 * (string % 2), 20 * (string // 2), -15 * om)
        for string in range(4)
        for om in (1, 2, 3)
    ]
    rows = [f"{string},{om},{x},{y},{z},1.0,1" for string, om, x, y, z in places]
    (folder / "sensors.csv").write_text("\n".join(["string,om,x_m,y_m,z_m,quantum_efficiency,alive", *rows]))
    (folder / "ice.csv").write_text("z_m,scattering_length_m,absorption_length_m\n-100,60,50\n100,60,50\n")
    (folder / "detector.toml").write_text(CARD)
    return load_detector(folder)


def small(name):
    """A shipped profile, narrow and shallow: what is tested is that its parts fit."""
    whole = load_profile(name)
    overrides = [
        f"{role}.{key}={value}"
        for role in ("aggregator", "encoder")
        for key, value in SMALL.items()
        if key in type(whole.role(role).options).model_fields
    ]
    return load_profile(name, overrides)


def events_in(detector, seed=3):
    table = random_events(np.array([30, 1, 200, 6]), seed, sensors=len(detector.position_m))
    return event_batch(table, detector)


def train_a_step(profile, detector):
    """The loss before and after a few steps on the same events."""
    batch = events_in(detector)
    model = build_model(profile, detector)
    if isinstance(model.normalizer, Fittable):
        model.normalizer.fit([to_tensors(batch, torch.device("cpu"))])
    optimizers = build_optimizers(model, profile.train)
    losses = []
    for _ in range(8):
        loss = loss_of(model, batch).mean()
        optimizers.zero_grad()
        loss.backward()
        optimizers.step(1.0)
        losses.append(loss.item())
    length = np.linalg.norm(model.reconstruct(batch).direction, axis=1)
    np.testing.assert_allclose(length, 1 if profile.name in ESTIMATING else np.nan, rtol=1e-5)
    return losses


def loss_of(model, batch):
    cpu = torch.device("cpu")
    if isinstance(model.loss, SelfSupervised):
        visible, hidden = (to_tensors(part, cpu) for part in model.loss.hide(batch, draw=0))
        return model.loss.of_hidden(model(visible), visible, hidden)
    return model.loss(model(to_tensors(batch, cpu)), truth_tensors(batch.truth, cpu))


@pytest.mark.parametrize("name", PROFILES)
def test_every_shipped_profile_trains_on_icecube(name, detector):
    losses = train_a_step(small(name), detector)
    assert np.isfinite(losses).all()
    assert losses[-1] < losses[0]


@pytest.mark.parametrize("name", PROFILES)
def test_every_shipped_profile_trains_on_another_detector(name, pond):
    losses = train_a_step(small(name), pond)
    assert np.isfinite(losses).all()
    assert losses[-1] < losses[0]


@pytest.mark.parametrize("card", detector_names())
def test_every_shipped_profile_reconstructs_on_every_card(card):
    detector = load_detector(card)
    events = events_in(detector)
    for name in ESTIMATING:
        profile = small(name)
        if name == "icemix-like" and detector.medium.scattering_length_m is None:
            with pytest.raises(IcerecoError, match=r"normalizer\.dom_features"):
                build_model(profile, detector)
            continue
        assert np.isfinite(build_model(profile, detector).eval().reconstruct(events).direction).all(), name


@pytest.mark.parametrize("card", detector_names())
@pytest.mark.parametrize("normalizer", ["relative-time", "detector-scaled", "fitted"])
def test_features_of_every_card_are_of_order_one(card, normalizer):
    from icereco.model.feature_check import check_features

    card = load_detector(card)
    profile = load_profile("hierarchical", [f"normalizer.use={normalizer}"])
    network = profile.role("normalizer").build(card).component
    assert check_features(network(to_tensors(events_in(card), torch.device("cpu")))) is None


@pytest.mark.parametrize("name", PROFILES)
def test_every_shipped_profile_has_a_summary_and_is_shown_with_its_notes(name):
    from icereco.cli import main

    profile = load_profile(name)
    assert profile.summary
    first, *_ = profile_comment(name).splitlines()
    assert first
    shown = CliRunner().invoke(main, ["profiles", "show", name])
    assert shown.exit_code == 0
    assert shown.output.startswith(f"# {first}\n")
    again = parse_profile(shown.output, name)
    assert all(again.role(role) == profile.role(role) for role in ROLES)


@pytest.mark.parametrize("name", OF_THE_FIELD)
def test_models_of_the_field_name_what_they_correspond_to_and_where_they_differ(name):
    notes = profile_comment(name)
    assert notes.startswith("Corresponds to: ")
    assert "Differs from" in notes


def test_the_profiles_of_the_field_share_the_budget_of_the_reference_model():
    reference = load_profile("hierarchical").train
    for name in OF_THE_FIELD:
        train = load_profile(name).train
        assert train.model_copy(update={"ema_decay": reference.ema_decay}) == reference


def test_an_event_without_pulses_is_no_trouble_to_any_profile(detector):
    table = random_events(np.array([0, 5, 0]), 1)
    batch = event_batch(pa.table(table), detector)
    for name in ESTIMATING:
        found = build_model(small(name), detector).reconstruct(batch).direction
        assert np.isnan(found[[0, 2]]).all()
        assert np.isfinite(found[1]).all()


@pytest.mark.parametrize("name", PROFILES)
def test_gradients_are_the_same_bits_each_time_whatever_the_timing_of_threads(name, detector):
    """So that a training that is resumed goes on as it would have; atomic additions of several threads would not."""
    batch = event_batch(random_events(np.full(40, 400), sensors=len(detector.position_m)), detector)
    model = build_model(small(name), detector)
    if isinstance(model.normalizer, Fittable):
        model.normalizer.fit([to_tensors(batch, torch.device("cpu"))])
    model.eval()  # without dropout

    def gradients():
        model.zero_grad()
        loss_of(model, batch).mean().backward()
        return {name: one.grad.clone() for name, one in model.named_parameters() if one.grad is not None}

    first = gradients()
    for _ in range(4):
        assert all(torch.equal(first[name], one) for name, one in gradients().items())

"""What of a model learns, and how fast."""

from pathlib import Path

import pytest
import torch
from click.testing import CliRunner
from torch import nn
from training_driver import SMALL, silently, train

from icereco.cli import main
from icereco.data.simulated import simulated_events
from icereco.detector.detector import load_detector
from icereco.errors import IcerecoError
from icereco.model.checkpoint import load_checkpoint, read_tensors
from icereco.model.model import build_model
from icereco.profiles import Profile, ProfileError, load_profile
from icereco.runs.folder import RunFolder
from icereco.training import session as sessions
from icereco.training.frozen_parts import freeze
from icereco.training.layer_depth import depths
from icereco.training.optimizer import build_optimizers
from icereco.training.start import Start

SETTINGS = (*SMALL, "encoder.layers=2", "encoder.dropout=0.1", "train.weight_decay=0.5")


@pytest.fixture(scope="module")
def events(tmp_path_factory) -> Path:
    """100 simulated events."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ICERECO_CACHE", str(tmp_path_factory.mktemp("cache")))
        profile = small_profile()
        return simulated_events(profile.simulation, load_detector(profile.detector), 100, seed=3)


@pytest.fixture(scope="module")
def begun(tmp_path_factory, events) -> RunFolder:
    run = RunFolder.create(tmp_path_factory.mktemp("runs"), "begun")
    with sessions.begin(small_profile(), events, run, silently) as session:
        assert train(session)
    return run


def small_profile(*overrides: str) -> Profile:
    return load_profile("hierarchical", [*SETTINGS, *overrides])


def weights(run: RunFolder) -> dict[str, torch.Tensor]:
    tensors, _ = read_tensors(run.training_state)
    return {name.removeprefix("model/"): one for name, one in tensors.items() if name.startswith("model/")}


FROZEN = [
    ("aggregator",),
    ("encoder.transformer.layers.0", "head"),
    (
        "aggregator",
        "encoder.summary",
        "encoder.input",
        "encoder.position",
        "encoder.transformer.norm",
        "head",
    ),
]


@pytest.mark.parametrize("optimizer", ["adamw", "muon"])
@pytest.mark.parametrize("frozen", FROZEN, ids=["part", "layer", "all-but-layers"])
def test_frozen_weights_stay_as_loaded_bit_for_bit_and_all_others_change(
    tmp_path, events, begun, frozen, optimizer
):
    start = Start.find("begun", begun.path.parent)
    profile = start.profile(
        [f"train.frozen={','.join(frozen)}", f"train.optimizer={optimizer}", "train.ema_decay=0.5"]
    )
    run = RunFolder.create(tmp_path, "next")
    with sessions.begin(profile, events, run, silently, start=start) as session:
        assert train(session)
        assert all(value.grad is None for value in session.model.parameters() if not value.requires_grad)
    before, after = start.checkpoint.model, weights(run)
    averaged = load_checkpoint(run.last).model.state_dict()
    for name, value in before.named_parameters():
        stays = any(f"{name}.".startswith(f"{part}.") for part in frozen)
        assert torch.equal(after[name], value) == stays, name
        assert torch.equal(averaged[name], value) == stays, name


@pytest.mark.parametrize("optimizer", ["adamw", "muon"])
def test_a_training_with_frozen_parts_and_rates_by_layer_is_resumed_to_the_same_bits(
    tmp_path, events, optimizer
):
    profile = small_profile(
        "train.frozen=aggregator.embed,encoder.summary",
        "train.layer_rate=0.7",
        f"train.optimizer={optimizer}",
    )
    straight, halves = (RunFolder.create(tmp_path, name) for name in ("straight", "halves"))
    with sessions.begin(profile, events, straight, silently) as session:
        assert train(session)
    with sessions.begin(profile, events, halves, silently) as session:
        assert not train(session, steps=2)
    with sessions.resume(halves, silently) as session:
        assert train(session)
    first, second = (read_tensors(run.training_state)[0] for run in (straight, halves))
    assert first.keys() == second.keys()
    assert all(torch.equal(first[name], second[name]) for name in first)


@pytest.mark.parametrize(
    ("part", "message"),
    [
        ("agregator", r"no weights in 'agregator'; did you mean 'aggregator'\? \(parts of the model: aggregator, en"),
        ("encoder.transfromer", r"did you mean 'encoder.transformer'\? \(parts of encoder: summary, input, posi"),
        ("encoder.transformer.layers.2", r"\(parts of encoder.transformer.layers: 0, 1\)"),
        ("encoder.transformer.layers.1.", r"did you mean 'encoder.transformer.layers.1'\?"),
        ("enc", r"no weights in 'enc'"),
        ("normalizer", r"no weights in 'normalizer'"),
    ],
)  # fmt: skip
def test_a_part_that_the_model_lacks_is_refused_with_those_it_has(tmp_path, events, part, message):
    run = RunFolder.create(tmp_path, "run")
    with (
        pytest.raises(IcerecoError, match=message),
        sessions.begin(small_profile(f"train.frozen={part}"), events, run, silently),
    ):
        pass
    assert not run.exists


def test_to_freeze_everything_is_refused(tmp_path, events):
    profile = small_profile('train.frozen=["aggregator", "encoder", "head"]')
    with (
        pytest.raises(IcerecoError, match="no weight left to train; leave out one of its parts: aggregator"),
        sessions.begin(profile, events, RunFolder.create(tmp_path, "run"), silently),
    ):
        pass


@pytest.mark.parametrize("text", ["", ",", "aggregator,", "[3]"])
def test_what_names_no_part_is_no_value(text):
    with pytest.raises(ProfileError, match=r"train\.frozen"):
        small_profile(f"train.frozen={text}")


def test_weights_frozen_at_random_are_reported(tmp_path, events, caplog):
    profile = small_profile("train.frozen=aggregator")
    with sessions.begin(profile, events, RunFolder.create(tmp_path, "run"), silently):
        assert any("frozen at random first values" in message for message in caplog.messages)


def test_a_layer_is_not_taken_for_those_whose_number_begins_alike():
    model = build_model(small_profile("encoder.layers=11"), load_detector("icecube86"))
    freeze(model, ["encoder.transformer.layers.1"])
    still = [name for name, value in model.named_parameters() if not value.requires_grad]
    assert still
    assert all(".layers.1." in name for name in still)


def test_a_part_without_weights_to_train_counts_as_none():
    layer = nn.Linear(2, 2).requires_grad_(False)
    with pytest.raises(IcerecoError, match="no weights in '0'"):
        freeze(nn.Sequential(layer, nn.Linear(2, 2)), ["0"])


def test_the_command_line_says_how_much_is_frozen(tmp_path, events, begun, monkeypatch):
    monkeypatch.chdir(tmp_path)
    command = ["train", "--from", str(begun.best), "--data", str(events), "--name", "next"]
    result = CliRunner().invoke(main, [*command, "-o", "train.frozen=aggregator,encoder"])
    assert result.exit_code == 0, result.output
    assert " % of them frozen" in " ".join(result.stderr.split())


IN_LAYERS = [
    ("head.", 0),
    ("encoder.transformer.layers.1.", 1),
    ("encoder.transformer.norm", 1),
    ("encoder.transformer.layers.0.", 2),
    ("encoder.", 3),
    ("aggregator.transformer.layers.0.", 4),
    ("aggregator.transformer.norm", 4),
    ("aggregator.count", 4),
    ("aggregator.", 5),
]
"""Beginnings of names in the small model, the first that fits counts, and the layers from there to the outputs."""


def moved(*overrides: str) -> dict[str, torch.Tensor]:
    """How far one step moves each weight of the small model."""
    profile = small_profile(*overrides)
    model = build_model(profile, load_detector("icecube86"))
    optimizers, random = build_optimizers(model, profile.train), torch.Generator().manual_seed(1)
    before = {name: value.detach().clone() for name, value in model.named_parameters()}
    for value in model.parameters():
        value.grad = torch.randn(value.shape, generator=random)
    optimizers.step(0.5)
    return {name: value.detach() - before[name] for name, value in model.named_parameters()}


@pytest.mark.parametrize("optimizer", ["adamw", "muon"])
def test_a_layer_moves_less_the_farther_it_is_from_the_outputs(optimizer):
    alike = moved(f"train.optimizer={optimizer}")
    graded = moved(f"train.optimizer={optimizer}", "train.layer_rate=0.5")
    for name, step in alike.items():
        depth = next(depth for beginning, depth in IN_LAYERS if name.startswith(beginning))
        torch.testing.assert_close(graded[name], step * 0.5**depth, rtol=2e-3, atol=1e-6, msg=name)


@pytest.mark.parametrize("optimizer", ["adamw", "muon"])
def test_the_rate_of_a_layer_is_the_same_whatever_is_frozen(optimizer):
    profile = small_profile("train.layer_rate=0.5", f"train.optimizer={optimizer}", "train.frozen=encoder")
    model = build_model(profile, load_detector("icecube86"))
    freeze(model, profile.train.frozen)
    rates = {
        id(value): group["lr"] / part.defaults["lr"]
        for part in build_optimizers(model, profile.train).parts
        for group in part.param_groups
        for value in group["params"]
    }
    assert rates[id(model.head.out.weight)] == 1
    assert rates[id(model.aggregator.count.weight)] == 0.5**4
    assert id(model.encoder.input.weight) not in rates


def test_layers_are_counted_through_several_lists_and_in_components_without_any():
    names = [
        "aggregator.first", "aggregator.second",
        "encoder.position", "encoder.layers.0.a", "encoder.layers.1.a",
        "encoder.plain.summary", "encoder.plain.layers.0.a", "encoder.plain.norm",
        "head.heads.direction.out", "loss.losses.direction.a",
    ]  # fmt: skip
    assert list(depths(names).values()) == [5, 5, 4, 3, 2, 2, 1, 1, 0, 0]


def test_weights_of_one_rate_are_one_group():
    profile = small_profile("train.optimizer=muon")
    adamw, muon = build_optimizers(build_model(profile, load_detector("icecube86")), profile.train).parts
    assert len(muon.param_groups) == 1  # matrices are moved together
    assert [group["weight_decay"] for group in adamw.param_groups] == [0.5, 0.0]

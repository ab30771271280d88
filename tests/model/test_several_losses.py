"""Several losses in one profile: heads, weights, targets, and events whose targets are unknown."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from icereco.detector.detector import load_detector
from icereco.errors import IcerecoError
from icereco.events.tensors import TruthTensors, to_tensors, truth_tensors
from icereco.model.model import build_model
from icereco.model.several_losses import DIRECTION
from icereco.profiles import load_profile
from icereco.tables.assembly import event_batch
from icereco.testing.random_events import random_events

CPU = torch.device("cpu")
ENERGY = ("losses.energy.use=log-energy", "losses.energy.weight=0.25")


@pytest.fixture(scope="module")
def batch(detector):
    return event_batch(random_events(np.array([20, 40, 0, 9]), seed=1), detector)


@pytest.fixture(scope="module")
def model(detector):
    return build_model(load_profile("quick", ENERGY), detector)


def test_the_value_is_the_weighted_sum_of_the_parts(model, batch):
    outputs, truth = model(to_tensors(batch, CPU)), truth_tensors(batch.truth, CPU)
    parts = model.loss.parts(outputs, truth)
    assert list(parts) == [DIRECTION, "energy"]
    torch.testing.assert_close(model.loss(outputs, truth), parts[DIRECTION] + 0.25 * parts["energy"])


def test_each_loss_has_a_head_of_its_own(model):
    names = [name for name in model.state_dict() if name.startswith("head.")]
    assert {name.split(".")[2] for name in names} == {DIRECTION, "energy"}


def test_an_unknown_target_counts_nothing_and_moves_nothing(model, batch):
    energy = batch.truth.energy_gev.copy()
    energy[1] = np.nan
    truth = truth_tensors(replace(batch.truth, energy_gev=energy), CPU)
    outputs = model(to_tensors(batch, CPU)).detach().requires_grad_()
    model.loss(outputs, truth).sum().backward()
    assert outputs.grad.isfinite().all()
    assert (outputs.grad[1, 3:] == 0).all()
    assert (outputs.grad[0, 3:] != 0).all()
    assert model.loss.parts(outputs, truth)["energy"][1] == 0


def test_a_reconstruction_has_what_every_loss_estimates(model, batch):
    reconstruction = model.reconstruct(batch)
    assert np.isfinite(reconstruction.energy_gev).tolist() == [True, True, False, True]
    assert np.isfinite(reconstruction.direction[:, 0]).tolist() == [True, True, False, True]
    assert (reconstruction.energy_log10_sigma[[0, 1, 3]] > 0).all()
    assert np.isnan(reconstruction.kappa[2])


def test_the_first_outputs_of_every_head_are_centred(detector, batch):
    model = build_model(load_profile("quick", ENERGY), detector)
    model.centre_outputs(batch)
    assert model(to_tensors(batch, CPU)).mean(0).detach().numpy() == pytest.approx(0, abs=1e-5)


def test_a_single_loss_is_itself(detector):
    model = build_model(load_profile("quick"), detector)
    assert not hasattr(model.loss, "parts")
    assert "head.out.weight" in model.state_dict()  # as in checkpoints of 0.1.0


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["loss.use=log-energy"], r"\[loss\] estimates the energy_gev; it must estimate the direction"),
        (["losses.again.use=angular"], "the losses direction and again both estimate the direction"),
    ],
)
def test_losses_that_do_not_fit_together_are_refused(overrides, message):
    with pytest.raises(IcerecoError, match=message):
        build_model(load_profile("quick", overrides), load_detector("icecube86"))


def test_the_truth_says_what_it_knows():
    truth = TruthTensors(
        direction=torch.eye(3),
        energy_gev=torch.tensor([1.0, torch.nan, 3.0]),
        kind=torch.tensor([0, -1, 2]),
        vertex_m=torch.tensor([[0.0, 1, 2], [0, torch.nan, 2], [0, 1, 2]]),
    )
    for target in ("energy_gev", "kind", "vertex_m"):
        assert truth.known(target).tolist() == [True, False, True]
    with pytest.raises(KeyError):
        truth.known("inelasticity")
    assert truth.take(torch.tensor([False, False, True])).kind.tolist() == [2]

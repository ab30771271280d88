"""Every model that comes with icereco is sound; all of this passes where there is none."""

import numpy as np
import pytest

import icereco
from icereco.model.checkpoint import load_checkpoint
from icereco.reconstruction.models import Weights, trained_method
from icereco.system.resources import models_dir
from icereco.trained.library import Library

MODELS = Library(models_dir(), None)


def require_sound(model):
    """It loads with the checksum of its card, and reconstructs events of its detector."""
    weights = Weights.of_model(model)
    assert tuple(load_checkpoint(weights.path).model.loss.targets) == model.card.targets
    method = trained_method(weights, "cpu")
    events = icereco.simulate(5, model.card.detector, seed=2)
    reconstruction = method(events)
    assert np.allclose(np.linalg.norm(reconstruction.direction, axis=1), 1)
    assert method.detector.name == model.card.detector
    assert method.provenance["model"] == model.name


def test_a_small_model_is_sound(built_in):
    require_sound(built_in.find("small"))


@pytest.mark.parametrize("name", MODELS.names())
def test_a_model_that_comes_with_icereco_is_sound(name):
    require_sound(MODELS.find(name))


@pytest.mark.parametrize("name", MODELS.names())
def test_its_card_is_complete(name):
    card = MODELS.find(name).card
    assert card.licence == "Apache-2.0"
    assert card.overall is not None
    assert card.limits.not_trained_on
    assert None not in (card.events, card.limits.energy_gev, card.hours, card.machine)
    assert card.seeds

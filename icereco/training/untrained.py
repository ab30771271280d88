"""What a model learns and shows before its first step: constants of its normalizer, means of its outputs, odd features."""

import torch

from icereco.events.batch import EventBatch
from icereco.events.tensors import to_tensors
from icereco.model.feature_check import check_features
from icereco.model.model import Model
from icereco.protocols import Fittable
from icereco.system.log import get_logger
from icereco.training.batches import Batches
from icereco.training.start import Loaded
from icereco.training.target_check import require_targets

__all__ = ["fit_normalizer", "meet_first_batch"]

logger = get_logger(__name__)


def fit_normalizer(model: Model, batches: Batches) -> None:
    """Fit a normalizer that learns from training events; a resumed training then loads the fitted constants."""
    if isinstance(model.normalizer, Fittable):
        with model.attributing("normalizer", "when it was fitted"):
            model.normalizer.fit(to_tensors(batch, _device(model)) for batch in batches.epoch(0))


def meet_first_batch(model: Model, batch: EventBatch, loaded: Loaded) -> None:
    """Check targets and features of one batch, as wrong units may lead to NaN hours later; centre new outputs on it."""
    require_targets(model, batch)
    if warning := check_features(model.features(to_tensors(batch, _device(model)))):
        logger.warning(warning)
    model.centre_outputs(batch, model.heads.keys() - loaded.heads)


def _device(model: Model) -> torch.device:
    return next(model.parameters()).device

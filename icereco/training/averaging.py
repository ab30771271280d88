"""A running mean of the weights during training, which often performs better than the final weights."""

from typing import cast

from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from icereco.model.model import Model
from icereco.profiles.train_options import TrainOptions

__all__ = ["AveragedModel", "averaged", "running_average"]


def running_average(model: Model, options: TrainOptions) -> AveragedModel | None:
    """Return the exponential mean set by `ema_decay` (Polyak and Juditsky 1992), or None; buffers are the model's own."""
    if not options.ema_decay:
        return None
    return AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(options.ema_decay))


def averaged(model: Model, average: AveragedModel | None) -> Model:
    """Return the model to validate and save: the running mean of the weights where one is kept, else `model` itself."""
    return model if average is None else cast("Model", average.module)

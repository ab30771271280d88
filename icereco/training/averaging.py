"""A running mean of the weights along the way, which is often better than where they end."""

from typing import cast

from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from icereco.model.model import Model
from icereco.profiles.train_options import TrainOptions

__all__ = ["AveragedModel", "averaged", "running_average"]


def running_average(model: Model, options: TrainOptions) -> AveragedModel | None:
    """The exponential mean that `ema_decay` asks for (Polyak and Juditsky 1992), or None; buffers are the model's own."""
    if not options.ema_decay:
        return None
    return AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(options.ema_decay))


def averaged(model: Model, average: AveragedModel | None) -> Model:
    """The model that is validated and saved: the running mean of a model, where one is kept, else itself."""
    return model if average is None else cast("Model", average.module)

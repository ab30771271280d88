"""Weights, gradients and moments of a training divided over its processes, so that none holds them all.

Each process keeps some rows of every tensor; for the time of a layer's forward and backward pass its weights are whole
(`fully_shard` of torch, as in ZeRO-3: Rajbhandari et al., arXiv:1910.02054). What is validated, saved and sent is whole.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from copy import deepcopy
from typing import Any

from torch import Tensor, nn

from icereco.model.model import Model
from icereco.training.averaging import AveragedModel
from icereco.training.optimizer import Optimizers
from icereco.training.ranks import ALONE, Ranks

__all__ = ["UNDIVIDED", "Division"]


class Division:
    """How the weights of a training are divided; not at all by default. All processes must call its methods together.

    Attributes:
        ranks: the processes.
        wanted: whether they divide the weights, or each keeps them all.
    """

    def __init__(self, ranks: Ranks = ALONE, wanted: bool = False) -> None:
        self.ranks = ranks
        self.wanted = wanted and ranks.count > 1
        self._skeleton: Model | None = None

    def divide(self, model: Model, optimizers: Optimizers, average: AveragedModel | None) -> None:
        """Leave to each process its rows of what all of them have; the three objects stay the same."""
        if not self.wanted:
            return
        from torch.distributed.device_mesh import init_device_mesh
        from torch.distributed.fsdp import fully_shard
        from torch.distributed.tensor import Shard, distribute_tensor

        self._skeleton = _without_weights(model)
        before = dict(model.named_parameters())
        mesh = init_device_mesh(next(model.parameters()).device.type, (self.ranks.count,))
        for layer in _layers(model):
            fully_shard(layer, mesh=mesh)
        divided = fully_shard(model, mesh=mesh)
        divided.set_reduce_scatter_unused_params(True)  # which weights a batch uses depends on its events

        def rows(whole: Tensor) -> Tensor:
            return distribute_tensor(whole.detach(), mesh, [Shard(0)], src_data_rank=None)

        after = dict(model.named_parameters())
        optimizers.exchange({before[name]: after[name] for name in before}, rows)
        if average is not None:
            _replace_weights(average.module, rows)

    @contextmanager
    def whole(self, model: Model) -> Iterator[Model]:
        """Return a model with all weights of one that is divided, which it has in this block alone."""
        if self._skeleton is None:
            yield model
            return
        weights, buffers = dict(model.named_parameters()), dict(model.named_buffers())
        for name, weight in self._skeleton.named_parameters():
            weight.data = weights[name].detach().full_tensor()  # type: ignore[attr-defined]  # a DTensor
        for name, buffer in self._skeleton.named_buffers():
            buffer.copy_(buffers[name])
        try:
            yield self._skeleton
        finally:
            for weight in self._skeleton.parameters():
                weight.data = weight.data.new_empty(0)

    def call(self, message: int) -> int:
        """Pass a message of the first process on to all others, which give 0; without a division there is none: 0."""
        return 0 if self._skeleton is None else int(self.ranks.total([message])[0])


UNDIVIDED = Division()
"""Every process has all weights."""


def _layers(model: nn.Module) -> list[nn.Module]:
    """The items of the lists called `layers`: whatever the events, each takes part in every forward pass."""
    return [
        layer
        for name, parts in model.named_modules()
        if name.rpartition(".")[2] == "layers" and isinstance(parts, nn.ModuleList)
        for layer in parts
    ]


def _without_weights(model: Model) -> Model:
    """Copy a model but for its weights, which are empty."""
    empty = {id(one): nn.Parameter(one.new_empty(0), one.requires_grad) for one in model.parameters()}
    return deepcopy(model, dict[int, Any](empty))


def _replace_weights(model: nn.Module, made: Callable[[Tensor], Tensor]) -> None:
    for part in model.modules():
        for name, weight in list(part.named_parameters(recurse=False)):
            part.register_parameter(name, nn.Parameter(made(weight), weight.requires_grad))

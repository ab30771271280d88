"""Parts of a model that a training leaves as they are."""

from collections.abc import Collection, Iterable, Sequence

from torch import nn

from icereco.errors import IcerecoError, did_you_mean

__all__ = ["freeze", "frozen_share"]


def freeze(model: nn.Module, parts: Sequence[str]) -> None:
    """Take the weights of some parts out of the training: no gradient, no momentum, no weight decay.

    Args:
        model: whose weights are all to be trained so far.
        parts: beginnings of names of weights, of whole words: "aggregator", "encoder.transformer.layers.0".

    Raises:
        IcerecoError: the model has no such part, or nothing is left to train.
    """
    weights = {name: value for name, value in model.named_parameters() if value.requires_grad}
    for part in parts:
        inside = [name for name in weights if f"{name}.".startswith(f"{part}.")]
        if not inside:
            raise IcerecoError(_unknown(part, weights))
        for name in inside:
            weights[name].requires_grad_(False)
    if not any(value.requires_grad for value in weights.values()):
        raise IcerecoError(
            f"train.frozen: with {', '.join(parts)} frozen, the model has no weight left to train; "
            f"leave out one of its parts: {', '.join(_within('', weights))}"
        )


def frozen_share(model: nn.Module) -> float:
    """The part of a model's weights that are not trained, 0 to 1."""
    weights = list(model.parameters())
    frozen = sum(one.numel() for one in weights if not one.requires_grad)
    return frozen / max(sum(one.numel() for one in weights), 1)


def _unknown(part: str, weights: Collection[str]) -> str:
    """Name the nearest part, and what there is in the longest beginning that the model does have."""
    words = part.split(".")
    beginnings = [".".join(words[:count]) for count in range(len(words), -1, -1)]
    known = next(beginning for beginning in beginnings if beginning == "" or _within(beginning, weights))
    every = {".".join(name.split(".")[:count]) for name in weights for count in range(1, name.count(".") + 2)}
    return (
        f"train.frozen: the model has no weights in {part!r}{did_you_mean(part, sorted(every))} "
        f"(parts of {known or 'the model'}: {', '.join(_within(known, weights))})"
    )


def _within(beginning: str, weights: Iterable[str]) -> list[str]:
    """The next words of the names that begin so."""
    prefix = f"{beginning}." if beginning else ""
    rest = [name.removeprefix(prefix) for name in weights if name.startswith(prefix)]
    return list(dict.fromkeys(name.partition(".")[0] for name in rest))

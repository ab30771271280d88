"""State dicts of other programs: tensors by name, read without running any code of the file."""

from collections.abc import Callable, Mapping
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from icereco.errors import IcerecoError

__all__ = ["PeerWeights", "read_state_dict"]

_INSIDE = ("state_dict", "model_state_dict", "model")
"""Where programs keep the weights in a file that holds more: Lightning, plain torch, fastai."""

_WRAPPERS = ("module.", "_orig_mod.", "model.", "_gnn.", "backbone.")
"""Beginnings of names that tell of a wrapper alone: torch's and GraphNeT's, in which the network is a part of a model."""

_NEEDS_CODE = ("Unsupported global", "Unsupported class", "GLOBAL ")
"""What torch says of a pickle that asks for anything but tensors."""

_HEADER_AT = 8
"""Bytes before the JSON header of a safetensors file."""


class PeerWeights:
    """The tensors of a peer's model, under the names of its network alone; remembers which were taken."""

    def __init__(
        self, tensors: Mapping[str, Tensor], path: Path, peer: str, renamed: Callable[[str], str] = str
    ) -> None:
        """Take the tensors of a file.

        Args:
            tensors: by their names in the file.
            path: the file, for messages.
            peer: whose weights they are, for messages.
            renamed: from the name that a tensor has in some version of the peer to the one that is asked for.
        """
        self.path, self.peer = path, peer
        self._tensors = {renamed(_unwrapped(name)): (name, value) for name, value in tensors.items()}
        self._taken: set[str] = set()

    def __contains__(self, name: str) -> bool:
        return name in self._tensors

    def count(self, prefix: str) -> int:
        """Return how many numbered parts there are from 0: `blocks.0`, `blocks.1`, …."""
        numbers = {
            name.removeprefix(prefix).partition(".")[0] for name in self._tensors if name.startswith(prefix)
        }
        return next(number for number in range(len(numbers) + 1) if str(number) not in numbers)

    def shape(self, name: str) -> tuple[int, ...]:
        """Return the shape of a tensor; raises an IcerecoError where there is none of that name."""
        return tuple(self._found(name)[1].shape)

    def take(self, name: str, *shape: int | None) -> Tensor:
        """Return a tensor as float32.

        Args:
            name: of the tensor in the peer's network.
            shape: what it has to be; None for any length along an axis.

        Raises:
            IcerecoError: there is none of that name, or it has another shape, or values that are not finite numbers.
        """
        original, value = self._found(name)
        actual = tuple(value.shape)
        if len(actual) != len(shape) or any(
            length not in (None, had) for length, had in zip(shape, actual, strict=True)
        ):
            wanted = ", ".join("any" if length is None else str(length) for length in shape)
            raise IcerecoError(
                f"{self.path}: {original} has the shape {list(actual)}, and [{wanted}] is what the other tensors of this "
                f"{self.peer} ask for; nothing was imported"
            )
        if not value.is_floating_point() or not value.isfinite().all():
            raise IcerecoError(
                f"{self.path}: {original} holds values that are not finite numbers; copy the file again"
            )
        self._taken.add(name)
        return value.detach().to(torch.float32)

    def left(self) -> list[str]:
        """Return the names of the tensors that were not taken."""
        return sorted(self._tensors.keys() - self._taken)

    def _found(self, name: str) -> tuple[str, Tensor]:
        if name not in self._tensors:
            some = ", ".join(sorted(self._tensors)[:3])
            raise IcerecoError(
                f"{self.path} does not hold the weights of {self.peer}: there is no tensor {name}; it begins with {some}"
            )
        return self._tensors[name]


def read_state_dict(path: Path) -> dict[str, Tensor]:
    """Read the tensors of a `.pth`, `.pt` or `.ckpt` of torch, or of a safetensors file, on the CPU.

    Of a pickle only what torch reads with `weights_only` is read: tensors, numbers, texts and containers. Nothing else in it is
    built or called.

    Raises:
        IcerecoError: no such file, damaged, without tensors by name, or a pickle that needs code.
    """
    content = _content(path)
    for key in _INSIDE:
        if isinstance(content, Mapping) and isinstance(content.get(key), Mapping):
            content = content[key]
    if not isinstance(content, Mapping):
        raise IcerecoError(f"{path} holds a {type(content).__name__}, not a state dict: {_HOW}")
    tensors = {str(name): value for name, value in content.items() if isinstance(value, Tensor)}
    if not tensors:
        raise IcerecoError(f"{path} holds no tensors by name, so it is no state dict: {_HOW}")
    return tensors


_HOW = 'one is written by torch.save(model.state_dict(), "weights.pth")'


def _content(path: Path) -> Any:
    if not path.is_file():
        raise IcerecoError(f"there is no file {path}")
    try:
        return load_file(path) if _is_safetensors(path) else torch.load(path, "cpu", weights_only=True)
    except UnpicklingError as error:
        if any(said in str(error) for said in _NEEDS_CODE):
            raise IcerecoError(
                f"{path} is a pickle that needs code to be opened, which icereco never runs; save the weights alone, with the "
                f"program that they are from: {_HOW.removeprefix('one is written by ')}"
            ) from error
        raise IcerecoError(f"{path} is damaged or no state dict: {_HOW}") from error
    except (
        SafetensorError,
        RuntimeError,
        EOFError,
        ValueError,
        LookupError,
        TypeError,
        AttributeError,
    ) as error:
        raise IcerecoError(f"{path} is damaged or no state dict: {_HOW}") from error


def _is_safetensors(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(_HEADER_AT + 1)[_HEADER_AT:] == b"{"


def _unwrapped(name: str) -> str:
    for prefix in _WRAPPERS:
        if name.startswith(prefix):
            return _unwrapped(name.removeprefix(prefix))
    return name

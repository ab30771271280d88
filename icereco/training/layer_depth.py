"""How far each weight of a model is from its outputs, counted in layers."""

import re
from collections.abc import Sequence

__all__ = ["depths"]

_LAYER = re.compile(r"(.+\.)?layers\.\d+(?=\.)")
_LAST = ("head", "loss")
"""The parts whose weights learn at the full rate."""


def depths(names: Sequence[str]) -> dict[str, int]:
    """Count the layers from each weight to the outputs: 0 in the head, the most where the input comes in.

    Layers are the items of lists called `layers`. What a component declares before its first layer, such as an embedding,
    is a layer too, and what it declares after one, such as a last norm, belongs to it; a component without such a list is
    one layer. For a plain transformer that is how ELECTRA counts (Clark et al., arXiv:2003.10555).

    Args:
        names: of all weights, in the order in which the model declares them, from the input to the outputs.

    >>> depths(["encoder.embed", "encoder.layers.0.a", "encoder.layers.1.a", "encoder.norm", "head.out"])
    {'encoder.embed': 3, 'encoder.layers.0.a': 2, 'encoder.layers.1.a': 1, 'encoder.norm': 1, 'head.out': 0}
    """
    places, part, layer, count = dict[str, int](), "", "", 0
    for name in names:
        beginning, match = name.partition(".")[0], _LAYER.match(name)
        now = match[0] if match else ""
        if beginning in _LAST:
            continue
        if beginning != part or (now and now != layer):
            part, layer, count = beginning, now, count + 1
        places[name] = count
    return {name: count + 1 - places[name] if name in places else 0 for name in names}

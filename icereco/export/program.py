"""A model as a program of torch.export, with sizes that may change."""

import torch
from torch.export import Dim, ExportedProgram
from torch.fx.experimental import _config

from icereco.errors import IcerecoError
from icereco.export.components import require_exportable
from icereco.export.contract import INPUTS
from icereco.export.graph import ExportedModel
from icereco.model.checkpoint import Checkpoint

__all__ = ["Arguments", "exported_program"]

Arguments = tuple[torch.Tensor, ...]
"""The inputs of an exported model, in the order of `icereco.export.contract.INPUTS`."""


def exported_program(checkpoint: Checkpoint) -> ExportedProgram:
    """Follow a model through one small example.

    Raises:
        IcerecoError: it has a component that cannot be exported; or torch cannot follow one that says that it can be.
    """
    require_exportable(checkpoint.model)
    module = ExportedModel(checkpoint.model, checkpoint.detector).eval()
    shapes = {name: {0: Dim.DYNAMIC} for name in INPUTS}
    try:
        # Without the setting torch takes for granted that there is more than one event.
        with torch.no_grad(), _config.patch(backed_size_oblivious=True):  # type: ignore[attr-defined]  # torch adds it as it runs
            return torch.export.export(module, _example(), dynamic_shapes=shapes)
    except Exception as error:
        first = str(error).strip().partition("\n")[0]
        raise IcerecoError(
            f"torch.export cannot follow this model ({type(error).__name__}: {first}); a component that says that it is "
            "exportable uses an operation that is not"
        ) from error


def _example() -> Arguments:
    """Seven pulses in five DOMs of three events; the shapes alone matter."""
    return (
        torch.tensor([3, 3, 1, 0, 2, 2, 1]),
        torch.arange(7, dtype=torch.float64) * 100,
        torch.ones(7),
        torch.zeros(7, dtype=torch.bool),
        torch.tensor([0, 3, 4, 7]),
    )

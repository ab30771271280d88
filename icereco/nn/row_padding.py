"""Rows of zeros after ragged rows, so that few shapes of products occur.

For a product in bfloat16 torch's library for CPUs generates code when its shape first occurs, which takes twice as long as the
product of 900 rows itself. No two batches have equally many pulses, but few multiples of 64 occur.
"""

import torch
from torch import Tensor
from torch.nn.functional import pad

__all__ = ["padded", "row_step"]

_STEP = 64


def row_step(rows: Tensor) -> int:
    """What numbers of rows should be multiples of: 64 for products in bfloat16 on a CPU, elsewhere 1."""
    return _STEP if rows.device.type == "cpu" and torch.is_autocast_enabled("cpu") else 1


def padded(rows: Tensor, count: int | None = None) -> Tensor:
    """Rows with zeros added up to a number of them, by default the next multiple of `row_step`."""
    step = row_step(rows)
    if step == 1 and count is None:
        return rows
    added = -len(rows) % step if count is None else count - len(rows)
    return pad(rows, [0, 0] * (rows.dim() - 1) + [0, added]) if added else rows

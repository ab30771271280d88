"""The names of the attention kernels; light, so that options of components can use them without torch."""

from typing import Literal

__all__ = ["KernelName"]

KernelName = Literal["auto", "compiled", "flex", "bucketed", "packed", "reference"]

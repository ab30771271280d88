"""The precision of matrix products: training steps may take bfloat16, everything else is in float32 unless it is asked for.

bfloat16 moves directions by some tenths of a degree, differently on each machine; a checkpoint gives the same directions
everywhere, in the validation of its training as later.
"""

import torch

from icereco.profiles.train_options import TrainOptions

__all__ = ["full_precision", "has_fast_bfloat16", "rounded_products", "takes_bfloat16", "training_precision"]


def training_precision(options: TrainOptions, device: torch.device) -> torch.autocast:
    """Return a context with bfloat16 products if the options say so, or (`auto`) if the device has instructions for them."""
    return torch.autocast(device.type, torch.bfloat16, enabled=takes_bfloat16(options, device))


def takes_bfloat16(options: TrainOptions, device: torch.device) -> bool:
    """Return whether training steps take bfloat16 products."""
    return options.precision == "bfloat16" or (options.precision == "auto" and has_fast_bfloat16(device))


def full_precision(device: torch.device) -> torch.autocast:
    """Return a context with float32 products, whatever the precision around it."""
    return torch.autocast(device.type, enabled=False)


def rounded_products(device: torch.device) -> torch.autocast:
    """Return a context with bfloat16 products."""
    return torch.autocast(device.type, torch.bfloat16)


def has_fast_bfloat16(device: torch.device) -> bool:
    """Return whether bfloat16 products are faster than float32; a CPU that only emulates them is 50 times slower."""
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    capabilities = torch.cpu.get_capabilities() if device.type == "cpu" else {}
    return bool(capabilities.get("avx512_bf16") or capabilities.get("amx_bf16"))

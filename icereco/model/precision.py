"""The precision of matrix products."""

import torch

from icereco.profiles.train_options import TrainOptions

__all__ = ["autocast"]


def autocast(options: TrainOptions, device: torch.device) -> torch.autocast:
    """Return a context with bfloat16 products if the options say so, or (`auto`) if the device has instructions for them."""
    chosen = options.precision == "bfloat16" or (options.precision == "auto" and has_fast_bfloat16(device))
    return torch.autocast(device.type, torch.bfloat16, enabled=chosen)


def has_fast_bfloat16(device: torch.device) -> bool:
    """Return whether bfloat16 products are faster than float32; a CPU that only emulates them is 50 times slower."""
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    capabilities = torch.cpu.get_capabilities() if device.type == "cpu" else {}
    return bool(capabilities.get("avx512_bf16") or capabilities.get("amx_bf16"))

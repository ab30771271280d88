"""The devices on which torch can compute here, by the names that users write."""

from typing import TYPE_CHECKING

from icereco.errors import IcerecoError, did_you_mean

if TYPE_CHECKING:
    import torch

__all__ = ["device_names", "find_device"]

_AUTOMATIC = ("auto", "")


def device_names() -> list[str]:
    """Return the devices of this machine: "cpu", and "cuda:0", "cuda:1", … where torch has NVIDIA's or AMD's GPUs."""
    import torch

    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    return ["cpu", *(f"cuda:{index}" for index in range(count))]


def find_device(name: str | None = None) -> "torch.device":
    """Return a device by its name; None or "auto" is the first GPU if there is one, "cuda" the first GPU.

    Apple's GPUs ("mps") are never taken: times and positions are float64, which they do not have.

    Raises:
        IcerecoError: this machine has no such device, with those that it has.
    """
    import torch

    existing = device_names()
    if name is None or name in _AUTOMATIC:
        return torch.device(existing[1] if len(existing) > 1 else existing[0])
    meant = "cuda:0" if name == "cuda" else name
    if meant not in existing:
        raise IcerecoError(_missing(name, existing))
    return torch.device(meant)


def _missing(name: str, existing: list[str]) -> str:
    if name == "mps" or name.startswith("mps:"):
        return (
            "Apple's GPUs (mps) are not supported: times are float64, which they do not have; "
            f"this machine has: {', '.join(existing)}"
        )
    message = (
        f"there is no device {name!r}{did_you_mean(name, existing)}; this machine has: {', '.join(existing)}"
    )
    return f"{message}{_why_no_gpu(name, existing)}"


def _why_no_gpu(name: str, existing: list[str]) -> str:
    import torch

    if not name.startswith("cuda") or len(existing) > 1:
        return ""
    built = torch.version.cuda or torch.version.hip
    reason = "finds no GPU or no driver" if built else "is built for processors alone"
    return f"\n  the installed torch {torch.__version__} {reason}"

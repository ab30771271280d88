"""Where the data folders that ship with icereco are."""

from pathlib import Path
from typing import Literal

__all__ = ["calibrations_dir", "data_dir", "models_dir"]

_PACKAGE = Path(__file__).parents[1]


def data_dir(kind: Literal["geometry", "profiles"]) -> Path:
    """The folder of `kind`, in an installed wheel or in a checkout.

    Raises:
        FileNotFoundError: the installation lacks the folder.
    """
    for folder in (_PACKAGE / "_data" / kind, _PACKAGE.parent / kind):
        if folder.is_dir():
            return folder
    raise FileNotFoundError(f"this installation of icereco has no {kind} folder")


def models_dir() -> Path:
    """The folder of trained models, which is in the package itself; it may not be there."""
    return _PACKAGE / "_data" / "models"


def calibrations_dir() -> Path:
    """The folder of calibrations of methods, which is in the package itself."""
    return _PACKAGE / "_data" / "calibrations"

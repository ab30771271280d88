"""Functions as machine code."""

import hashlib
import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar, cast

import numba
from numba.extending import intrinsic

__all__ = ["compiled", "kept", "sources_digest", "written_by"]

Function = TypeVar("Function", bound=Callable[..., Any])

_FASTMATH = {"contract", "nsz", "arcp"}
"""Liberties that leave numbers which are not finite what they are."""


def compiled(function: Function) -> Function:
    """Compile a function of numbers, arrays and named tuples when another one that is compiled calls it."""
    return cast(
        "Function", numba.njit(_plain(function), error_model="numpy", fastmath=_FASTMATH, forceinline=True)
    )


def written_by(write: Callable[..., Any]) -> Callable[[Function], Function]:
    """Let a function, of which only the declaration is given, be written in the language of the compiler (LLVM).

    Args:
        write: an intrinsic of numba: takes numba's types of the arguments, returns their signature and what writes the code.
    """

    def written(function: Function) -> Function:
        plain = _plain(function)
        write.__name__, write.__doc__ = plain.__name__, plain.__doc__
        return cast("Function", intrinsic(write))

    return written


def kept(function: Function) -> Function:
    """Compile a function when it is first called, and keep the machine code for later programs.

    It is kept beside the module or, where that cannot be written, in the user's cache. Numba takes it as long as the file of the
    function stays as it is, and the closure: so that has to hold the digest of all sources.
    """
    try:
        return _kept(_plain(function), cache=True)
    except RuntimeError:  # no folder for it can be written
        return _kept(_plain(function), cache=False)


def _kept(function: Function, cache: bool) -> Function:
    return cast(
        "Function", numba.njit(function, nogil=True, error_model="numpy", fastmath=_FASTMATH, cache=cache)
    )


def sources_digest(folder: Path) -> str:
    """Return a digest of this module and of the source files of a folder, whose functions and numbers machine code is made of."""
    digest = hashlib.sha256()
    for path in (Path(__file__), *sorted(folder.rglob("*.py"))):
        digest.update(path.read_bytes())
    return digest.hexdigest()


def _plain(function: Function) -> Function:
    """Return a function without the checks of types that tests wrap around it."""
    return cast("Function", inspect.unwrap(function))

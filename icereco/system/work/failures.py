"""Units that failed while the others went on, in one message."""

from collections.abc import Sequence

from icereco.errors import IcerecoError
from icereco.system.work.executor import KilledError

__all__ = ["together"]

_SHOWN = 10


def together(errors: Sequence[IcerecoError], what: str) -> IcerecoError:
    """One error for several, with the message of each; a `KilledError` if all are.

    >>> print(together([IcerecoError("a: damaged"), IcerecoError("b: damaged")], "of 7 files cannot be read"))
    2 of 7 files cannot be read:
      a: damaged
      b: damaged

    Args:
        errors: one or more; one alone is returned as it is.
        what: said of them, after their number.
    """
    if len(errors) == 1:
        return errors[0]
    lines = [f"  {error}" for error in errors[:_SHOWN]]
    if len(errors) > _SHOWN:
        lines.append(f"  and {len(errors) - _SHOWN:,} more")
    kind = KilledError if all(isinstance(error, KilledError) for error in errors) else IcerecoError
    return kind("\n".join([f"{len(errors):,} {what}:", *lines]))

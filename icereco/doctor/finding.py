"""The finding of a check."""

from dataclasses import dataclass
from typing import Literal

__all__ = ["Finding", "Severity", "cannot_tell", "good"]

Severity = Literal["ok", "unknown", "warning", "error"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One finding, in words for people.

    Attributes:
        check: name of the check.
        severity: "ok"; "unknown" if these events allow no conclusion; "warning" if they can still be used; "error" if a
            model would learn something wrong.
        what: the finding in one sentence.
        evidence: the figures that show it.
        cause: what most likely brought it about; None where nothing is wrong.
        fix: what to do.
    """

    check: str
    severity: Severity
    what: str
    evidence: str
    cause: str | None = None
    fix: str | None = None


def good(check: str, what: str, evidence: str) -> Finding:
    """Return the finding that nothing is wrong."""
    return Finding(check, "ok", what, evidence)


def cannot_tell(check: str, evidence: str, fix: str | None = None) -> Finding:
    """Return the finding that these events allow no conclusion."""
    return Finding(check, "unknown", "cannot tell", evidence, None, fix)

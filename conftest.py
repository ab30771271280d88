"""Checks types and shapes in every signature of the project, whichever tests run."""

from collections import Counter
from collections.abc import Callable, Hashable
from functools import wraps
from pathlib import Path
from typing import Any

import beartype.typing
import jaxtyping
import pytest

PACKAGES = ["icereco", *(folder.name for folder in (Path(__file__).parent / "plugins").iterdir())]

# As for mypy, an int is a float. What Self is can only be said where a class is decorated as a whole. Of a list the
# first item is looked at, not a random one: tests draw their own random numbers and must stay repeatable.
CONFIGURATION = """beartype.BeartypeConf(
    is_pep484_tower=True,
    is_random=False,
    hint_overrides=beartype.FrozenDict({beartype.typing.Self: object}),
)"""

FIRST_CALLS, ONE_IN = 10, 16

calls: Counter[Hashable] = Counter()
"""By code, which unlike a function keeps nothing else alive: of each function since the test began."""


def due(what: Hashable) -> bool:
    """Whether a call is checked: the first ones in each test and a part of the others."""
    calls[what] = number = calls[what] + 1
    return number <= FIRST_CALLS or number % ONE_IN == 0


def sparingly(checked: Callable[..., Any], plain: Callable[..., Any]) -> Callable[..., Any]:
    """Check the calls that are due: a fit calls its formulas thousands of times."""
    code = plain.__code__

    @wraps(checked)
    def function(*arguments: Any, **named: Any) -> Any:
        __tracebackhide__ = True
        return (checked if due(code) else plain)(*arguments, **named)

    return function


def jaxtyped(*, typechecker: Any) -> Callable[[Any], Any]:
    """As of jaxtyping, whose import hook writes its name before every function and class."""

    def decorate(plain: Any) -> Any:
        if not isinstance(plain, type):
            # A function within another is made anew in each call, which takes longer than its own.
            if "<locals>" in plain.__qualname__ and not due((plain.__code__, "made")):
                return plain
            return sparingly(typed(plain, typechecker=typechecker), plain)
        before = plain.__init__
        if typed(plain, typechecker=typechecker).__init__ is not before:  # of a dataclass
            plain.__init__ = sparingly(plain.__init__, before)
        return plain

    return decorate


typed, jaxtyping.jaxtyped = jaxtyping.jaxtyped, jaxtyped

# Here, before anything imports the packages: the workers of xdist do not see pytest's own option for it.
jaxtyping.install_import_hook(PACKAGES, f"{beartype.__name__}.beartype(conf={CONFIGURATION})")


def pytest_addoption(parser: pytest.Parser) -> None:
    """How long the tests of endurance go on; see `nox -s endurance`."""
    parser.addoption(
        "--endurance-seconds", type=float, default=0.5, help="for each test of endurance [default: 0.5]"
    )


def pytest_runtest_setup() -> None:
    """In each test every signature is checked anew."""
    calls.clear()

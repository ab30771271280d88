"""Checks types and shapes in every signature of the project, whichever tests run."""

from pathlib import Path

import beartype.typing
import pytest
from jaxtyping import install_import_hook

PACKAGES = ["icereco", *(folder.name for folder in (Path(__file__).parent / "plugins").iterdir())]

# As for mypy, an int is a float. What Self is can only be said where a class is decorated as a whole. Of a list the
# first item is looked at, not a random one: tests draw their own random numbers and must stay repeatable.
CONFIGURATION = """beartype.BeartypeConf(
    is_pep484_tower=True,
    is_random=False,
    hint_overrides=beartype.FrozenDict({beartype.typing.Self: object}),
)"""

# Here, before anything imports the packages: the workers of xdist do not see pytest's own option for it.
install_import_hook(PACKAGES, f"{beartype.__name__}.beartype(conf={CONFIGURATION})")


def pytest_addoption(parser: pytest.Parser) -> None:
    """How long the tests of endurance go on; see `nox -s endurance`."""
    parser.addoption(
        "--endurance-seconds", type=float, default=0.5, help="for each test of endurance [default: 0.5]"
    )

"""The conformance kit: what each kind of component promises, as checks that a component passes or fails.

In the tests of a package with an aggregator `mean`:

    import pytest
    from icereco.testing.conformance import checks

    @pytest.mark.parametrize("check", checks("aggregator", "mean"), ids=str)
    def test_mean(check):
        check()

`icereco plugins check mean` runs the same checks. The promises of a kind are the docstrings of the functions in
its module in this package.
"""

from icereco.testing.conformance.kit import Check, checks, checks_of
from icereco.testing.conformance.subject import BrokenPromiseError, Example

__all__ = ["BrokenPromiseError", "Check", "Example", "checks", "checks_of"]

"""Filtering and sorting the list of events."""

import polars as pl
import pytest

from icereco.errors import IcerecoError
from icereco.watch.choose import Order, filtered, ordered

FRAME = pl.DataFrame(
    {"row": [0, 1, 2], "pulses": [5, 500, 50], "kind": ["cascade", "track", None], "error": [1.0, None, 30.0]}
)


@pytest.mark.parametrize(
    ("expression", "rows"),
    [("", [0, 1, 2]), ("pulses > 10", [1, 2]), ("pulses > 10 and kind = 'track'", [1]), ("kind == 'cascade'", [0]),
     ("error is null", [1]), ("kind like 'tr%' or error > 20", [1, 2]), ("  ", [0, 1, 2]), ("pulses between 5 and 50", [0, 2])],
)  # fmt: skip
def test_a_filter_keeps_the_events_for_which_it_is_true(expression, rows):
    assert filtered(FRAME, expression)["row"].to_list() == rows


@pytest.mark.parametrize(
    ("expression", "message"),
    [("puls > 1", "puls"), ("pulses >", "cannot read 'pulses >'"), ("pulses", "a value, not a condition; compare it"),
     ("kind = cascade", "a text needs quotes: 'cascade'"), ("PULSES > 1", "did you mean 'pulses'?"), ("1", "a value, not a condition"),
     ("sigma > 1", "it needs a file of reconstructions"), ("error_mpe > 1", "it needs a file of reconstructions"),
     ("kind > 3", "cannot compare string"), ("select 1", "select"), ("pulses > 1; drop table x", ";"), ("foo(pulses)", "foo")],
)  # fmt: skip
def test_an_invalid_filter_is_explained_in_one_line(expression, message):
    with pytest.raises(IcerecoError) as error:
        filtered(FRAME, expression)
    assert message in str(error.value)
    assert "\n" not in str(error.value)


def test_order_puts_events_without_a_value_last():
    assert ordered(FRAME, Order("error", descending=True))["row"].to_list() == [2, 0, 1]
    assert ordered(FRAME, Order("error"))["row"].to_list() == [0, 2, 1]
    assert ordered(FRAME, Order("nothing"))["row"].to_list() == [0, 1, 2]

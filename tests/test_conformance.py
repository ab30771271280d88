"""Every registered component passes the conformance kit: registered means tested."""

import pytest

from icereco.components import KINDS
from icereco.plugins import registry
from icereco.testing.conformance import Example, checks_of
from icereco.testing.conformance.samples import detector, event_table

SETTINGS = {("simulator", "ice-telescope"): {"primaries_per_block": 64}}


def write_own(folder):
    import pyarrow.parquet as pq

    pq.write_table(event_table(), folder / "events.parquet")
    return folder / "events.parquet"


def write_kaggle(folder):
    from icereco.data.layouts import KaggleWriter

    with KaggleWriter(folder / "events", detector(), {}) as writer:
        for batch in event_table().to_batches():
            writer.write(batch)
    return folder / "events"


EXAMPLES = {"icereco": write_own, "kaggle": write_kaggle}
"""Readers and what writes a file of theirs. A reader that is not here fails `test_every_reader_has_an_example`."""


def every_check():
    for declaration in (one for kind in KINDS for one in registry().of_kind(kind)):
        kind, name = declaration.kind, declaration.component.name
        write = EXAMPLES.get(name) if kind == "reader" else None
        example = Example(write, event_table()) if write else None
        for check in checks_of(declaration, example, SETTINGS.get((kind, name))):
            if not check.waived:
                yield pytest.param(check, id=f"{kind} {check}")


@pytest.mark.parametrize("check", list(every_check()))
def test_every_component_keeps_its_promises(check):
    check()


@pytest.mark.parametrize("name", registry().names("reader"))
def test_every_reader_has_an_example(name):
    assert name in EXAMPLES

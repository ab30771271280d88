"""The search for a learning rate, on losses that are known, and as a command."""

import re
import subprocess
import sys

import numpy as np
import pyarrow.parquet as pq
import pytest
from training_driver import SMALL

from icereco.errors import IcerecoError
from icereco.testing.random_events import random_events
from icereco.training.rate_search import HIGHEST, LOWEST, search_rate
from icereco.training.trainer import NonFiniteLossError


def bowl(lowest):
    return lambda rate: 2.0 + 0.1 * (np.log10(rate / lowest)) ** 2


@pytest.mark.parametrize("lowest", [0.5, 3.0])
def test_the_rate_is_a_fifth_of_that_with_the_lowest_loss(lowest):
    found = search_rate(bowl(lowest), 300, lambda _: None)
    assert found.turning == pytest.approx(lowest, rel=0.5)
    assert found.suggested == pytest.approx(found.turning / 5)
    assert (found.factors[0], found.factors[-1]) == (pytest.approx(LOWEST), pytest.approx(HIGHEST))


def test_a_loss_that_rises_ends_the_search():
    found = search_rate(lambda rate: 2.0 if rate < 1 else 9.0, 100, lambda _: None)
    assert 50 < len(found.factors) < 60


def diverging(rate):
    if rate > 1:
        raise NonFiniteLossError("too high")
    return 2.0 - rate


def test_a_loss_that_is_not_finite_ends_the_search():
    found = search_rate(diverging, 100, lambda _: None)
    assert found.factors[-1] <= 1
    assert found.turning == found.factors[-1]


def test_a_loss_that_is_never_finite_is_refused_with_what_to_do():
    def step(_rate):
        raise NonFiniteLossError("always")

    with pytest.raises(IcerecoError, match=r"not finite.* after 0 steps, at 0.01 times .* icereco doctor"):
        search_rate(step, 100, lambda _: None)


def command(*arguments, folder):
    line = [sys.executable, "-m", "icereco", "train", "--find-rate", *arguments]
    return subprocess.run(line, cwd=folder, capture_output=True, text=True, timeout=300, check=False)


def test_the_command_says_what_to_type_and_keeps_no_run(tmp_path):
    pq.write_table(random_events(np.full(400, 12), seed=3), tmp_path / "events.parquet")
    changes = [word for change in (*SMALL, "train.calibration_events=0") for word in ("-o", change)]
    done = command("--data", "events.parquet", *changes, folder=tmp_path)
    assert done.returncode == 0, done.stderr
    assert re.search(
        r"-o train\.learning_rate=[\d.e-]+ -o train\.muon_learning_rate=[\d.e-]+$", done.stdout.strip()
    )
    assert {path.name for path in tmp_path.iterdir()} == {"events.parquet"}


def test_what_a_search_cannot_be_combined_with_is_said(tmp_path):
    done = command("--name", "mine", folder=tmp_path)
    assert done.returncode != 0
    assert "--find-rate keeps no run" in done.stderr

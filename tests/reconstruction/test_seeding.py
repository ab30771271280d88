"""A method that starts from what others say of the same events, through the command line as its own process."""

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from icereco_reconstructors.options import LineFitOptions
from reconstruct_driver import SIZES, events_of, written

from icereco.detector.detector import load_detector
from icereco.errors import IcerecoError
from icereco.model.checkpoint import file_hash
from icereco.physics.sphere import direction_from_angles
from icereco.reconstruction.methods import Method, model_method, untrained_method
from icereco.reconstruction.seeding import seeded
from icereco.runs.folder import RunFolder
from icereco.tables.assembly import event_batch
from icereco.tables.reconstructions import provenance_of

FOLLOWER = {
    "follower.py": """
        from icereco import Component, hookimpl

        @hookimpl
        def icereco_reconstructors():
            yield Component("follower", "follower_part:Follower", "icereco:NoOptions", "the last seed")
    """,
    "follower_part.py": """
        import numpy as np
        from icereco import Reconstruction

        class Follower:
            pulses_per_call = 100

            def __init__(self, options):
                pass

            def __call__(self, batch, seeds):
                upward = np.tile([0.0, 0.0, 1.0], (len(batch), 1))
                direction = seeds[-1].direction if seeds else upward
                return Reconstruction(direction, extras={"seed_count": np.full(len(batch), len(seeds))})
    """,
}


def with_fit(path):
    """Events with an official fit, which failed for the first of them."""
    azimuth, zenith = np.linspace(0.1, 6.0, len(SIZES)), np.linspace(0.2, 3.0, len(SIZES))
    azimuth[0] = zenith[0] = np.nan
    table = events_of(SIZES)
    for name, column in (("fit_splined_azimuth", azimuth), ("fit_splined_zenith", zenith)):
        table = table.append_column(name, pa.array(column))
    pq.write_table(table, path, row_group_size=5)
    return direction_from_angles(azimuth, zenith)


@pytest.fixture
def follower(fresh):
    """An environment with a method that repeats its last seed."""
    fresh.write("icereco-follower", FOLLOWER)
    return fresh


def follow(environment, *arguments):
    return environment.icereco("reconstruct", "events.parquet", "--method", "follower", *arguments)


def directions(path):
    table = pq.read_table(path)
    return np.stack([table[f"direction_{axis}"].to_numpy() for axis in "xyz"], -1)


def test_seeds_are_what_the_other_method_says_of_each_event(follower):
    written(follower.folder / "events.parquet", SIZES)
    done = follow(follower, "--seed", "linefit:weight_by_charge=true", "--seed", "linefit")
    assert done.returncode == 0, done.stderr
    assert "from the seeds linefit:weight_by_charge=true, linefit" in done.stderr
    path = follower.folder / "events.reco.parquet"
    method = untrained_method("linefit", "icecube86")
    np.testing.assert_allclose(
        directions(path), method(event_batch(events_of(SIZES), method.detector)).direction
    )
    assert pq.read_table(path)["seed_count"].to_pylist() == [2 if size else None for size in SIZES]
    assert provenance_of(path)["seeds"] == [
        {
            "name": f"linefit{text}",
            "method_options": LineFitOptions(weight_by_charge=bool(text), robust=False).model_dump(),
        }
        for text in (":weight_by_charge=true", "")
    ]


def test_a_fit_that_came_with_the_events_is_a_seed(follower):
    fit = with_fit(follower.folder / "events.parquet")
    done = follow(follower, "--seed", "splined")
    assert done.returncode == 0, done.stderr
    path = follower.folder / "events.reco.parquet"
    hit = np.array(SIZES) > 0
    np.testing.assert_allclose(directions(path), np.where(hit[:, None], fit, np.nan))
    assert provenance_of(path)["seeds"] == [{"name": "splined", "from": "fit_splined_azimuth"}]


def test_without_seeds_a_method_that_takes_them_gets_none(follower):
    written(follower.folder / "events.parquet", SIZES)
    done = follow(follower)
    assert done.returncode == 0, done.stderr
    table = pq.read_table(follower.folder / "events.reco.parquet")
    assert table["seed_count"].to_pylist() == [0 if size else None for size in SIZES]
    assert "seeds" not in provenance_of(follower.folder / "events.reco.parquet")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--seed", "spline"], ["events.parquet has no fit of that name; did you mean 'splined'?", "fits there: splined", "methods: follower, "]),
        (["--seed", "linefit:weight=true"], ["weight is not an option of the reconstructor 'linefit'"]),
        (["--seed", "gone.safetensors"], ["gone.safetensors"]),
        (["--method", "linefit", "--seed", "splined"], ["'linefit' takes no seeds"]),
    ],
    ids=lambda value: " ".join(value) if value[0].startswith("--") else "",
)  # fmt: skip
def test_a_wrong_seed_is_one_message_and_nothing_is_written(follower, arguments, words):
    with_fit(follower.folder / "events.parquet")
    done = follow(follower, *arguments)
    assert done.returncode == 2, done.stdout
    assert "Traceback" not in done.stderr
    for word in words:
        assert word in done.stderr
    assert not (follower.folder / "events.reco.parquet").exists()


@pytest.fixture
def seen():
    return []


@pytest.fixture
def watched(seen):
    """A method that takes seeds and keeps them."""

    def with_seeds(batch, seeds):
        seen.extend(seeds)
        return seeds[0]

    return Method(
        "watched", load_detector("icecube86"), lambda batch: with_seeds(batch, ()), 10**9, 10, with_seeds
    )


@pytest.mark.parametrize("by", ["run", "folder", "checkpoint"])
def test_a_model_is_a_seed_by_run_folder_or_file(checkpoint, watched, seen, tmp_path, monkeypatch, by):
    monkeypatch.chdir(tmp_path)
    run = RunFolder.create(tmp_path / "runs", "first")
    run.best.write_bytes(checkpoint.read_bytes())
    run.write_status("finished")
    method = seeded(watched, [{"run": "first", "folder": str(run.path), "checkpoint": str(checkpoint)}[by]])
    batch = event_batch(events_of(SIZES), method.detector)
    np.testing.assert_allclose(method(batch).direction, model_method(checkpoint)(batch).direction, atol=1e-5)
    assert seen[0].posterior is not None
    (facts,) = method.provenance["seeds"]
    assert facts["checkpoint_sha256"] == file_hash(checkpoint)
    assert facts.get("run") == (None if by == "checkpoint" else "first")


def test_a_seed_of_another_detector_is_refused(checkpoint, watched):
    other = replace(watched, detector=load_detector("gen2"))
    with pytest.raises(IcerecoError, match=r"detector icecube86, and the events are of (.|\n)*--detector"):
        seeded(other, [str(checkpoint)])


def test_every_file_is_checked_for_the_fit_before_the_first_event(follower):
    with_fit(follower.folder / "events.parquet")
    written(follower.folder / "without.parquet", SIZES, first_id=10_000)
    done = follow(follower, "without.parquet", "--seed", "splined")
    assert done.returncode == 2, done.stdout
    assert "without.parquet has no fit of that name" in done.stderr
    assert "fits there: none" in done.stderr

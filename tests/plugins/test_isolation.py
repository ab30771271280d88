"""A plugin that fails takes no other command down: installed packages in an environment of their own, as processes."""

import re
from importlib.util import find_spec
from textwrap import dedent

import pyarrow.parquet as pq
import pytest

needs_builder = pytest.mark.skipif(
    find_spec("hatchling") is None, reason="builds without isolation, so that nothing is downloaded"
)

DECLARES = """
    from icereco import Component, hookimpl

    @hookimpl
    def {hook}():
        yield Component("{name}", "{module}_part:Part", "icereco:NoOptions", "fails in use")
"""

SIMULATOR = """
    import pyarrow as pa
    from icereco.testing.random_events import random_events
    import numpy as np
    from icereco import SCHEMA

    class Part:
        def __init__(self, options, detector):
            pass

        def blocks(self, seed, first_block=0):
            table = random_events(np.array([20] * 40), seed=seed)
            if not first_block:
                yield table.cast(SCHEMA).combine_chunks().to_batches()[0]
            raise RuntimeError("the second block is missing")
"""

READER = """
    class Part:
        def __init__(self, options):
            pass

        def sniff(self, path):
            {sniff}

        def files(self, path):
            return [path]

        def count(self, path):
            return 100

        def read(self, path, detector, rows_per_batch=4096):
            from icereco_readers.own import OwnReader
            for number, batch in enumerate(OwnReader().read(path, detector, 50)):
                if number == 1:
                    raise KeyError("column of event 50")
                yield batch
"""

AGGREGATOR = """
    import torch

    class Part(torch.nn.Module):
        def __init__(self, options, feature_count):
            super().__init__()
            {build}
            self.width = 64
            self.layer = torch.nn.Linear(feature_count, 64)

        def forward(self, features, pulse_offsets):
            raise IndexError("off by one")
"""


def install(environment, module, hook, part, name="brittle", entry=None):
    environment.write(
        f"icereco-{module}",
        {f"{module}.py": DECLARES.format(hook=hook, name=name, module=module), f"{module}_part.py": part},
        version="2.5",
        entries={entry or module: module},
    )


@pytest.fixture
def events(tmp_path):
    import numpy as np
    import pyarrow.parquet as pq

    from icereco.testing.random_events import random_events

    path = tmp_path / "events.parquet"
    pq.write_table(random_events(np.full(100, 30), seed=3), path)
    return path


def reports(result, *parts):
    """One message, which says all of this, and no traceback."""
    assert result.returncode == 2, result.stdout + result.stderr
    assert "Traceback" not in result.stderr
    for part in parts:
        assert part in result.stderr


TRAINING = (
    "--wandb",
    "disabled",
    "--name",
    "it",
    "-o",
    "aggregator.use=brittle",
    "-o",
    "train.validation_events=20",
)


@pytest.mark.parametrize(
    ("build", "complaint"),
    [
        ("raise OSError('no weights')", "when it was built: OSError: no weights"),
        ("pass", "IndexError: off by one"),
    ],
    ids=["at build", "in forward"],
)
def test_an_aggregator_that_raises_ends_its_training_with_a_message(fresh, events, build, complaint):
    install(fresh, "brittle_a", "icereco_aggregators", AGGREGATOR.format(build=build))
    result = fresh.icereco("train", "--profile", "quick", "--data", str(events), *TRAINING)
    reports(result, "aggregator 'brittle' of icereco-brittle_a 2.5 failed", complaint)
    assert not (fresh.folder / "runs" / "it").exists()


def test_a_reader_that_raises_when_asked_is_left_out_and_the_file_is_read(fresh, events):
    install(fresh, "brittle_r", "icereco_readers", READER.format(sniff="raise ZeroDivisionError('sniffing')"))
    result = fresh.icereco("reconstruct", str(events), "--method", "linefit", "-o", "out.parquet")
    assert result.returncode == 0, result.stderr
    assert "reader 'brittle' is left out" in result.stderr
    assert "ZeroDivisionError: sniffing" in result.stderr
    assert (fresh.folder / "out.parquet").is_file()


def test_a_reader_that_cannot_be_imported_is_left_out_and_the_file_is_read(fresh, events):
    install(fresh, "brittle_r", "icereco_readers", "import not_installed_anywhere")
    result = fresh.icereco("reconstruct", str(events), "--method", "linefit", "-o", "out.parquet")
    assert result.returncode == 0, result.stderr
    assert "No module named 'not_installed_anywhere'" in result.stderr


def test_a_reader_that_raises_in_the_middle_of_a_file_is_named_with_what_is_missing(fresh, tmp_path, events):
    install(fresh, "brittle_r", "icereco_readers", READER.format(sniff="return path.suffix == '.odd'"))
    odd = tmp_path / "events.odd"
    events.rename(odd)
    result = fresh.icereco(
        "reconstruct", str(odd), "--method", "linefit", "-o", "out.parquet", ICERECO_DISABLE_PLUGINS="readers"
    )
    reports(
        result,
        "column of event 50' in reader 'brittle' of icereco-brittle_r 2.5",
        "events.odd",
        "column of event 50",
    )
    whole, missing = fresh.folder / "out.parquet", fresh.folder / "out.parquet.missing.jsonl"
    assert 0 < pq.read_table(whole).num_rows < pq.read_table(odd).num_rows
    assert "column of event 50" in missing.read_text()
    assert {*fresh.folder.glob("*out.parquet*")} == {whole, missing}


RECONSTRUCTORS = {
    "object": """
        class Part:
            def __init__(self, options):
                pass

            def __call__(self, batch):
                1 / 0
    """,
    "partial": """
        import functools

        def Part(options):
            return functools.partial(lambda zero, batch: 1 / zero, 0)
    """,
    "bound method": """
        import types

        def Part(options):
            return types.MethodType(lambda method, batch: 1 / 0, options)
    """,
}


@pytest.mark.parametrize("part", RECONSTRUCTORS.values(), ids=RECONSTRUCTORS)
def test_a_reconstructor_that_raises_is_reported(fresh, events, part):
    install(fresh, "brittle_c", "icereco_reconstructors", part, entry="my-entry")
    result = fresh.icereco("reconstruct", str(events), "--method", "brittle", "-o", "out.parquet")
    reports(
        result,
        "reconstructor 'brittle' of icereco-brittle_c 2.5 failed when it was given events",
        "ZeroDivisionError",
        "ICERECO_DISABLE_PLUGINS=my-entry",
    )
    assert not (fresh.folder / "out.parquet").exists()
    assert (
        fresh.icereco("reconstruct", str(events), "--method", "linefit", "-o", "out.parquet").returncode == 0
    )


def test_another_method_called_linefit_does_not_replace_the_line_fit(fresh, events):
    part = "class Part:\n    def __init__(self, options):\n        raise RuntimeError('not this one')\n"
    install(fresh, "brittle_c", "icereco_reconstructors", part, name="linefit")
    result = fresh.icereco("reconstruct", str(events), "--method", "icereco/linefit", "-o", "out.parquet")
    assert result.returncode == 0, result.stderr
    reports(fresh.icereco("reconstruct", str(events), "--method", "linefit"), 'use = "icereco/linefit"')


@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_simulator_that_raises_between_blocks_leaves_nothing(fresh, workers):
    install(fresh, "brittle_s", "icereco_simulators", SIMULATOR)
    arguments = ("simulate", "--simulator", "brittle", "--events", "60", "--workers", workers, "-o", "events")
    reports(
        fresh.icereco(*arguments),
        "simulator 'brittle' of icereco-brittle_s 2.5 failed",
        "the second block is missing",
    )
    assert not list(fresh.folder.glob("events/*"))


PROJECT = """
    [build-system]
    requires = ["hatchling"]
    build-backend = "hatchling.build"

    [project]
    name = "icereco-{name}"
    version = "1.0"
    dependencies = ["icereco{versions}"]

    [project.entry-points.icereco]
    {name} = "{name}"

    [tool.hatch.build.targets.wheel]
    include = ["{name}.py"]
"""

LOSS = dedent(DECLARES.format(hook="icereco_losses", name="{loss}", module="nowhere"))
TWICE = LOSS + '    yield Component("{loss}", "nowhere:Again", "icereco:NoOptions", "the same name")\n'
FAULTS = {
    "gone": ("import not_installed_anywhere", "", "No module named 'not_installed_anywhere'"),
    "future": ("raise RuntimeError('must not run')", ">=98", "it needs icereco>=98, and 0."),
    "leaving": ("import sys; sys.exit(1)", "", "SystemExit: 1"),
    "twice": (TWICE.format(loss="twin"), "", "icereco_losses declares 'twin' twice"),
    "typo": (
        LOSS.format(loss="good").replace("icereco_losses", "icereco_loses"),
        "",
        "mean 'icereco_losses'?",
    ),
    "clash": (
        LOSS.format(loss="vmf"),
        "",
        'loss vmf: choose with use = "icereco-clash/vmf" or "icereco/vmf"',
    ),
    "late": (
        "import time; time.sleep(1.1)\n" + LOSS.format(loss="late"),
        "",
        "icereco-late 1.0 (late) takes 1.",
    ),
    "heavy": ("import wandb\n" + LOSS.format(loss="heavy"), "", "icereco-heavy 1.0 (heavy) imports wandb"),
}
"""Packages by name: their module, the versions of icereco that they want, and what `icereco plugins` says of them."""


@pytest.fixture(scope="module")
def all_faults(tmp_path_factory, make_environment):
    """An environment with all of these packages, installed by pip."""
    folder = tmp_path_factory.mktemp("faults")
    for name, (source, versions, _) in FAULTS.items():
        (folder / name).mkdir()
        (folder / name / f"{name}.py").write_text(source)
        (folder / name / "pyproject.toml").write_text(dedent(PROJECT).format(name=name, versions=versions))
    environment = make_environment(folder / "environment")
    environment.install(*(folder / name for name in FAULTS))
    # Stands for the real one, which takes seconds to import.
    (environment.packages / "wandb.py").write_text("")
    # And an installation that was cut short: entry points, but no metadata.
    (environment.packages / "icereco_cut-1.0.dist-info").mkdir()
    (environment.packages / "icereco_cut-1.0.dist-info" / "entry_points.txt").write_text(
        "[icereco]\ncut = cut_off\n"
    )
    return environment


@needs_builder
def test_all_faults_are_reported_at_once_each_with_its_reason(all_faults):
    listing = all_faults.icereco("plugins")
    assert listing.returncode == 0
    for _, _, reason in FAULTS.values():
        assert reason in listing.stderr
    assert "No module named 'cut_off'" in listing.stderr
    assert "flex-attention" in listing.stdout


@needs_builder
@pytest.mark.parametrize(
    "arguments", [["--help"], ["profiles", "check"], ["runs"], ["reconstruct", "EVENTS"]]
)
def test_all_faults_at_once_leave_every_other_command_alone(all_faults, events, arguments):
    more = (
        ["--method", "linefit", "-o", str(events.with_name("out.parquet"))] if "EVENTS" in arguments else []
    )
    result = all_faults.icereco(*(str(events) if word == "EVENTS" else word for word in arguments), *more)
    assert result.returncode == 0, result.stderr


@needs_builder
def test_a_clash_is_an_error_where_the_name_is_written_but_not_for_shipped_profiles(all_faults):
    assert 'use = "vmf"' in all_faults.icereco("profiles", "show", "quick").stdout
    used = all_faults.icereco("profiles", "show", "quick", "-o", "loss.use=vmf")
    reports(used, "2 plugins provide the loss 'vmf'; say which one:", 'use = "icereco-clash/vmf"')
    cured = all_faults.icereco("profiles", "show", "quick", "-o", "loss.use=icereco/vmf")
    assert cured.returncode == 0, cured.stderr


def test_checking_a_plugin_that_is_not_loaded_says_why(fresh):
    fresh.write("icereco-fault", {"fault.py": "import gone"})
    reports(
        fresh.icereco("plugins", "check", "icereco-fault"),
        "not loaded: icereco-fault 1.0",
        "No module named 'gone'",
    )


def test_check_finds_what_is_wrong_and_says_it(fresh):
    install(fresh, "brittle_a", "icereco_aggregators", AGGREGATOR.format(build="pass"))
    result = fresh.icereco("plugins", "check", "brittle", "--kind", "aggregator")
    assert result.returncode == 1, result.stderr
    assert re.search(r"kept +options-refuse-typos", result.stdout)
    assert "aggregator brittle: one-vector-per-dom: IndexError: off by one" in result.stdout

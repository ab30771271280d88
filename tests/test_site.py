"""The site of the documentation has every page, and the pages for each kind of user print commands that run."""

import os
import re
import shlex
import subprocess
import sys
import tomllib
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import polars as pl
import pyarrow.parquet as pq
import pytest
from i3_files import event_frames, particle, write

import icereco

ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / "docs"
NAVIGATION = re.findall(
    r": (\S+\.md)$", (DOCS / "website" / "mkdocs.yml").read_text(encoding="utf-8"), re.MULTILINE
)


def hooks():
    spec = spec_from_file_location("hooks", DOCS / "website" / "hooks.py")
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_navigation_has_every_page_once():
    pages = [path.relative_to(DOCS).as_posix() for path in DOCS.rglob("*.md")]
    assert sorted(NAVIGATION) == sorted([*pages, *hooks().generated_pages()])


def test_the_reference_has_every_public_name():
    reference = hooks().generated_pages()["reference.md"]
    documented = re.findall(r"^::: icereco\.(\w+)$", reference, re.MULTILINE)
    assert sorted(documented) == sorted(icereco.__all__)


def test_links_become_those_of_the_site():
    page = type("Page", (), {"file": type("File", (), {"src_uri": "versions.md"})})
    text = "[a](../CHANGELOG.md#b) [c](docs/data.md#look-first) [d](notebooks/first_look.ipynb) `e.ipynb`"
    linked = "[a](changelog.md#b) [c](data.md#look-first) [d](notebooks/first_look.md) `e.ipynb`"
    assert hooks().on_page_markdown(text, page, None, None) == linked


@pytest.mark.slow
def test_the_site_is_built_without_warnings_and_fetches_nothing(tmp_path):
    pytest.importorskip("mkdocs", reason="needs icereco[docs]")
    pytest.importorskip("mkdocstrings", reason="needs icereco[docs]")
    pytest.importorskip("material", reason="needs icereco[docs]")
    command = [
        sys.executable,
        "-m",
        "mkdocs",
        "build",
        "--strict",
        "--config-file",
        "docs/website/mkdocs.yml",
    ]
    result = subprocess.run(
        [*command, "--site-dir", str(tmp_path)], cwd=ROOT, capture_output=True, text=True, timeout=200
    )
    assert result.returncode == 0, result.stderr
    fetched = re.compile(
        r"<(?:script|link|img|iframe)[^>]*(?:src|href)=\"?(?:https?:)?//|url\(\"?https?:|@import"
    )
    for path in [*tmp_path.rglob("*.html"), *tmp_path.rglob("*.css")]:
        assert not fetched.search(path.read_text(encoding="utf-8")), path


def test_the_citation_is_of_this_version():
    citation = dict(
        re.findall(r"^([\w-]+): (.+)$", (ROOT / "CITATION.cff").read_text(encoding="utf-8"), re.MULTILINE)
    )
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    cited = (citation["title"], citation["version"], citation["license"])
    assert cited == (project["name"], project["version"], project["license"])
    assert citation["cff-version"] == "1.2.0"


def i3_file(folder):
    """Three events with truth, each along another string."""
    truth = {"MCInIcePrimary": ("I3Particle", particle(zenith=1.0, azimuth=2.0, energy=1e3, pdg=14))}
    frames = []
    for number in range(3):
        pulses = {(26 + number, om, 0): [(1e4 + (40 + number) * om, 1.0, 8.0, 7)] for om in range(20, 30)}
        frames += event_frames(pulses, truth, run=7, event=number)
    write(folder / "FILE.i3.zst", frames)


def km3net_files(folder):
    files = pytest.importorskip("km3net_testdata", reason="needs icereco[dev], which brings km3net-testdata")
    muons = "offline/mcv6.0.gsg_muon_highE-CC_50-500GeV.km3sim.jterbr00008357.jorcarec.aanet.905.root"
    layout = "detx/orca_115strings_av23min20mhorizontal_18OMs_alt9mvertical_v1.detx"
    (folder / "FILE.root").symlink_to(files.data_path(muons))
    (folder / "FILE.detx").symlink_to(files.data_path(layout))


def kaggle_folder(folder):
    """The competition's folder with 250 events in a file to train on, 250 to validate, 60 to test, and 40 without truth."""
    made = folder / "made"
    command = [
        sys.executable,
        "-m",
        "icereco",
        "simulate",
        "--events",
        "600",
        "--layout",
        "kaggle",
        "-o",
        made,
    ]
    subprocess.run(command, check=True, capture_output=True, timeout=100)
    whole = folder / "icecube-neutrinos-in-deep-ice"
    (whole / "train").mkdir(parents=True)
    (whole / "test").mkdir()
    pulses, meta = (
        pl.read_parquet(made / "train" / "batch_1.parquet"),
        pl.read_parquet(made / "train_meta.parquet"),
    )
    metas, first = [], 0
    for batch, count in ((1, 250), (651, 250), (656, 60), (661, 40)):
        of_batch = meta[first : first + count].with_columns(batch_id=pl.lit(batch, meta.schema["batch_id"]))
        start, end = of_batch["first_pulse_index"][0], of_batch["last_pulse_index"][-1] + 1
        part = "test" if batch == 661 else "train"
        pulses[start:end].write_parquet(whole / part / f"batch_{batch}.parquet")
        metas.append(of_batch.with_columns(pl.col("^.*_pulse_index$") - start))
        first += count
    pl.concat(metas[:-1]).write_parquet(whole / "train_meta.parquet")
    metas[-1].drop("azimuth", "zenith").write_parquet(whole / "test_meta.parquet")
    (made / "sensor_geometry.csv").rename(whole / "sensor_geometry.csv")


FILES = {
    "for-icecube": i3_file,
    "for-km3net": km3net_files,
    "for-kaggle": lambda _: None,
    "kaggle-recipe": kaggle_folder,
    "for-developers": lambda _: None,
}
INSTALL = "--quiet --no-deps --no-build-isolation --target ."


def commands(name):
    return re.findall(r"^\$ (.+)$", (DOCS / f"{name}.md").read_text(encoding="utf-8"), re.MULTILINE)


def runnable(line, folder):
    """Words of a command as this environment can run it: nothing is installed into it, and few events are simulated."""
    program, *words = shlex.split(line)
    if program == "pip":
        return ["pip", "install", *INSTALL.split(), f"./{words[-1]}"]
    tables = sorted(folder.glob("*.parquet"))
    event = str(pq.read_table(tables[0], columns=["event_id"])[0][0]) if tables else ""
    words = [event if word == "EVENT" else word for word in words]
    if words[0] == "train":
        words += ["-o", "train.validation_events=100", "-o", "train.calibration_events=100"]
        words += ["-o", "train.events=200"] if "--data" not in words else []
        small = any(word.startswith("hierarchical") for word in words)
        words += ["-o", "aggregator.layers=1", "-o", "encoder.layers=1"] if small else []
    return [program, *words]


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("name", FILES)
def test_every_command_of_a_page_for_users_runs(name, tmp_path):
    FILES[name](tmp_path)
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")]),
    }
    assert commands(name)
    for line in commands(name):
        command = [sys.executable, "-m", *runnable(line, tmp_path)]
        result = subprocess.run(
            command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=400
        )
        assert result.returncode == 0, f"{line}\n{result.stdout}{result.stderr}"

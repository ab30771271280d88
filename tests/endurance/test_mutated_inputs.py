"""Damaged inputs of every kind through the commands that read them: a result or one message, never a traceback."""

import json
import random
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.feather as feather
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner
from damage import WAYS

from icereco.cli import main
from icereco.data.sources.source import open_source
from icereco.data.store.prepare import prepare
from icereco.data.write.convert import Conversion, convert
from icereco.detector.detector import Detector, load_detector
from icereco.model.checkpoint import save_checkpoint
from icereco.model.model import build_model
from icereco.profiles import load_profile
from icereco.runs.folder import RunFolder
from icereco.settings import settings_file
from icereco.system.resources import data_dir
from icereco.system.terminal_text import printable
from icereco.testing.random_events import random_events
from icereco.training.optimizer import build_optimizers
from icereco.training.resume_state import Position, load_state, save_state

pytestmark = pytest.mark.timeout(3600)

INPUTS = 700
"""Of each kind, in a whole session; 10,000 and more in all."""

EVENTS = 40
SMALL = ("encoder.layers=1", "aggregator.width=16", "aggregator.heads=2", "encoder.heads=2")


@dataclass(frozen=True)
class Input:
    """A valid file, and the command lines that read it."""

    file: Path
    commands: tuple[tuple[str, ...], ...]


def table() -> pa.Table:
    return random_events(np.random.default_rng(3).integers(1, 30, EVENTS), seed=5)


def reading(path: Path) -> tuple[tuple[str, ...], ...]:
    place = str(path)
    output = str(path.parent.parent / "out.parquet")
    return (
        ("data", "show", place),
        ("doctor", place),
        ("reconstruct", place, "--method", "linefit", "-o", output),
    )


def own_parquet(folder: Path) -> Input:
    pq.write_table(table(), folder / "events.parquet", write_page_checksum=True)
    return Input(folder / "events.parquet", reading(folder / "events.parquet"))


def own_arrow(folder: Path) -> Input:
    path = folder / "events.arrow"
    with pa.ipc.new_file(str(path), table().schema) as writer:
        writer.write_table(table())
    return Input(path, reading(path))


def own_feather(folder: Path) -> Input:
    feather.write_feather(table(), folder / "events.feather", "lz4")
    return Input(folder / "events.feather", reading(folder / "events.feather"))


def kaggle(folder: Path) -> Path:
    source = own_parquet(folder).file
    convert(Conversion(open_source(source), load_detector("icecube86"), folder / "kaggle", "kaggle"))
    return folder / "kaggle"


def kaggle_pulses(folder: Path) -> Input:
    made = kaggle(folder)
    return Input(made / "train" / "batch_1.parquet", reading(made))


def kaggle_meta(folder: Path) -> Input:
    made = kaggle(folder)
    return Input(made / "train_meta.parquet", reading(made))


def nested(folder: Path) -> Input:
    """As GraphNeT's and Prometheus' parquet: a struct of lists of pulses, and one of truth."""
    detector, events = load_detector("icecube86"), table()
    rows = [
        {
            "pulses": {
                "event_no": number,
                **dict(
                    zip(("dom_x", "dom_y", "dom_z"), detector.position_m[sensors].T.tolist(), strict=True)
                ),
                "dom_time": times,
                "charge": charges,
            },
            "truth": {"event_no": number, "azimuth": 1.0, "zenith": 2.0, "energy": 100.0},
        }
        for number, (sensors, times, charges) in enumerate(
            zip(*(events.column(name).to_pylist() for name in ("sensor_id", "time", "charge")), strict=True)
        )
    ]
    pq.write_table(pa.Table.from_pylist(rows), folder / "events.parquet")
    return Input(folder / "events.parquet", reading(folder / "events.parquet"))


def sqlite(folder: Path) -> Input:
    import sqlite3
    from contextlib import closing

    detector, events = load_detector("icecube86"), table()
    with closing(sqlite3.connect(folder / "events.db")) as opened, opened:
        opened.execute(
            "CREATE TABLE pulses (event_no INT, dom_x REAL, dom_y REAL, dom_z REAL, dom_time REAL, charge REAL)"
        )
        opened.execute("CREATE TABLE truth (event_no INT, azimuth REAL, zenith REAL, energy REAL)")
        for number, row in enumerate(events.to_pylist()):
            pulses = zip(row["sensor_id"], row["time"], row["charge"], strict=True)
            rows = [
                (number, *detector.position_m[sensor].tolist(), time, charge)
                for sensor, time, charge in pulses
            ]
            opened.executemany("INSERT INTO pulses VALUES (?, ?, ?, ?, ?, ?)", rows)
            opened.execute(
                "INSERT INTO truth VALUES (?, ?, ?, 100.0)", (number, row["azimuth"], row["zenith"])
            )
    return Input(folder / "events.db", reading(folder / "events.db"))


def store_manifest(folder: Path) -> Input:
    source = own_parquet(folder).file
    made = prepare(open_source(source), load_detector("icecube86"), folder / "store").folder
    return Input(made / "store.json", reading(made))


def profile(folder: Path) -> Input:
    path = folder / "mine.toml"
    shutil.copy(data_dir("profiles") / "quick.toml", path)
    return Input(
        path,
        (
            ("profiles", str(path)),
            ("profiles", "--check", str(path)),
            ("train", "--profile", str(path), "--data", "nowhere"),
        ),
    )


def settings(folder: Path) -> Input:
    CliRunner().invoke(main, ["data", "add", "mine", str(own_parquet(folder).file)])
    return Input(settings_file(), (("data", "list"), ("data", "show", "mine"), ("data", "remove", "other")))


def card(folder: Path) -> Path:
    shutil.copytree(data_dir("geometry") / "icecube86", folder / "card")
    return folder / "card"


def card_entries(folder: Path) -> Input:
    made = card(folder)
    return Input(made / "detector.toml", (("detectors", "show", str(made)),))


def card_table(folder: Path) -> Input:
    made = card(folder)
    return Input(made / "sensors.csv", (("detectors", "show", str(made)),))


def checkpoint(folder: Path) -> Input:
    detector, chosen = load_detector("icecube86"), load_profile("quick", SMALL)
    path = folder / "weights.safetensors"
    save_checkpoint(path, build_model(chosen, detector, 1), chosen, detector, {"step": 3})
    events = own_parquet(folder).file
    return Input(
        path, (("reconstruct", str(events), "--model", str(path), "-o", str(folder / "out.parquet")),)
    )


def reconstructions(folder: Path) -> Input:
    events, path = own_parquet(folder).file, folder / "out.parquet"
    made = CliRunner().invoke(main, ["reconstruct", str(events), "--method", "linefit", "-o", str(path)])
    assert made.exit_code == 0, made.output
    return Input(path, (("evaluate", str(path)), ("compare", str(path), str(path))))


def run_folder(folder: Path) -> tuple[RunFolder, tuple[tuple[str, ...], ...]]:
    run = RunFolder.create(folder / "runs", "mine")
    run.write_profile(load_profile("quick").resolved_toml())
    run.write_provenance({"data_sets": [], "icereco": "0.2.0"})
    run.write_status("finished", step=3, epoch=0.5, best_median_deg=3.0)
    run.append_metrics({"step": 1, "train/loss": 3.0})
    run.append_metrics({"step": 2, "validation/median_deg": 4.0})
    run.training_state.write_bytes(b"")
    place = ("--runs-dir", str(folder / "runs"))
    commands = (
        ("runs", *place),
        ("runs", *place, "--json"),
        ("tail", *place, "mine"),
        ("tail", *place, "mine", "--once"),
    )
    return run, (*commands, ("train", *place, "--resume", "mine"))


def run_status(folder: Path) -> Input:
    run, commands = run_folder(folder)
    return Input(run.path / "status.json", commands)


def run_metrics(folder: Path) -> Input:
    run, commands = run_folder(folder)
    return Input(run.metrics, commands)


def run_provenance(folder: Path) -> Input:
    run, commands = run_folder(folder)
    run.write_status("stopped")
    return Input(run.path / "provenance.json", commands)


def run_profile(folder: Path) -> Input:
    run, commands = run_folder(folder)
    run.write_status("stopped")
    return Input(run.profile, commands)


KINDS: list[Callable[[Path], Input]] = [
    *(own_parquet, own_arrow, own_feather, kaggle_pulses, kaggle_meta, nested, sqlite, store_manifest),
    *(profile, settings, card_entries, card_table, checkpoint, reconstructions),
    *(run_status, run_metrics, run_provenance, run_profile),
]


def mutants(whole: bytes, numbers: Iterator[int]) -> Iterator[tuple[str, bytes]]:
    """Each number gives one damage, always the same."""
    for number in numbers:
        way, content = WAYS[number % len(WAYS)], bytearray(whole)
        way(content, random.Random(number))
        yield f"{way.__name__} {number}", bytes(content)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_a_damaged_input_is_a_result_or_one_message(tmp_path, budget, monkeypatch, kind):
    (tmp_path / "in").mkdir()
    monkeypatch.chdir(tmp_path)
    given = kind(tmp_path / "in")
    faults = []
    for name, content in mutants(given.file.read_bytes(), budget.cases(INPUTS)):
        given.file.write_bytes(content)
        for command in given.commands:
            result = CliRunner().invoke(main, list(command))
            if not isinstance(result.exception, SystemExit | None):
                faults.append(f"{name}: icereco {command[0]}: {result.exception!r:.300}")
            elif printable(result.output) != result.output:
                faults.append(f"{name}: icereco {command[0]} prints control characters")
    assert not faults, f"{len(faults)}: " + "\n".join(faults[:40])


def test_a_damaged_state_of_a_training_is_one_message(tmp_path, budget, detector: Detector):
    from icereco.errors import IcerecoError

    chosen = load_profile("quick", SMALL)
    model = build_model(chosen, detector, 1)
    optimizers, path = build_optimizers(model, chosen.train), tmp_path / "state.safetensors"
    save_state(path, model, optimizers, Position(step=3))
    whole, refused = path.read_bytes(), 0
    for _, content in mutants(whole, budget.cases(INPUTS)):
        path.write_bytes(content)
        try:
            load_state(path, model, optimizers)
        except IcerecoError:
            refused += 1
        assert content == whole or refused


def test_damaged_orders_are_answered_and_end_nothing(tmp_path, budget):
    from icereco.runs.orders import OrderReader

    path = tmp_path / "control.jsonl"
    whole = json.dumps({"order": "pause", "time": 1.0, "by": "ada"}).encode() + b"\n"
    for _, content in mutants(whole * 3, budget.cases(INPUTS)):
        path.write_bytes(b"")
        reader = OrderReader(path)
        path.write_bytes(content + b"\n")
        assert all(order in (None, "pause") for order, _line in reader.new())

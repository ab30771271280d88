"""Training: exact resume, honest stops, and run folders with everything in them."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch
from click.testing import CliRunner
from training_driver import SMALL, silently, train

import icereco
from icereco.cli import main
from icereco.data.simulated import simulated_events
from icereco.data.sources.source import open_source
from icereco.detector.detector import load_detector
from icereco.errors import INTERRUPTED, IcerecoError
from icereco.evaluation.evaluate import evaluate
from icereco.events.tensors import to_tensors
from icereco.model.checkpoint import load_checkpoint, read_tensors, write_tensors
from icereco.model.model import build_model
from icereco.model.several_losses import DIRECTION
from icereco.profiles import Profile, load_profile
from icereco.runs.folder import RunFolder
from icereco.runs.metrics import SCHEMA
from icereco.system.signals import ending_signals
from icereco.training import session as sessions
from icereco.training.data_choice import DataChoice
from icereco.training.observer import TrainingObserver
from icereco.training.stop_request import StopRequest
from icereco.training.trainer import NonFiniteLossError
from icereco.training.wandb import Tracker

SETTINGS = (
    *SMALL,
    "aggregator.dropout=0.1",
    "encoder.dropout=0.1",
    "train.epochs=2",
    "train.validation_events=40",
)


@pytest.fixture(scope="module")
def events(tmp_path_factory) -> Path:
    """200 simulated events."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ICERECO_CACHE", str(tmp_path_factory.mktemp("cache")))
        profile = small_profile()
        return simulated_events(profile.simulation, load_detector(profile.detector), 200, seed=3)


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("ICERECO_CACHE", str(tmp_path / "cache"))


def small_profile(*overrides: str) -> Profile:
    return load_profile("hierarchical", [*SETTINGS, *overrides])


def weights(run: RunFolder) -> bytes:
    return run.last.read_bytes()


ALL_AT_ONCE = (
    "train.optimizer=muon", "train.ema_decay=0.9", "train.batches_per_step=2", "train.events_per_batch=8",
    "train.schedule=warmup-stable-decay", "train.log_every_steps=3", "normalizer.use=fitted", "normalizer.fit_events=60",
    "train.rotate=true", "train.kept_pulses=0.6",
)  # fmt: skip


@pytest.mark.parametrize(
    "settings", [(), ("train.optimizer=muon",), ALL_AT_ONCE], ids=["adamw", "muon", "all"]
)
def test_stopping_and_resuming_gives_the_same_bits(tmp_path, events, settings):
    straight, halves = (RunFolder.create(tmp_path, name) for name in ("straight", "halves"))
    with sessions.begin(small_profile(*settings), events, straight, silently) as session:
        assert train(session)
    with sessions.begin(small_profile(*settings), events, halves, silently) as session:
        assert not train(session, steps=7)
    assert halves.state() == "stopped"
    with sessions.resume(halves, silently) as session:
        assert session.position.step == 7
        assert train(session)

    first, second = (torch_state(run) for run in (straight, halves))
    assert first.keys() == second.keys()
    assert all(torch.equal(first[name], second[name]) for name in first)
    timing = ("time", "seconds")
    lines = [
        [{k: v for k, v in line.items() if k not in timing} for line in run.read_metrics()]
        for run in (straight, halves)
    ]
    assert lines[0] == lines[1]


def test_a_training_begun_while_files_are_prepared_is_resumed_to_the_same_bits(tmp_path, events, monkeypatch):
    """In the second session everything is already prepared; the order of events is the same."""
    for module in ("store.split_by_hash", "stream.shuffle"):
        monkeypatch.setattr(f"icereco.data.{module}.EXACT_EVENTS", 50)
    monkeypatch.setattr("icereco.training.datasets.EXACT_EVENTS", 50)
    table, folder = pq.read_table(events), tmp_path / "data"
    folder.mkdir()
    for number in range(5):
        pq.write_table(table.slice(40 * number, 40), folder / f"part_{number}.parquet")
    choices = [DataChoice.parse(f"{folder}=1.5"), DataChoice.parse(str(events))]
    straight, halves = (RunFolder.create(tmp_path, name) for name in ("straight", "halves"))
    with sessions.begin(small_profile("train.epochs=1"), choices, straight, silently) as session:
        growing = session.material.train[0].store
        assert growing.wait is not None
        assert train(session)
    shutil.rmtree(tmp_path / "cache")
    with sessions.begin(small_profile("train.epochs=1"), choices, halves, silently) as session:
        assert not train(session, steps=7)
    with sessions.resume(halves, silently) as session:
        assert train(session)
    first, second = (torch_state(run) for run in (straight, halves))
    assert all(torch.equal(first[name], second[name]) for name in first)
    facts = halves.provenance()
    assert [one["weight"] for one in facts["data_sets"]] == [1.5, 1.0]
    assert len(facts["data_fingerprint"]) == 2


def torch_state(run: RunFolder) -> dict[str, torch.Tensor]:
    from icereco.model.checkpoint import read_tensors

    return read_tensors(run.training_state)[0]


def test_the_running_mean_of_the_weights_is_what_is_saved(tmp_path, events):
    from icereco.model.checkpoint import load_checkpoint

    run, weights = RunFolder.create(tmp_path, "mean"), []
    with sessions.begin(small_profile("train.ema_decay=0.8"), events, run, silently) as session:
        model, step = session.model, session.optimizers.step

        def watched(optimizers, rate):
            step(rate)
            weights.append(model.head.hidden.weight.detach().clone())

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(type(session.optimizers), "step", watched)
            train(session, steps=5)
    mean = weights[0]
    for weight in weights[1:]:
        mean = 0.8 * mean + 0.2 * weight
    saved = load_checkpoint(run.last).model.head.hidden.weight
    torch.testing.assert_close(saved, mean)
    assert not torch.allclose(saved, weights[-1])
    assert torch.equal(torch_state(run)["model/head.hidden.weight"], weights[-1])


@pytest.mark.parametrize("optimizer", ["adamw", "muon"])
def test_a_step_on_several_batches_is_one_on_all_their_events(tmp_path, events, optimizer):
    weights, start = [], None
    settings = [
        f"train.optimizer={optimizer}",
        "train.warmup_fraction=0",
        "aggregator.dropout=0",
        "encoder.dropout=0",
    ]
    for name in ("whole", "parts"):
        run = RunFolder.create(tmp_path, name)
        with sessions.begin(small_profile(*settings), events, run, silently) as session:
            trainer = session.trainer(TrainingObserver())
            batch = next(trainer.batches.epoch(0))
            start = trainer.model.head.out.weight.detach().clone()
            trainer.step(*([batch] if name == "whole" else [batch[:3], batch[3:4], batch[4:]]))
            weights.append(trainer.model.head.out.weight.detach().clone())
    torch.testing.assert_close(weights[0], weights[1], rtol=1e-3, atol=1e-6)
    assert not torch.allclose(weights[0], start, atol=1e-5)


def test_a_normalizer_is_fitted_to_the_training_events_and_kept_in_the_checkpoint(tmp_path, events):
    from icereco.model.checkpoint import load_checkpoint

    run = RunFolder.create(tmp_path, "fitted")
    settings = ("normalizer.use=fitted", "train.epochs=1")
    with sessions.begin(small_profile(*settings), events, run, silently) as session:
        batch = next(session.batches.epoch(0))
        features = session.model.normalizer(to_tensors(batch, torch.device("cpu"))).pulses
        fresh = build_model(session.profile, session.detector).normalizer
        train(session, steps=1)
    assert features[:, 0].median().abs() < 0.2
    below, above = torch.quantile(features[:, 3:], torch.tensor([0.1587, 0.8413]), dim=0)
    assert (
        (above - below) / 2 - 1
    ).abs().max() < 0.6  # of one batch; positions are fitted to DOMs, not to pulses
    saved = load_checkpoint(run.last).model.normalizer
    assert torch.equal(saved.spread, session.model.normalizer.spread)
    assert not torch.equal(saved.spread, fresh.spread)


def test_the_same_seed_gives_the_same_weights_and_another_gives_others(tmp_path, events):
    weights = []
    for number, seed in enumerate((1, 1, 2)):
        run = RunFolder.create(tmp_path, f"run{number}")
        with sessions.begin(
            small_profile(f"train.seed={seed}", "train.epochs=1"), events, run, silently
        ) as session:
            train(session, steps=3)
        weights.append(torch_state(run)["model/head.hidden.weight"])
    assert torch.equal(weights[0], weights[1])
    assert not torch.equal(weights[0], weights[2])


def test_a_finished_run_is_not_resumed(tmp_path, events):
    run = RunFolder.create(tmp_path, "done")
    with sessions.begin(small_profile("train.epochs=1"), events, run, silently) as session:
        train(session)
    with pytest.raises(IcerecoError, match="has finished"), sessions.resume(run, silently):
        pass


def test_a_finished_run_has_everything(tmp_path, events):
    run = RunFolder.create(tmp_path, "whole")
    with sessions.begin(small_profile("train.epochs=1"), events, run, silently) as session:
        assert train(session)
    assert run.state() == "finished"
    assert all(path.is_file() for path in (run.best, run.last, run.profile, run.validation, run.log))
    assert run.provenance()["train_events"] == 160
    energy = np.concatenate(
        [rows["energy"].to_numpy() for rows in open_source(events).batches(load_detector("icecube86"))]
    )
    assert run.provenance()["energy_range_gev"] == [energy.min(), energy.max()]
    assert {"train/loss", "validation/median_deg"} <= keys_written(run)


def test_log_table_and_evaluation_say_the_same_whatever_the_precision_of_the_steps(tmp_path, events):
    run = RunFolder.create(tmp_path, "steps")
    profile = small_profile("train.precision=bfloat16", "train.epochs=1")
    with sessions.begin(profile, events, run, silently) as session:
        train(session)
    logged = next(row for row in reversed(list(run.read_metrics())) if "validation/median_deg" in row)
    assert evaluate(run.validation).resolution["median_deg"] == pytest.approx(
        logged["validation/median_deg"], abs=1e-6
    )


def keys_written(run: RunFolder) -> set[str]:
    return {key for line in run.read_metrics() for key in line}


TWO_LOSSES = ("losses.energy.use=log-energy", "losses.energy.weight=0.5")


@pytest.mark.parametrize("losses", [(), TWO_LOSSES], ids=["one", "two"])
def test_every_key_of_the_metrics_is_in_the_schema_and_every_key_of_the_schema_is_written(
    tmp_path, events, losses
):
    run = RunFolder.create(tmp_path, "keys")
    with sessions.begin(small_profile("train.epochs=1", *losses), events, run, silently) as session:
        assert train(session)
    patterns = {metric.key: re.sub("<[a-z]+>", ".+", metric.key) for metric in SCHEMA}
    keys = keys_written(run)
    assert {key for key in keys if not any(re.fullmatch(one, key) for one in patterns.values())} == set()
    unwritten = {
        key for key, one in patterns.items() if not any(re.fullmatch(one, written) for written in keys)
    }
    of_others = {"validation/kind_accuracy", "validation/vertex_error_m", "train/events_per_second/<process>",
                 "train/skipped_batches"}  # fmt: skip
    of_several = {"train/loss/<name>", "validation/loss/<name>", "validation/energy_log10_error"}
    assert unwritten == (of_others if losses else of_others | of_several)


def test_the_loss_is_the_weighted_sum_of_its_parts_also_over_a_stop(tmp_path, events):
    profile = small_profile(
        "train.epochs=1", "train.batches_per_step=2", "train.log_every_steps=3", *TWO_LOSSES
    )
    run = RunFolder.create(tmp_path, "parts")
    with sessions.begin(profile, events, run, silently) as session:
        assert not train(session, steps=2)
    with sessions.resume(run, silently) as session:
        assert train(session)
    for part in ("train", "validation"):
        lines = [line for line in run.read_metrics() if f"{part}/loss" in line]
        assert lines
        for line in lines:
            parts = line[f"{part}/loss/direction"] + 0.5 * line[f"{part}/loss/energy"]
            assert line[f"{part}/loss"] == pytest.approx(parts, rel=1e-5)


def test_a_loss_that_is_no_number_stops_at_once_and_keeps_the_weights(tmp_path, events):
    run = RunFolder.create(tmp_path, "broken")
    with sessions.begin(small_profile(), events, run, silently) as session:
        train(session, steps=2)
        kept = weights(run)
        with torch.no_grad():
            session.model.head.out.bias.fill_(float("nan"))
        with pytest.raises(NonFiniteLossError, match=r"step 3 .*event_id \d+"):
            train(session)
    assert weights(run) == kept
    assert run.state() == "failed"


def broken_at(steps: set[int], session: sessions.Session) -> None:
    """Let the loss be not finite in these steps, counted from 1."""
    plain = type(session.model.loss).forward

    def forward(loss, outputs, truth):
        broken = session.model.training and session.position.step + 1 in steps
        return plain(loss, outputs, truth) * (float("nan") if broken else 1.0)

    session.model.loss.forward = forward.__get__(session.model.loss)


def test_steps_that_are_not_finite_are_left_out_if_that_is_wanted_also_over_a_stop(tmp_path, events, caplog):
    profile = small_profile("train.epochs=1", "train.log_every_steps=2", "train.skip_nonfinite=2")
    made = []
    for name, stops in (("whole", (None,)), ("stopped", (3, None))):
        run = RunFolder.create(tmp_path / name, "left-out")
        for number, steps in enumerate(stops):
            begun = (
                sessions.resume(run, silently) if number else sessions.begin(profile, events, run, silently)
            )
            with begun as session:
                broken_at({2, 3, 6}, session)
                train(session, steps=steps) if steps else train(session)
        made.append((run, list(run.read_metrics())))
    (whole, lines), (stopped, _) = made
    ends = [read_tensors(run.last)[0] for run in (whole, stopped)]
    assert all(torch.equal(one, ends[1][key]) for key, one in ends[0].items())
    skipped = [line["train/skipped_batches"] for line in lines if "train/learning_rate" in line]
    assert skipped[:3] == [1, 2, 3]
    assert all(np.isfinite(line["train/loss"]) for line in lines if "train/loss" in line)
    assert "left out, as the loss is not finite at step 2" in caplog.text


def test_more_steps_in_a_row_than_may_be_left_out_end_the_training(tmp_path, events):
    run = RunFolder.create(tmp_path, "broken")
    profile = small_profile("train.epochs=1", "train.skip_nonfinite=2")
    with sessions.begin(profile, events, run, silently) as session:
        broken_at({2, 3, 4}, session)
        with pytest.raises(
            NonFiniteLossError, match=r"step 4 .*event_id \d+.*The last good checkpoint is kept"
        ):
            train(session)


def test_training_without_truth_is_refused(tmp_path, events):
    import polars as pl

    blind = tmp_path / "blind.parquet"
    pl.read_parquet(events).drop("azimuth", "zenith").write_parquet(blind)
    run = RunFolder.create(tmp_path, "blind")
    with pytest.raises(IcerecoError, match="no truth"), sessions.begin(small_profile(), blind, run, silently):
        pass
    assert not run.path.exists()


@pytest.mark.parametrize("content", ["best", "position"])
def test_what_is_no_state_of_a_training_is_not_resumed(tmp_path, events, content):
    run = RunFolder.create(tmp_path, "stopped")
    with sessions.begin(small_profile(), events, run, silently) as session:
        assert not train(session, steps=3)
    if content == "best":
        shutil.copy(run.last, run.training_state)
    else:
        tensors, metadata = read_tensors(run.training_state)
        write_tensors(run.training_state, tensors, metadata | {"position": '{"epoch": 0, "mood": "good"}'})
    with pytest.raises(IcerecoError, match="is not the state of a training"), sessions.resume(run, silently):
        pass
    assert run.state() == "stopped"


def test_a_state_with_numbers_as_losses_as_version_0_1_0_wrote_it_is_resumed(tmp_path, events):
    profile = small_profile("train.epochs=1", "train.log_every_steps=4")
    lines = []
    for name in ("new", "old"):
        run = RunFolder.create(tmp_path, name)
        with sessions.begin(profile, events, run, silently) as session:
            assert not train(session, steps=2)
        if name == "old":
            tensors, metadata = read_tensors(run.training_state)
            position = json.loads(metadata["position"])
            position["losses"] = [(losses["loss"], count) for losses, count in position["losses"]]
            write_tensors(run.training_state, tensors, metadata | {"position": json.dumps(position)})
        with sessions.resume(run, silently) as session:
            assert train(session)
        lines.append([line["train/loss"] for line in run.read_metrics() if "train/loss" in line])
    assert lines[0] == lines[1] != []


def test_a_training_that_is_interrupted_before_its_first_step_leaves_no_run(tmp_path, events):
    run = RunFolder.create(tmp_path, "hasty")
    with pytest.raises(KeyboardInterrupt), sessions.begin(small_profile(), events, run, silently):
        raise KeyboardInterrupt
    assert not run.path.exists()


def test_a_signal_finishes_the_step_saves_and_says_how_to_go_on(tmp_path, events):
    """Begun and ended by SIGTERM, then resumed and ended by one signal after the other; a run that stopped has not succeeded."""
    options = [part for override in (*SETTINGS, "train.epochs=1000") for part in ("-o", override)]
    begin, run = ["--data", str(events), "--name", "mine", *options], RunFolder(tmp_path / "runs" / "mine")
    step = -1
    for name in ("SIGTERM", "SIGINT", "SIGHUP", "SIGUSR1", "SIGUSR2"):
        arguments = begin if step < 0 else ["--resume", "mine"]
        command = [sys.executable, "-m", "icereco", "train", *arguments]
        process = subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.PIPE, text=True)
        wait_until(lambda before=step: run.metrics.is_file() and last_step(run) > before)
        process.send_signal(getattr(signal, name))
        _, said = process.communicate(timeout=90)
        assert process.returncode == INTERRUPTED, said
        assert "icereco train --resume mine" in said
        assert run.state() == "stopped"
        step = last_step(run)


def test_under_nohup_the_end_of_the_terminal_does_not_stop_a_training(monkeypatch):
    assert signal.SIGHUP in ending_signals()
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        assert signal.SIGHUP not in ending_signals()
    finally:
        signal.signal(signal.SIGHUP, before)


def test_a_training_saves_every_so_often_without_a_validation_and_keeps_the_state_before(
    tmp_path, events, monkeypatch
):
    monkeypatch.setattr("icereco.training.checkpoints.SAVE_SECONDS", 0.0)
    run, steps = RunFolder.create(tmp_path, "timed"), []

    class Killed(TrainingObserver):
        def on_step(self, position, loss):
            if run.training_state_before.is_file():
                states = (run.training_state_before, run.training_state)
                steps.extend(json.loads(read_tensors(state)[1]["position"])["step"] for state in states)
                raise KeyboardInterrupt

    with (
        sessions.begin(small_profile(), events, run, silently) as session,
        pytest.raises(KeyboardInterrupt),
    ):
        session.train(StopRequest(), Tracker(None), Killed())
    assert steps == [1, 2]
    assert run.status().saved_step == 2


def test_a_damaged_state_is_replaced_by_the_one_before_to_the_same_bits(tmp_path, events, caplog):
    straight, cut = (RunFolder.create(tmp_path, name) for name in ("straight", "cut"))
    with sessions.begin(small_profile(), events, straight, silently) as session:
        assert train(session)
    with sessions.begin(small_profile(), events, cut, silently) as session:
        assert not train(session, steps=3)
    with sessions.resume(cut, silently) as session:
        assert not train(session, steps=2)
    cut.training_state.write_bytes(bytes(cut.training_state.stat().st_size))  # as XFS leaves it
    with sessions.resume(cut, silently) as session:
        assert session.position.step == 4  # of the validation
        assert train(session)
    assert "the state before it is used" in caplog.text
    first, second = (torch_state(run) for run in (straight, cut))
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_metrics_lost_before_the_saved_state_are_reported_on_resuming(tmp_path, events, caplog):
    run = RunFolder.create(tmp_path, "cut")
    with sessions.begin(small_profile(), events, run, silently) as session:
        assert not train(session, steps=5)
    run.metrics.write_text("".join(run.metrics.read_text().splitlines(keepends=True)[:2]))
    with sessions.resume(run, silently) as session:
        assert not train(session, steps=1)
    assert "the metrics of steps 3 to 5 are missing" in caplog.text


def test_a_name_is_free_again_after_a_training_that_saved_nothing(tmp_path, events):
    run = RunFolder.create(tmp_path, "killed")
    with sessions.begin(small_profile(), events, run, silently):
        run.write_status("training")
    status = json.loads((run.path / "status.json").read_text())
    (run.path / "status.json").write_text(json.dumps(status | {"started": "another process"}))
    assert run.state() == "crashed"
    assert not any(RunFolder.create(tmp_path, "killed").path.glob("*.*"))


@pytest.mark.parametrize("kept", ["checkpoints/last.safetensors", "thesis.txt"])
def test_a_name_is_not_free_where_there_is_anything_to_lose(tmp_path, events, kept):
    run = RunFolder.create(tmp_path, "killed")
    run.write_status("failed")
    (run.path / kept).write_text("kept")
    with pytest.raises(IcerecoError, match="not empty"):
        RunFolder.create(tmp_path, "killed")
    assert (run.path / kept).read_text() == "kept"


def last_step(run: RunFolder) -> int:
    return max((line["step"] for line in run.read_metrics()), default=-1)


def test_a_run_folder_in_use_is_refused(tmp_path, events):
    run = RunFolder.create(tmp_path / "runs", "busy")
    with run.lock():
        run.write_status("training")
        said = subprocess.run(
            [sys.executable, "-m", "icereco", "train", "--resume", "busy"],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    assert said.returncode == 2
    assert f"in use by process {os.getpid()}" in " ".join(said.stderr.split())
    assert "Traceback" not in said.stderr


def wait_until(condition, seconds: float = 90.0) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.1)


def test_events_of_another_detector_are_refused_before_there_is_a_run(tmp_path, events):
    command = ["train", "--data", str(events), "--profile", "quick", "-o", "detector.use=orca"]
    result = CliRunner().invoke(main, [*command, "--runs-dir", str(tmp_path / "runs")])
    assert result.exit_code != 0
    assert "outside orca" in result.stderr
    assert not (tmp_path / "runs").exists()


def without_columns(events, folder, *names) -> Path:
    path = folder / "without.parquet"
    pq.write_table(pq.read_table(events).drop_columns([*names]), path)
    return path


def test_data_without_the_targets_of_losses_are_refused_before_the_first_step(tmp_path, events):
    data = without_columns(events, tmp_path, "energy", "vertex_x", "vertex_y", "vertex_z")
    profile = small_profile("losses.energy.use=log-energy", "losses.place.use=vertex")
    run = RunFolder.create(tmp_path / "runs", "refused")
    with pytest.raises(IcerecoError) as refused, sessions.begin(profile, data, run, silently):
        pass
    assert not run.path.exists()
    message = str(refused.value)
    assert "[losses.energy], [losses.place] need the true energy_gev, vertex_m" in message
    assert "the data lack the columns energy, vertex_x, vertex_y, vertex_z" in message
    _, _, command = message.partition("-o ")
    advised = command.partition(";")[0].split(" -o ")
    assert small_profile("losses.energy.use=log-energy", "losses.place.use=vertex", *advised).losses == {}


def test_a_loss_without_weight_needs_no_target(tmp_path, events):
    data = without_columns(events, tmp_path, "energy")
    profile = small_profile("losses.energy.use=log-energy", "losses.energy.weight=0", "losses.kind.use=kind")
    run = RunFolder.create(tmp_path / "runs", "left-out")
    with sessions.begin(profile, data, run, silently) as session:
        assert list(session.model.loss.weights) == [DIRECTION, "kind"]


CALIBRATED = ("train.validation_events=100", "train.calibration_events=100", "train.epochs=1")


@pytest.fixture(scope="module")
def more_events(tmp_path_factory) -> Path:
    """1,000 simulated events, of which a tenth can calibrate."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ICERECO_CACHE", str(tmp_path_factory.mktemp("cache")))
        profile = small_profile()
        return simulated_events(profile.simulation, load_detector(profile.detector), 1_000, seed=4)


def test_a_training_calibrates_its_best_weights_on_events_of_their_own(tmp_path, more_events):
    run = RunFolder.create(tmp_path, "calibrated")
    with sessions.begin(small_profile(*CALIBRATED), more_events, run, silently) as session:
        material = session.material
        parts = [*material.train, *material.validate, *material.calibrate]
        rows = np.concatenate([part.row_numbers() for part in parts])
        assert len(np.unique(rows)) == len(rows) == 1_000
        assert train(session)
    assert run.provenance()["calibration_events"] == 100
    best = load_checkpoint(run.best)
    assert best.model.recalibration is not None
    assert load_checkpoint(run.last).model.recalibration is None
    events = icereco.read_events(more_events, limit=20)
    mended = best.model.reconstruct(events)
    best.model.recalibration = None
    raw = best.model.reconstruct(events)
    assert (mended.direction == raw.direction).all()
    assert not (mended.posterior.kappa == raw.posterior.kappa).any()


@pytest.mark.parametrize(
    "fewer", ["train.calibration_events=0", "train.calibration_events=99", "train.validation_events=99"]
)
def test_too_few_events_to_calibrate_on_train_instead(tmp_path, more_events, fewer):
    profile = small_profile(*CALIBRATED, fewer)
    with sessions.begin(profile, more_events, RunFolder.create(tmp_path, "plain"), silently) as session:
        assert session.material.facts["calibration_events"] == 0
        assert session.material.facts["train_events"] == 1_000 - profile.train.validation_events


def test_a_run_of_a_version_without_calibration_splits_its_events_as_it_did(tmp_path, events):
    halves = RunFolder.create(tmp_path, "old")
    with sessions.begin(small_profile("train.calibration_events=0"), events, halves, silently) as session:
        train(session, steps=2)
    old = "".join(
        line for line in halves.profile_text().splitlines(keepends=True) if "calibration" not in line
    )
    halves.write_profile(old)
    with sessions.resume(halves, silently) as session:
        assert session.material.facts["calibration_events"] == 0

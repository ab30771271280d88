"""`icereco calibrate` and `icereco evaluate --calibration`, as typed."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from icereco.cli import main
from icereco.evaluation.calibration import LEVELS
from icereco.evaluation.recalibrate import LEAST_EVENTS
from icereco.model.checkpoint import load_checkpoint


def run(*arguments: object) -> Result:
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


def output_of(*arguments: object) -> str:
    result = run(*arguments)
    assert result.exit_code == 0, result.output
    return result.stdout


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of a small model that was not calibrated, and events that it did not see."""
    folder = tmp_path_factory.mktemp("calibrate")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ICERECO_CACHE", str(folder / "cache"))
        patch.chdir(folder)
        small = [
            word
            for option in ("events=64", "validation_events=20", "epochs=1")
            for word in ("-o", f"train.{option}")
        ]
        further = [
            word
            for name, loss in (
                ("energy", "energy-quantiles"),
                ("vertex", "vertex"),
                ("kind", "kind"),
                ("inelasticity", "inelasticity"),
            )
            for word in ("-o", f"losses.{name}.use={loss}")
        ]
        output_of("train", "--profile", "quick", "--name", "small", *small, *further)
        output_of("simulate", "--events", 300, "--seed", 8, "-o", "others")
        output_of("reconstruct", "others", "--run", "small", "-o", "raw.parquet")
    return folder


@pytest.fixture(autouse=True)
def here(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)


def coverage_of(file: str) -> dict[str, float]:
    return json.loads(output_of("evaluate", file, "--json"))["coverage"]


def test_a_calibrated_model_has_contours_that_hold_what_they_say():
    before = Path("runs/small/checkpoints/best.safetensors").read_bytes()
    said = output_of("calibrate", "small", "--data", "others", "-o", "better.safetensors")
    assert "better.safetensors" in said
    assert Path("runs/small/checkpoints/best.safetensors").read_bytes() == before
    output_of("reconstruct", "others", "--model", "better.safetensors", "-o", "better.parquet")
    mended, raw = coverage_of("better.parquet"), coverage_of("raw.parquet")
    for level, wanted in (("50%", 0.5), ("90%", 0.9)):
        assert abs(mended[level] - wanted) < max(abs(raw[level] - wanted), 0.06)
    facts = load_checkpoint(Path("better.safetensors")).provenance["calibration"]
    assert facts["events"] == 300
    assert "others" in facts["data"]


def test_a_run_is_calibrated_in_place_and_the_summary_is_for_programs():
    document = json.loads(output_of("calibrate", "small", "--data", "others", "--events", 200, "--json"))
    assert document["groups"]["all"]["events"] == 200
    assert set(document["groups"]["all"]["before"]["inside"]) == {"50%", "90%"}
    assert load_checkpoint(Path(document["checkpoint"])).model.recalibration is not None


def test_every_target_is_calibrated_and_reported_before_and_after():
    arguments = ("calibrate", "small", "--data", "others", "-o", "targets.safetensors")
    targets = json.loads(output_of(*arguments, "--json"))["targets"]
    assert set(targets["before"]) == set(targets["after"]) == {"energy", "vertex", "kind", "inelasticity"}
    assert set(load_checkpoint(Path("targets.safetensors")).model.target_recalibration.parts) == set(
        targets["after"]
    )
    held = {when: one["energy"]["groups"]["all"]["coverage"]["value"] for when, one in targets.items()}
    assert abs(held["after"] - 0.68) < max(abs(held["before"] - 0.68), 0.08)
    shown = output_of(*arguments)
    for text in (
        "energy: in the interval",
        "vertex: in the ellipsoid of 68%",
        "kind: log loss",
        "inelasticity: within",
    ):
        assert text in shown


def test_evaluate_shows_contours_by_group():
    shown = output_of("evaluate", "raw.parquet", "--calibration")
    for text in ("99%", "width", "60-99 pulses", "cascade", "zenith 0-60°"):
        assert text in shown
    groups = json.loads(output_of("evaluate", "raw.parquet", "--calibration", "--json"))["calibration"]
    assert set(groups["all"]["contours"]) == {f"{level:.0%}" for level in LEVELS}
    assert "calibration" not in json.loads(output_of("evaluate", "raw.parquet", "--json"))


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("calibrate", "smal", "--data", "others"), "did you mean 'small'"),
        (("calibrate", "nothing.safetensors", "--data", "others"), "there is no checkpoint nothing.safetensors"),
        (("calibrate", "small", "--data", "other"), "other"),
        (("calibrate", "small", "--data", "others", "--events", LEAST_EVENTS - 1), f"at least {LEAST_EVENTS}"),
    ],
    ids=["run", "checkpoint", "data", "few"],
)  # fmt: skip
def test_what_cannot_be_calibrated_is_refused_in_one_message(arguments, said):
    result = run(*arguments)
    assert result.exit_code == 2, result.output
    assert said in " ".join(result.stderr.split())
    assert "Traceback" not in result.output

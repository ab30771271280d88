"""Makes a model that comes with icereco: simulates, trains, cools down, calibrates, measures, and writes it with its card.

Run: python benchmarks/make_model.py NAME FOLDER [--ppc ../shared/data/icecube_ppc] [--threads N]
FOLDER takes everything on the way (0.6 GB for `complete`). What is there is not done again: after an interruption, run the
same line; a training goes on where it was.
"""

import shutil
import subprocess
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from icereco.evaluation.evaluate import evaluate
from icereco.model.checkpoint import load_checkpoint
from icereco.runs.folder import RunFolder
from icereco.system.resources import models_dir
from icereco.trained.card import Figures, ModelCard
from icereco.trained.library import Library
from icereco.trained.new_card import figures_of, new_card


@dataclass(frozen=True)
class Part:
    """A part of a training, a run of its own.

    Attributes:
        seeds: of its simulated data sets, of 50,000 events each.
        events: how many of these it sees.
        falling: the last share of its steps, in which the rate falls to zero.
    """

    seeds: Sequence[int]
    events: int
    falling: float = 1e-6


@dataclass(frozen=True)
class Recipe:
    """How a model is trained: at a constant rate first, then with a rate that falls to zero.

    Each part goes on from the last weights of the one before, so that more of them make a better model from what is there
    (warmup-stable-decay: Hu et al., arXiv:2404.06395).

    Attributes:
        summary: one line for the card.
        profile: of all parts.
        parts: one after another; the rate falls in the last one.
        options: of all parts.
    """

    summary: str
    profile: str
    parts: tuple[Part, ...]
    options: tuple[str, ...]


RECIPES = {
    "complete": Recipe(
        summary="Direction, energy, vertex, kind and inelasticity of events in IceCube-86.",
        profile="complete",
        parts=(
            Part(range(1001, 1013), 258_000),
            Part(range(2001, 2015), 258_000),
            Part(range(2015, 2017), 90_000, falling=1),
        ),
        options=(
            "train.events_per_batch=32",
            "train.validation_events=3000",
            "train.calibration_events=3000",
        ),
    ),
    "fast": Recipe(
        summary="Every target of events in IceCube-86, at a quarter of the time of `complete`.",
        profile="fast",
        parts=(Part((*range(1001, 1013), *range(2001, 2017)), 1_200_000, falling=0.25),),
        options=("train.validation_events=3000", "train.calibration_events=5000"),
    ),
}
EVENTS = 50_000
CALIBRATION_SEED, CALIBRATION_EVENTS = 1020, 20_000
FRESH_SEED, FRESH_EVENTS = 7, 5_000
"""Events that the figures of the card are of; the README measures the default run on the same."""

NOT_TRAINED_ON = (
    "real events: noise, calibration and selection of data differ from those of this simulation",
    "muons of air showers, coincident events and events without a neutrino",
    "other detectors, and IceCube with missing strings",
    "photon-by-photon simulation, which has a quarter to a third less light for the same energy",
)


def icereco(*arguments: object, folder: Path) -> None:
    """Run a command, whose progress is seen; ends the program if it fails."""
    command = [sys.executable, "-m", "icereco", *map(str, arguments)]
    if code := subprocess.run(command, cwd=folder, check=False).returncode:
        sys.exit(code)


def simulated(folder: Path, seed: int, events: int) -> Path:
    """The folder of a simulated data set, which appears whole or not at all."""
    place = folder / "simulated" / str(seed)
    if not place.is_dir():
        icereco("simulate", "--events", events, "--seed", seed, "-o", f"{place}.part", folder=folder)
        Path(f"{place}.part").rename(place)
    return place


def trained(folder: Path, name: str, threads: int, *arguments: str) -> RunFolder:
    """The finished run of this name, begun or resumed if it has not finished."""
    run = RunFolder(folder / "runs" / name)
    if not run.path.is_dir():
        icereco("train", "--name", name, "--threads", threads, *arguments, folder=folder)
    elif run.state() != "finished":
        icereco("train", "--resume", name, "--threads", threads, folder=folder)
    return run


def trainings(recipe: Recipe, name: str, folder: Path, threads: int) -> list[RunFolder]:
    """Train each part from the last weights of the one before."""
    runs = list[RunFolder]()
    for number, part in enumerate(recipe.parts, 1):
        settings = (
            f"train.events={part.events}",
            "train.schedule=warmup-stable-decay",
            f"train.decay_fraction={part.falling}",
            f"train.warmup_fraction={0 if part.falling == 1 else 0.005}",
        )
        options = [word for option in (*recipe.options, *settings) for word in ("-o", option)]
        data = [word for seed in part.seeds for word in ("--data", str(simulated(folder, seed, EVENTS)))]
        last = str(runs[-1].path / "checkpoints" / "last.safetensors") if runs else ""
        start = ["--from", last] if runs else ["--profile", recipe.profile]
        runs.append(trained(folder, f"{name}-{number}", threads, *start, *data, *options))
    return runs


def measured(weights: Path, folder: Path, ppc: Path | None) -> tuple[Figures, ...]:
    """Figures on events that the training never saw."""
    fresh = simulated(folder, FRESH_SEED, FRESH_EVENTS) / "events.parquet"
    data = {f"{FRESH_EVENTS:,} simulated events of another seed": fresh}
    if ppc is not None:
        data["events simulated photon by photon (PPC)"] = ppc.resolve()
    figures: tuple[Figures, ...] = ()
    for words, path in data.items():
        output = folder / f"{path.parent.name if path.is_file() else path.name}.reco.parquet"
        icereco("reconstruct", path, "--model", weights, "-o", output, folder=folder)
        figures += figures_of(evaluate(output), words)
    return figures


def card_of(
    name: str, recipe: Recipe, weights: Path, runs: list[RunFolder], figures: tuple[Figures, ...]
) -> ModelCard:
    """The card, with what the checkpoint does not know of itself."""
    card = new_card(name, load_checkpoint(weights), runs[-1], recipe.summary)
    hours = [run.read_metrics()[-1]["seconds"] / 3600 for run in runs]
    sets = sum(len(part.seeds) for part in recipe.parts)
    changes = {
        "data": f"events simulated by ice-telescope, {sets} data sets of {EVENTS:,} (benchmarks/make_model.py)",
        "hours": round(float(sum(hours)), 2),
        "machine": f"{processor()}, {card.machine}",
        "licence": "Apache-2.0",
        "limits": card.limits.model_copy(update={"not_trained_on": NOT_TRAINED_ON}),
        "figures": figures,
    }
    return card.model_copy(update=changes)


def processor() -> str:
    """What the processor calls itself."""
    lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    return next(line.partition(":")[2].strip() for line in lines if line.startswith("model name"))


def main(given: Namespace) -> None:
    """Go through all steps, without those whose results are there."""
    recipe, folder = RECIPES[given.name], given.folder.resolve()
    (folder / "simulated").mkdir(parents=True, exist_ok=True)
    runs = trainings(recipe, given.name, folder, given.threads)
    weights = folder / f"{given.name}.safetensors"
    if not weights.is_file():
        calibration = simulated(folder, CALIBRATION_SEED, CALIBRATION_EVENTS) / "events.parquet"
        icereco("calibrate", runs[-1].best, "--data", calibration, "-o", weights, folder=folder)
    card = card_of(given.name, recipe, weights, runs, measured(weights, folder, given.ppc))
    shutil.rmtree(models_dir() / given.name, ignore_errors=True)
    print(Library(folder / "none", models_dir()).add(card, weights))


if __name__ == "__main__":
    parser = ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("name", choices=RECIPES)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--ppc", type=Path, help="events that the card has figures of as well")
    parser.add_argument("--threads", type=int, default=2)
    main(parser.parse_args())

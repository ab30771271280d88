"""Makes the network of `hybrid` that comes with icereco: simulates events, fits them from a model, and trains on both posteriors.

Run: python benchmarks/make_combination.py FOLDER [--model fast] [--events 40000] [--threads N]
FOLDER takes the fitted events (100 MB); what is there is not fitted again.
"""

from argparse import ArgumentParser, Namespace
from pathlib import Path

import numpy as np
import torch
from common import console
from numpy import ndarray
from rich.progress import track
from torch import Tensor, nn

from icereco.data.simulated import simulate
from icereco.events.vmf_mixture import VmfMixture
from icereco.reconstruction.combination import FEATURES, OUTPUTS, Combination, densest, parts_of
from icereco.reconstruction.hybrid import COMBINATION
from icereco.reconstruction.methods import Method, untrained_method
from icereco.reconstruction.seeding import seed_facts
from icereco.reconstruction.wanted import Wanted
from icereco.system.resources import calibrations_dir

CHUNK, FIRST_SEED = 1_000, 31_000
HIDDEN, EPOCHS, BATCH, RATE = 32, 12, 256, 2e-3
HELD_OUT = 0.15
"""Part of the events that the figures at the end are of."""

Columns = dict[str, ndarray]


def main() -> None:
    """Fit, train, measure, write."""
    given = arguments()
    torch.set_num_threads(given.threads)
    model = Wanted(models=[given.model], device="cpu").choice().method
    fit = untrained_method("likelihood", model.detector, {}, "cpu")
    given.folder.mkdir(parents=True, exist_ok=True)
    count = given.events // CHUNK
    chunks = [
        fitted(given.folder, fit, model, FIRST_SEED + chunk) for chunk in track(range(count), "fitting")
    ]
    known = joined(chunks)
    learned = round((1.0 - HELD_OUT) * len(known["truth"]))
    network, centre, spread = trained({name: column[:learned] for name, column in known.items()})
    linear = [layer for layer in network if isinstance(layer, nn.Linear)]
    layers = [(one.weight.detach().numpy(), one.bias.detach().numpy()) for one in linear]
    facts = {
        "data": f"icereco simulate --events {CHUNK} --seed {FIRST_SEED} to {FIRST_SEED + count - 1}",
        "events": learned,
        "seeds": [
            {name: fact for name, fact in seed_facts(given.model, model).items() if name != "checkpoint"}
        ],
        "options": fit.provenance["method_options"],
    }
    combination = Combination(centre, spread, layers, facts)
    combination.write(calibrations_dir() / COMBINATION)
    report(
        Combination.read(calibrations_dir() / COMBINATION),
        {name: column[learned:] for name, column in known.items()},
    )


def arguments() -> Namespace:
    """Parse the command line."""
    parser = ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--model", default="fast")
    parser.add_argument("--events", type=int, default=40_000)
    parser.add_argument("--threads", type=int, default=2)
    return parser.parse_args()


def fitted(folder: Path, fit: Method, model: Method, seed: int) -> Columns:
    """Return what the network sees of simulated events, and their true directions and kinds."""
    path = folder / f"{seed}.npz"
    if not path.is_file():
        assert fit.with_seeds is not None
        events = simulate(CHUNK, seed=seed)
        pieces = []
        for start in range(0, len(events), 250):
            batch = events[start : start + 250]
            known = model(batch)
            result = fit.with_seeds(batch, [known])
            parts = parts_of(result, known, batch.pulse_count)
            assert batch.truth is not None
            pieces.append(
                {
                    "weight": parts.mixture.weight,
                    "mean": parts.mixture.mean,
                    "kappa": parts.mixture.concentration,
                    "features": parts.features,
                    "truth": batch.truth.direction,
                    "kind": batch.truth.kind.astype(str),
                    "direction": np.where(np.isnan(result.direction), known.direction, result.direction),
                }
            )
        part = path.with_suffix(".part.npz")
        np.savez_compressed(part, **joined(pieces))
        part.rename(path)
    return dict(np.load(path))


def joined(chunks: list[Columns]) -> Columns:
    """Join columns of events, filled up with densities of weight 0."""
    most = max(chunk["weight"].shape[1] for chunk in chunks)

    def filled(column: ndarray) -> ndarray:
        more = most - column.shape[1]
        return np.concatenate([column, np.repeat(column[:, :1], more, 1)], 1)

    for chunk in chunks:
        width = chunk["weight"].shape[1]
        for name in ("mean", "kappa", "features", "weight"):
            chunk[name] = filled(chunk[name])
        chunk["weight"][:, width:] = 0.0
    return {name: np.concatenate([chunk[name] for chunk in chunks]) for name in chunks[0]}


def trained(known: Columns) -> tuple[nn.Sequential, ndarray, ndarray]:
    """Maximise the mean log density at the true directions."""
    torch.manual_seed(1)
    alive = known["weight"] > 0
    of_alive = known["features"][alive]
    centre, spread = of_alive.mean(0), of_alive.std(0) + 1e-6
    features = torch.tensor((known["features"] - centre) / spread, dtype=torch.float32)
    columns = [
        torch.tensor(known[name], dtype=torch.float32) for name in ("weight", "mean", "kappa", "truth")
    ]
    network = nn.Sequential(
        nn.Linear(FEATURES, HIDDEN),
        nn.Tanh(),
        nn.Linear(HIDDEN, HIDDEN),
        nn.Tanh(),
        nn.Linear(HIDDEN, OUTPUTS),
    )
    nn.init.zeros_(network[-1].weight)
    with torch.no_grad():
        network[-1].bias.copy_(torch.tensor([0.0, 0.0, -2.0, -1.5]))
    optimizer = torch.optim.AdamW(network.parameters(), RATE, weight_decay=1e-3)
    steps = EPOCHS * (len(features) // BATCH)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 2.0 * RATE, steps)
    order = torch.Generator().manual_seed(1)
    for _ in track(range(EPOCHS), "training"):
        for rows in torch.randperm(len(features), generator=order)[: steps // EPOCHS * BATCH].split(BATCH):
            loss = (
                -log_density(network(features[rows]), *(column[rows] for column in columns))
                .clamp(min=-30.0)
                .mean()
            )
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
    return network, centre, spread


def log_density(outputs: Tensor, weight: Tensor, mean: Tensor, kappa: Tensor, truth: Tensor) -> Tensor:
    """Return the log density at the truth; as `icereco.reconstruction.combination.combined`."""
    wide = torch.cat([outputs[..., :2], outputs[..., 2:]], 1)
    weight, mean, kappa = (torch.cat([one, one], 1) for one in (weight, mean, kappa))
    log_weight = (weight.log() + wide[..., 0]).log_softmax(1)
    kappa = (kappa * wide[..., 1].clamp(-4.0, 4.0).exp()).clamp(0.05, 1e7)
    log_peak = torch.log(kappa / (2 * torch.pi)) - torch.log1p(-torch.exp(-2.0 * kappa))
    away = 0.5 * (mean - truth[:, None]).square().sum(2)  # 1 − cos, without rounding
    return torch.logsumexp(log_weight + log_peak - kappa * away, 1)


def report(combination: Combination, known: Columns) -> None:
    """Print median errors and mean log densities of events that were held out, with those of the fit."""
    parts = VmfMixture(known["weight"], known["mean"], known["kappa"])
    errors, densities = [], []
    for rows in np.array_split(np.arange(len(known["truth"])), max(len(known["truth"]) // 250, 1)):
        posterior = combination.of(parts.take(rows), known["features"][rows])
        densities.append(posterior.log_density(known["truth"][rows, None])[:, 0])
        errors.append((densest(posterior) * known["truth"][rows]).sum(1))
    error = np.degrees(np.arccos(np.clip(np.concatenate(errors), -1.0, 1.0)))
    of_fit = np.degrees(np.arccos(np.clip((known["direction"] * known["truth"]).sum(1), -1.0, 1.0)))
    density = np.concatenate(densities)
    for kind in ("all", *np.unique(known["kind"])):
        rows = np.flatnonzero((known["kind"] == kind) | (kind == "all"))
        console.print(
            f"{kind}: {len(rows)} events, median {np.median(error[rows]):.2f}° (fit {np.median(of_fit[rows]):.2f}°), "
            f"mean log density {density[rows].mean():.3f}"
        )


if __name__ == "__main__":
    main()

"""Single flipped bits in every file that icereco writes: each is noticed, or changes nothing that is read."""

import random
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from damage import flip

from icereco.data.sources.source import open_source
from icereco.data.store.prepare import prepare
from icereco.data.store.store import open_store
from icereco.data.write.convert import Conversion, convert
from icereco.data.write.parquet import OwnWriter
from icereco.errors import IcerecoError
from icereco.events.reconstruction import Reconstruction
from icereco.events.vmf_mixture import VmfMixture
from icereco.model.checkpoint import load_checkpoint, read_tensors, save_checkpoint
from icereco.model.model import build_model
from icereco.profiles import load_profile
from icereco.tables.assembly import event_batch
from icereco.tables.reconstruction_columns import reconstruction_rows
from icereco.tables.reconstructions import reconstruction_writer
from icereco.tables.saved_reconstructions import read_reconstructions
from icereco.testing.random_events import random_events

pytestmark = pytest.mark.timeout(3600)

FLIPS = 300
"""Of each kind of file, in a whole session."""

EVENTS = 200

Written = tuple[Path, Callable[[], object]]
"""A file, and what reads all that it decides about as values that can be compared."""


def events() -> pa.Table:
    return random_events(np.random.default_rng(3).integers(1, 60, EVENTS), seed=5)


def own_parquet(folder: Path, detector) -> Written:
    path = folder / "events.parquet"
    with OwnWriter(path, {"made": "for a test"}, events().schema) as writer:
        for batch in events().to_batches():
            writer.write(batch)
    return path, lambda: read(path, detector)


def read(path: Path, detector) -> object:
    return [batch.to_pydict() for batch in open_source(path).checked(detector, 50)]


def kaggle(folder: Path, detector) -> Path:
    source, _ = own_parquet(folder, detector)
    convert(Conversion(open_source(source), detector, folder / "kaggle", "kaggle"))
    return folder / "kaggle"


def kaggle_pulses(folder: Path, detector) -> Written:
    made = kaggle(folder, detector)
    return made / "train" / "batch_1.parquet", lambda: read(made, detector)


def kaggle_meta(folder: Path, detector) -> Written:
    made = kaggle(folder, detector)
    return made / "train_meta.parquet", lambda: read(made, detector)


def store(folder: Path, detector) -> Path:
    source, _ = own_parquet(folder, detector)
    prepare(open_source(source), detector, folder / "store", block_events=64, blocks_per_shard=2)
    return folder / "store"


def store_shard(folder: Path, detector) -> Written:
    made = store(folder, detector)

    def blocks():
        opened = open_store(made)
        return [block.to_pydict() for block in opened.blocks(range(len(opened.block_offsets) - 1))]

    return made / "events-00000-00001.arrow", blocks


def reconstructions(folder: Path, detector) -> Written:
    batch, path = event_batch(events(), detector), folder / "out.parquet"
    rng = np.random.default_rng(1)
    mean = rng.normal(size=(EVENTS, 2, 3))
    mean /= np.linalg.norm(mean, axis=-1, keepdims=True)
    weight = rng.dirichlet(np.ones(2), EVENTS)
    mixture = VmfMixture(weight, mean, rng.uniform(1, 100, (EVENTS, 2)))
    with reconstruction_writer(path, {"method": "any"}) as table:
        table.write(reconstruction_rows(batch, Reconstruction(mean[:, 0], mixture)))

    def values():
        saved = read_reconstructions(path)
        posterior, truth = saved.reconstruction.posterior, saved.truth
        arrays = (saved.event_id, saved.pulses_total, saved.reconstruction.direction)
        arrays += (
            posterior.weight,
            posterior.mean,
            posterior.concentration,
            truth.direction,
            truth.energy_gev,
        )
        return [array.tolist() for array in arrays]

    return path, values


def checkpoint(folder: Path, detector) -> Written:
    path = folder / "weights.safetensors"
    profile = load_profile(
        "quick", ["encoder.layers=1", "aggregator.width=16", "aggregator.heads=2", "encoder.heads=2"]
    )
    save_checkpoint(path, build_model(profile, detector, 1), profile, detector, {"step": 3})

    def values():
        tensors, metadata = read_tensors(path)
        assert load_checkpoint(path).provenance["step"] == 3
        return {name: value.tolist() for name, value in tensors.items()}, metadata

    return path, values


KINDS = [own_parquet, kaggle_pulses, kaggle_meta, store_shard, reconstructions, checkpoint]


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_a_flipped_bit_is_noticed_or_changes_nothing(tmp_path, detector, budget, kind):
    path, values = kind(tmp_path, detector)
    whole, untouched = path.read_bytes(), values()
    noticed, silent = 0, []
    for number in budget.cases(FLIPS):
        content = bytearray(whole)
        flip(content, random.Random(number))
        path.write_bytes(content)
        try:
            if values() != untouched:
                silent.append(number)
        except IcerecoError:
            noticed += 1
    assert not silent
    assert noticed

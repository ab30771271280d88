"""Events, and the command, for tests of reconstructing."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from icereco.data.sources.source import open_source
from icereco.reconstruction.outputs import open_output
from icereco.reconstruction.pipeline import reconstruct
from icereco.tables.schema import SCHEMA

COMMAND = Path(sys.executable).with_name("icereco")
SIZES = [40, 3, 0, 700, 12, 1, 90, 0, 2500, 33, 8, 150, 60, 5, 310]
OVERRIDES = [
    "aggregator.width=16",
    "aggregator.layers=1",
    "aggregator.heads=2",
    "encoder.layers=1",
    "encoder.heads=2",
]


def events_of(sizes, first_id=100, seed=3, **changes):
    """A table of the own layout with truth; `changes` replace columns."""
    random = np.random.default_rng(seed)
    count = len(sizes)
    columns = {
        "event_id": np.arange(count) * 7 + first_id,
        "sensor_id": [random.integers(0, 5160, size) for size in sizes],
        "time": [np.sort(random.uniform(9_000, 14_000, size)) for size in sizes],
        "charge": [random.lognormal(0, 0.5, size) for size in sizes],
        "auxiliary": [random.random(size) < 0.6 for size in sizes],
        "azimuth": random.uniform(0, 2 * np.pi, count),
        "zenith": random.uniform(0, np.pi, count),
        "energy": random.uniform(1e2, 1e5, count),
        "kind": random.choice(["cascade", "through_track"], count),
    } | changes
    fields = [field for field in SCHEMA if field.name in columns]
    return pa.table([pa.array(list(columns[f.name]), f.type) for f in fields], schema=pa.schema(fields))


def written(path, *args, **changes):
    pq.write_table(events_of(*args, **changes), path, row_group_size=5)
    return path


def run(sources, method, path, form="parquet"):
    with open_output(path, form, {"method": method.name}) as output:
        return reconstruct([open_source(source) for source in sources], method, output)


def icereco(*args, cwd, **kwargs):
    command = [COMMAND, *map(str, args)]
    environment = os.environ | {"OMP_NUM_THREADS": "1", "NO_COLOR": "1"}
    return subprocess.run(
        command, cwd=cwd, env=environment, capture_output=True, text=True, check=False, **kwargs
    )

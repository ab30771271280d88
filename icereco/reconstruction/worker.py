"""A process that reconstructs events for another one, which need not import torch: tables in, JSON lines out.

Run as `python -m icereco.reconstruction.worker CHECKPOINT`. It reads events from its standard input, each an Arrow IPC
stream after its length (8 bytes, big-endian), and answers each with one line: {"azimuth", "zenith", "posterior",
"pulses_used", "quantities"} (rad; null where there is none; the posterior as [weight, kappa, azimuth, zenith] of each of its
densities; further estimates by the names of `icereco.events.reconstruction.QUANTITIES`) or {"error"}. The first line, {"ready": true}
or {"error"}, says whether the checkpoint could be loaded. It ends with its input.
"""

import json
import sys
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import pyarrow as pa

from icereco.errors import IcerecoError
from icereco.events.posterior import Posterior
from icereco.events.reconstruction import known_quantities
from icereco.physics.sphere import angles_from_direction
from icereco.reconstruction.methods import Method, model_method
from icereco.tables.assembly import event_batch

__all__ = ["LENGTH_BYTES", "main"]

LENGTH_BYTES = 8


def main(checkpoint: Path) -> None:
    """Answer events until the input ends."""
    try:
        method = model_method(checkpoint)
    except IcerecoError as error:
        _say({"error": str(error)})
        return
    _say({"ready": True})
    while (table := _next_table(sys.stdin.buffer)) is not None:
        try:
            _say(_answer(method, table))
        except IcerecoError as error:
            _say({"error": str(error)})
        except Exception as error:
            _say({"error": f"{type(error).__name__}: {error}"})


def _next_table(stream: BinaryIO) -> pa.Table | None:
    head = stream.read(LENGTH_BYTES)
    if len(head) < LENGTH_BYTES:
        return None
    return pa.ipc.open_stream(stream.read(int.from_bytes(head, "big"))).read_all()


def _answer(method: Method, table: pa.Table) -> dict[str, Any]:
    batch = event_batch(table, method.detector)
    result = method(batch)
    azimuth, zenith = angles_from_direction(result.direction)
    used = batch.pulse_count if result.pulses_used is None else result.pulses_used
    numbers = {"azimuth": azimuth[0], "zenith": zenith[0]}
    known = {name: float(value) if np.isfinite(value) else None for name, value in numbers.items()}
    quantities = known_quantities(result.quantities, 0)
    return known | {
        "posterior": _components(result.posterior),
        "pulses_used": int(used[0]),
        "quantities": {name: np.asarray(value).tolist() for name, value in quantities.items()},
    }


def _components(posterior: Posterior | None) -> list[list[float]] | None:
    """Weight, kappa, azimuth and zenith of each density in the posterior of one event."""
    if posterior is None:
        return None
    mixture = posterior.as_mixture().pruned()
    azimuth, zenith = angles_from_direction(mixture.mean)
    columns = np.stack([mixture.weight[0], mixture.concentration[0], azimuth[0], zenith[0]], -1)
    return [list(map(float, row)) for row in columns] if np.isfinite(columns).all() else None


def _say(document: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(document) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main(Path(sys.argv[1]))

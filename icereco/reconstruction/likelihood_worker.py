"""A process that computes with the likelihood of single events for another one, which need not import torch.

Run as `python -m icereco.reconstruction.likelihood_worker DETECTOR`. It reads requests from its standard input, each a JSON document and
an event as an Arrow IPC stream, both after their lengths (8 bytes, big-endian), and answers with lines of JSON. The document is

- {"light": {"kind", "travel", "place_m", "length_m"}}, see `icereco.reconstruction.expected_light.LightSource`: one line,
  {"photo_electrons", "fitted", "log_likelihood"};
- {"scan": {"nside", "first_nside"}}, see `icereco.reconstruction.scan.scan`: lines of {"doing", "done", "of"} while it goes on, then {"order", "pixel", "log_likelihood",
  "temperature"} of a map (`icereco.events.sky_map`).

Instead of an answer there may be {"error"}. It ends with its input.
"""

import json
import sys
from functools import cached_property
from typing import Any, BinaryIO

import numpy as np
import pyarrow as pa

from icereco.detector.detector import Detector, load_detector
from icereco.errors import IcerecoError
from icereco.events.batch import EventBatch
from icereco.reconstruction.expected_light import ExpectedLight, LightSource
from icereco.reconstruction.methods import Method, untrained_method
from icereco.reconstruction.scan import scan
from icereco.system.processors import use_threads
from icereco.tables.assembly import event_batch

__all__ = ["main"]

_LENGTH_BYTES = 8


def main(name: str) -> None:
    """Answer requests until the input ends."""
    use_threads(1)
    worker = _Worker(name)
    while (request := _part(sys.stdin.buffer)) is not None:
        content = _part(sys.stdin.buffer)
        if content is None:
            return
        try:
            worker.answer(json.loads(request), pa.ipc.open_stream(content).read_all())
        except IcerecoError as error:
            _say({"error": str(error)})
        except Exception as error:
            _say({"error": f"{type(error).__name__}: {error}"})


class _Worker:
    """What is made once, when it is first needed."""

    def __init__(self, detector: str) -> None:
        self._name = detector

    @cached_property
    def _detector(self) -> Detector:
        return load_detector(self._name)

    @cached_property
    def _light(self) -> ExpectedLight:
        return ExpectedLight(self._detector)

    @cached_property
    def _method(self) -> Method:
        return untrained_method("likelihood", self._detector, {}, "cpu")

    def answer(self, request: dict[str, Any], table: pa.Table) -> None:
        """Write the answer to a request about an event."""
        batch = event_batch(table, self._detector)
        if "light" in request:
            made = self._light(batch, LightSource(**request["light"]))
            pe = made.photo_electrons.round(6).tolist()
            _say({"photo_electrons": pe, "fitted": made.fitted, "log_likelihood": made.log_likelihood})
        else:
            self._scan(batch, **request["scan"])

    def _scan(self, batch: EventBatch, nside: int, first_nside: int) -> None:
        profile = self._method.profile
        if profile is None or not len(batch.time_ns):
            raise IcerecoError("the event has no pulses, so every direction is equally likely")
        sky = scan(lambda: profile(batch), nside, _progress, first_nside).sky
        if not np.isfinite(sky.log_likelihood).any():
            raise IcerecoError("the event cannot be fitted, so there is nothing to scan")
        lowest = sky.log_likelihood[np.isfinite(sky.log_likelihood)].min()
        _say(
            {
                "order": sky.order.tolist(),
                "pixel": sky.pixel.tolist(),
                "log_likelihood": np.nan_to_num(sky.log_likelihood, nan=lowest, neginf=lowest).tolist(),
                "temperature": sky.temperature,
            }
        )


def _progress(what: str, done: int, total: int) -> None:
    _say({"doing": what, "done": done, "of": total})


def _part(stream: BinaryIO) -> bytes | None:
    head = stream.read(_LENGTH_BYTES)
    if len(head) < _LENGTH_BYTES:
        return None
    return stream.read(int.from_bytes(head, "big"))


def _say(document: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(document) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main(sys.argv[1])

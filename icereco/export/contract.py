"""What an exported file says about itself: its inputs and outputs with their units, and where the model comes from."""

from collections.abc import Sequence
from typing import Any

from icereco import __version__
from icereco.detector.detector import Detector
from icereco.events.truth import EVENT_KINDS
from icereco.export.decoded import COLUMNS
from icereco.model.checkpoint import Checkpoint

__all__ = ["FORMAT", "INPUTS", "KEY", "description"]

FORMAT = "icereco-export-1"

KEY = "icereco.json"
"""Under this name the description is in the file: an extra file of a .pt2, a property of the metadata of an .onnx."""

INPUTS = {
    "sensor_id": ("int64", "pulse", "row of the sensor in the detector's table, from 0"),
    "time_ns": ("float64", "pulse", "time of the pulse, ns; any zero, the same within an event"),
    "charge_pe": ("float32", "pulse", "charge, photoelectrons"),
    "auxiliary": ("bool", "pulse", "true where the pulse is not in local coincidence"),
    "event_offsets": ("int64", "event + 1", "pulses of event e are event_offsets[e]:event_offsets[e + 1]"),
}
"""Inputs by name, in their order: type, axis, what each is."""

_RULES = (
    "at least one event and one pulse; any number of events, modules and pulses",
    "pulses of one event are contiguous, in any order within it",
    "no NaN, no sensor_id outside the table: neither is checked",
    "an event without pulses gets NaN",
)


def description(checkpoint: Checkpoint, outputs: Sequence[str]) -> dict[str, Any]:
    """Return JSON-able facts; `outputs` are the names of the columns that the model gives."""
    model = checkpoint.model
    targets = model.target_recalibration
    return {
        "format": FORMAT,
        "icereco": __version__,
        "profile": checkpoint.profile.name,
        "detector": _detector(checkpoint.detector),
        "inputs": {
            name: {"type": kind, "axis": axis, "meaning": words}
            for name, (kind, axis, words) in INPUTS.items()
        },
        "rules": list(_RULES),
        "outputs": {name: COLUMNS[name] for name in outputs},
        "output_type": "float64",
        "kinds": list(EVENT_KINDS),
        "calibration": {
            "posterior": model.recalibration is not None,
            "targets": [] if targets is None else list(targets.parts),
        },
        "provenance": checkpoint.provenance,
        "checkpoint_sha256": checkpoint.sha256,
    }


def _detector(detector: Detector) -> dict[str, Any]:
    return {
        "name": detector.name,
        "fingerprint": detector.fingerprint,
        "sensors": len(detector.position_m),
        "coordinates": "m, right-handed, z up, as in the detector's table",
    }

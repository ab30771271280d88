"""icereco reconstructs the direction of neutrinos from the light pulses of a neutrino telescope.

What is public is named in `icereco.__all__`; plugin authors also have `icereco.testing`, `icereco.nn` and
`icereco.physics` as docs/api.md lists them. Everything else may change with any version.

    import icereco

    events = icereco.read_events("events.parquet")
    reconstruction = icereco.reconstruct(events, "linefit")
    print(icereco.evaluate(reconstruction, events))
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from icereco.data.reading import read_events
    from icereco.data.simulated import simulate
    from icereco.detector.detector import Detector, load_detector
    from icereco.draw.figure import draw_event
    from icereco.errors import IcerecoError
    from icereco.evaluation.resolution_table import evaluate
    from icereco.events.batch import Event, EventBatch
    from icereco.events.posterior import Posterior
    from icereco.events.reconstruction import Estimates, Reconstruction
    from icereco.events.tensors import TensorBatch, TruthTensors, to_tensors
    from icereco.events.truth import Truth
    from icereco.events.vmf_mixture import VmfMixture
    from icereco.model.model import build_model
    from icereco.plots.evaluation import plot_resolution
    from icereco.plots.event import plot_event
    from icereco.plugins.component import Component
    from icereco.plugins.hookspecs import hookimpl
    from icereco.plugins.options import NoOptions
    from icereco.profiles import load_profile
    from icereco.protocols import (
        Aggregator,
        Encoder,
        Features,
        Loss,
        Normalizer,
        Reader,
        Reconstructor,
        Simulator,
    )
    from icereco.reconstruction.ensemble import ensemble
    from icereco.reconstruction.models import load_model, reconstruct
    from icereco.tables.schema import SCHEMA

__version__ = "0.2.0"

__all__ = [
    "read_events",
    "EventBatch",
    "Event",
    "Truth",
    "load_model",
    "ensemble",
    "load_profile",
    "build_model",
    "to_tensors",
    "reconstruct",
    "Reconstruction",
    "Posterior",
    "VmfMixture",
    "evaluate",
    "draw_event",
    "plot_event",
    "plot_resolution",
    "simulate",
    "load_detector",
    "Detector",
    "Component",
    "hookimpl",
    "NoOptions",
    "Normalizer",
    "Aggregator",
    "Encoder",
    "Loss",
    "Reader",
    "Simulator",
    "Reconstructor",
    "Features",
    "TensorBatch",
    "TruthTensors",
    "Estimates",
    "SCHEMA",
    "IcerecoError",
]

_MODULES = {
    "icereco.data.reading": ("read_events",),
    "icereco.data.simulated": ("simulate",),
    "icereco.detector.detector": ("Detector", "load_detector"),
    "icereco.draw.figure": ("draw_event",),
    "icereco.errors": ("IcerecoError",),
    "icereco.evaluation.resolution_table": ("evaluate",),
    "icereco.events.batch": ("Event", "EventBatch"),
    "icereco.events.posterior": ("Posterior",),
    "icereco.events.reconstruction": ("Estimates", "Reconstruction"),
    "icereco.events.tensors": ("TensorBatch", "TruthTensors", "to_tensors"),
    "icereco.events.truth": ("Truth",),
    "icereco.events.vmf_mixture": ("VmfMixture",),
    "icereco.model.model": ("build_model",),
    "icereco.plugins.component": ("Component",),
    "icereco.plugins.hookspecs": ("hookimpl",),
    "icereco.plugins.options": ("NoOptions",),
    "icereco.plots.evaluation": ("plot_resolution",),
    "icereco.plots.event": ("plot_event",),
    "icereco.profiles": ("load_profile",),
    "icereco.protocols": (
        *("Normalizer", "Aggregator", "Encoder", "Loss", "Reader", "Simulator", "Reconstructor"),
        "Features",
    ),
    "icereco.reconstruction.ensemble": ("ensemble",),
    "icereco.reconstruction.models": ("load_model", "reconstruct"),
    "icereco.tables.schema": ("SCHEMA",),
}
_HOME = {name: module for module, names in _MODULES.items() for name in names}


def __getattr__(name: str) -> Any:
    """A public name, imported when it is first used: `import icereco` alone stays quick."""
    if name not in _HOME:
        from icereco.errors import did_you_mean

        raise AttributeError(f"module 'icereco' has no attribute {name!r}{did_you_mean(name, __all__)}")
    value = globals()[name] = getattr(import_module(_HOME[name]), name)
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})

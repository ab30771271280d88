"""What a plugin written for 0.1.0 has to change: the new places of the modules that it may import."""

import re
from types import ModuleType
from typing import NamedTuple

from icereco.errors import did_you_mean

__all__ = ["MERGED_PLUGINS", "MOVED", "Moved", "advice"]

_PAGE = "(docs/write-a-plugin.md, migration)"
_NOT_A_NAME = re.compile(r"cannot import name '(\w+)' from 'icereco'")


class Moved(NamedTuple):
    """The new place of a module.

    Attributes:
        place: one module, or several in words.
        names: its names that `icereco` itself exports.
    """

    place: str
    names: tuple[str, ...] = ()


MOVED = {
    "icereco.components": Moved("icereco.plugins.component", ("Component",)),
    "icereco.hookspecs": Moved("icereco.plugins.hookspecs", ("hookimpl",)),
    "icereco.options": Moved("icereco.plugins.options", ("NoOptions",)),
    "icereco.roles": Moved(
        "icereco.protocols",
        (
            *(
                "Features",
                "TensorBatch",
                "Estimates",
                "Normalizer",
                "Aggregator",
                "Encoder",
                "Loss",
                "Reader",
            ),
            *("Simulator", "Reconstructor"),
        ),
    ),
    "icereco.events": Moved("icereco.events.batch", ("EventBatch", "Event", "Truth")),
    "icereco.reconstruction": Moved("icereco.events.reconstruction", ("Reconstruction",)),
    "icereco.detector": Moved("icereco.detector.detector", ("Detector", "load_detector")),
    "icereco.data.table": Moved("icereco.tables.schema", ("SCHEMA",)),
    "icereco.data.columns": Moved("icereco.tables.columns"),
    "icereco.data.foreign": Moved("icereco.tables.from_columns"),
    "icereco.data.batches": Moved("icereco.tables.assembly"),
    "icereco.data.check": Moved("icereco.tables.validation"),
    "icereco.data.reconstructions": Moved("icereco.tables.reconstructions"),
    "icereco.data.sensors": Moved("icereco.detector.sensor_finder"),
    "icereco.data.readers": Moved("icereco.data.sources.reader_choice"),
    "icereco.data.sources": Moved("icereco.data.sources.source"),
    "icereco.data.simulation": Moved("icereco.data.simulated", ("simulate",)),
    "icereco.data.layouts": Moved("icereco.data.write.parquet"),
    "icereco.data.kaggle_layout": Moved("icereco.data.write.kaggle"),
    "icereco.data.store": Moved("icereco.data.store.store"),
    "icereco.data.stream": Moved("icereco.data.stream.stream"),
    "icereco.data.prepare": Moved("icereco.data.store.prepare"),
    "icereco.detector_cards": Moved("icereco.detector.cards"),
    "icereco.tensors": Moved("icereco.events.tensors", ("TensorBatch", "to_tensors")),
    "icereco.directions": Moved("icereco.physics.sphere"),
    "icereco.log": Moved("icereco.system.log"),
    "icereco.plugins": Moved("icereco.plugins.discovery"),
    "icereco.registry": Moved("icereco.plugins.registry"),
    "icereco.blame": Moved("icereco.plugins.attribution"),
    "icereco.scaffold": Moved("icereco.plugins.scaffold"),
    "icereco.model": Moved("icereco.model.model", ("build_model",)),
    "icereco.checkpoint": Moved("icereco.model.checkpoint", ("load_model",)),
    "icereco.inference": Moved("icereco.reconstruction", ("load_model", "reconstruct")),
    "icereco.runs": Moved("icereco.runs.folder"),
    "icereco.evaluation.report": Moved("icereco.evaluation.evaluate", ("evaluate",)),
    "icereco_attention": Moved("icereco.nn, icereco_aggregators.attention and icereco_encoders.attention"),
    "icereco_deepsets": Moved("icereco_aggregators.deepsets and icereco_encoders.deepsets"),
    "icereco_linefit": Moved("icereco_reconstructors"),
    "icereco_encoders.groups": Moved("icereco.nn.length_groups"),
    "icereco_simulation.light": Moved("icereco.physics.light"),
    "icereco_simulation.ice": Moved("icereco.physics.light"),
    "icereco_simulation.emission": Moved("icereco.physics.light"),
    "icereco_simulation.acceptance": Moved("icereco.physics.light"),
    "icereco_simulation.yields": Moved("icereco.physics.light"),
}
"""Modules of 0.1.0 that a plugin could import, and where they are since 0.2."""

MERGED_PLUGINS = {
    "attention": ("aggregators", "encoders"),
    "deepsets": ("aggregators", "encoders"),
    "linefit": ("reconstructors",),
}
"""Entry points of icereco 0.1.0, and those that have their components since 0.2."""


def advice(error: BaseException) -> str | None:
    """Return what to change in a plugin that imports a missing module of icereco; None for any other error.

    >>> advice(ModuleNotFoundError("No module named 'icereco.log'", name="icereco.log"))
    'icereco.log is icereco.system.log since 0.2 (docs/write-a-plugin.md, migration)'
    """
    name = _missing(error)
    if name in MOVED:
        place, names = MOVED[name]
        instead = f"; import it from icereco: `from icereco import {', '.join(names)}`" if names else ""
        return f"{name} is {place} since 0.2{instead} {_PAGE}"
    if isinstance(error, ModuleNotFoundError) and name.startswith("icereco."):
        return f"icereco has no module {name}{did_you_mean(name, MOVED)}; many have moved since 0.1.0 {_PAGE}"
    if isinstance(error, ImportError) and name.startswith("icereco."):
        from icereco import __all__ as public

        wanted = name.removeprefix("icereco.")
        return f"icereco has no public name {wanted!r}{did_you_mean(wanted, public)} (docs/api.md)"
    return None


def _missing(error: BaseException) -> str:
    """Return the module that is missing or lacks an imported name; "" for errors of another kind."""
    if isinstance(error, AttributeError):
        return error.obj.__name__ if isinstance(error.obj, ModuleType) else ""
    if not isinstance(error, ImportError):
        return ""
    wanted = _NOT_A_NAME.match(str(error))
    return f"icereco.{wanted[1]}" if wanted else error.name or ""

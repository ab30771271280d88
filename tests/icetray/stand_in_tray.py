"""What a module of IceTray needs of the package `icecube`, without IceTray: frames, objects and the calls of a tray.

Names and behaviour are those of IceTray's Python interface, as far as `icereco_icetray.tray` uses them.
"""

from collections.abc import Iterable, Mapping
from types import ModuleType, SimpleNamespace
from typing import Any, NamedTuple

import numpy as np
from icereco_icetray.pulses import PulseMap, parts_of_key

__all__ = ["Frame", "OMKey", "icecube", "pulses_of", "run"]


class OMKey(NamedTuple):
    """A module."""

    string: int
    om: int
    pmt: int


class Frame(dict):
    """A frame: `Has` and items by key; a key cannot be written twice."""

    def __init__(self, stream: str, **slots: Any) -> None:
        super().__init__(slots)
        self.stream = stream

    def Has(self, key: str) -> bool:  # noqa: N802
        return key in self

    def __setitem__(self, key: str, value: Any) -> None:
        if key in self:
            raise RuntimeError(f"frame already contains {key!r}")
        super().__setitem__(key, value)


class I3ConditionalModule:
    """The base of modules."""

    def __init__(self, context: Any) -> None:
        self.context, self.parameters, self.pushed = context, {}, []

    def AddParameter(self, name: str, _meaning: str, default: Any) -> None:  # noqa: N802
        self.parameters[name] = default

    def AddOutBox(self, _name: str) -> None:  # noqa: N802
        pass

    def GetParameter(self, name: str) -> Any:  # noqa: N802
        return self.parameters[name]

    def PushFrame(self, frame: Frame) -> None:  # noqa: N802
        self.pushed.append(frame)


class I3RecoPulseSeriesMap(dict):
    """Pulses by module."""

    @staticmethod
    def from_frame(frame: Frame, key: str) -> "I3RecoPulseSeriesMap":
        return frame[key]


class I3Particle:
    """A particle, with the enumerations that are used."""

    ParticleShape = SimpleNamespace(InfiniteTrack="InfiniteTrack")
    FitStatus = SimpleNamespace(
        values={0: "OK", 10: "GeneralFailure", 20: "InsufficientHits", 30: "FailedToConverge"}
    )


def icecube() -> dict[str, ModuleType]:
    """The package and its modules, by name, for `sys.modules`."""
    package, icetray, dataclasses = (
        ModuleType(name) for name in ("icecube", "icecube.icetray", "icecube.dataclasses")
    )
    icetray.I3ConditionalModule = I3ConditionalModule
    dataclasses.I3RecoPulseSeriesMap, dataclasses.I3Particle = I3RecoPulseSeriesMap, I3Particle
    dataclasses.I3Double = lambda value: SimpleNamespace(value=value)
    dataclasses.I3Direction = lambda zenith, azimuth: SimpleNamespace(zenith=zenith, azimuth=azimuth)
    dataclasses.I3Position = lambda x, y, z: SimpleNamespace(x=x, y=y, z=z)
    package.icetray, package.dataclasses = icetray, dataclasses
    return {one.__name__: one for one in (package, icetray, dataclasses)}


def pulses_of(pulses: PulseMap) -> I3RecoPulseSeriesMap:
    """The pulses of an event as IceTray gives them."""
    flags = SimpleNamespace(LC=1, ATWD=2, FADC=4)
    made = I3RecoPulseSeriesMap()
    ends = np.cumsum(pulses.count)
    for number, end, count in zip(pulses.key, ends, pulses.count, strict=True):
        module = OMKey(*(int(part[0]) for part in parts_of_key(np.array([number]))))
        made[module] = [
            SimpleNamespace(
                time=float(pulses.time_ns[at]),
                charge=float(pulses.charge_pe[at]),
                flags=1 if pulses.coincident[at] else 0,
                PulseFlags=flags,
            )
            for at in range(end - count, end)
        ]
    return made


def run(module: type, frames: Iterable[Frame], **parameters: Any) -> list[Frame]:
    """What comes out of a tray with one module."""
    one = module(context=None)
    unknown = parameters.keys() - one.parameters.keys()
    assert not unknown, unknown
    one.parameters |= parameters
    one.Configure()
    calls: Mapping[str, Any] = {"P": one.Physics, "G": getattr(one, "Geometry", one.PushFrame)}
    for frame in frames:
        calls.get(frame.stream, one.PushFrame)(frame)
    one.Finish()
    return one.pushed

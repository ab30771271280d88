"""Several pulse maps of the same events, read as one."""

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Int
from numpy import ndarray

from icereco.errors import IcerecoError, did_you_mean
from icereco_readers.dialects import Dialect, require_one

__all__ = ["MapPulses", "chosen_maps", "join_maps", "require_same_columns"]


class MapPulses(NamedTuple):
    """Pulses of one map.

    Attributes:
        offsets: int64 `[E+1]`; pulses of event `i` are `offsets[i]:offsets[i+1]`.
        columns: `[P]` each, by name.
    """

    offsets: Int[ndarray, "event_plus_1"]
    columns: Mapping[str, ndarray]


def chosen_maps(option: str | None, maps: Collection[str], source: Path, reader: str) -> tuple[str, ...]:
    """The maps that the option `pulse_map` of a reader names, as A+B; without it the only one.

    Raises:
        IcerecoError: there is no such map (with the nearest name), or several and none is named.
    """
    if option is None:
        joined = f", or join them: --reader {reader}:pulse_map={'+'.join(maps)}"
        return (require_one("pulse map", "pulse_map", maps, source, joined),)
    wanted = tuple(option.split("+"))
    for name in wanted:
        if name not in maps:
            raise IcerecoError(
                f"{source}: no pulse map {name!r}; found: {', '.join(sorted(maps)) or 'none'}{did_you_mean(name, list(maps))}"
            )
    if len(set(wanted)) < len(wanted):
        raise IcerecoError(f"{source}: pulse_map={option} names a pulse map twice")
    return wanted


def require_same_columns(dialect: Dialect, columns: Mapping[str, Collection[str]], source: Path) -> None:
    """Check that maps can be joined.

    Raises:
        IcerecoError: one has other columns of pulses than the first.
    """
    names = {name: dialect.pulse_names(found) for name, found in columns.items()}
    (first, of_first), *more = names.items()
    for name, found in more:
        if found != of_first or not set(found) <= set(columns[name]):
            raise IcerecoError(
                f"{source}: {first} and {name} cannot be joined: their columns are {', '.join(of_first)} and {', '.join(found)}"
            )


def join_maps(parts: Sequence[MapPulses]) -> MapPulses:
    """The pulses of all maps, those of an event in the order of the maps."""
    if len(parts) == 1:
        return parts[0]
    counts = [np.diff(part.offsets) for part in parts]
    event = np.concatenate([np.repeat(np.arange(len(count)), count) for count in counts])
    order = np.argsort(event, kind="stable")
    filled = [part for part in parts if part.offsets[-1]] or parts[:1]  # types are those of values
    columns = {
        name: np.concatenate([part.columns[name] for part in filled])[order] for name in filled[0].columns
    }
    return MapPulses(np.concatenate([[0], np.cumsum(sum(counts))]), columns)

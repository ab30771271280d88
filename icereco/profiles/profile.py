"""A profile that has been checked: components, their options, and how to train them."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic import BaseModel

from icereco.plugins.built import Built, build
from icereco.plugins.component import ROLES, Component, Kind
from icereco.plugins.registry import Declaration
from icereco.profiles.layers import LOSSES, Setting, Settings, Table
from icereco.profiles.toml_format import format_table
from icereco.profiles.train_options import TrainOptions

__all__ = ["SCHEMA", "Choice", "FurtherLoss", "Profile"]

SCHEMA = 1
"""The version of the file format."""


@dataclass(frozen=True, slots=True)
class Choice:
    """A declared component and the options it is to be built with."""

    declaration: Declaration
    options: BaseModel

    @property
    def component(self) -> Component:
        """What is declared of it: its name, factory, ...."""
        return self.declaration.component

    def build(self, *needs: Any, passing: tuple[type[Exception], ...] = ()) -> Built[Any]:
        """The component itself; see `icereco.plugins.built.build`."""
        return build(self.declaration, self.options, *needs, passing=passing)


@dataclass(frozen=True, slots=True)
class FurtherLoss:
    """A loss beside that of the direction, and how much it counts."""

    choice: Choice
    weight: float


@dataclass(frozen=True, slots=True)
class Profile:
    """A model and its training, described; nothing is built yet.

    Two profiles are equal when they describe the same, wherever their values were written.

    Attributes:
        name: of the file, without its suffix.
        summary: one line for people.
        detector: name of the detector card.
        roles: the four components of the model, by kind.
        train: how to train.
        simulation: what simulates events when no data is given, None if the profile does not say.
        losses: further losses by name, for targets other than the direction; each has a head of its own.
        requires: packages and versions that the profile needs.
        settings: the values as written, with their origins.
    """

    name: str
    summary: str
    detector: str
    roles: Mapping[Kind, Choice]
    train: TrainOptions
    simulation: Choice | None
    losses: Mapping[str, FurtherLoss] = field(default_factory=dict)
    requires: tuple[str, ...] = ()
    settings: Settings = field(default_factory=Settings, compare=False, repr=False)

    def role(self, kind: Kind) -> Choice:
        """The component of a role ("normalizer", "aggregator", "encoder" or "loss") and its options."""
        return self.roles[kind]

    def resolved_toml(self) -> str:
        """The whole profile as one file without parents, the origin of each value behind it.

        Loading this text alone gives an equal profile.
        """
        parts = [format_table("", self._top()), format_table("detector", self._rows("detector", None))]
        parts += [format_table(kind, self._rows(kind, self.roles[kind].options)) for kind in ROLES]
        parts += [format_table(f"{LOSSES}.{name}", self._loss_rows(name)) for name in self.losses]
        parts.append(format_table("train", self._rows("train", self.train)))
        if self.simulation is not None:
            parts.append(format_table("simulation", self._rows("simulation", self.simulation.options)))
        return "\n\n".join(parts) + "\n"

    def _top(self) -> Iterator[tuple[str, Any, str]]:
        values = {"schema": SCHEMA, "name": self.name, "summary": self.summary, "requires": self.requires}
        for key, value in values.items():
            if value:
                yield key, value, _origin(self.settings.top.get(key))

    def _loss_rows(self, name: str) -> Iterator[tuple[str, Any, str]]:
        choice, weight = self.losses[name].choice, self.losses[name].weight
        table = f"{LOSSES}.{name}"
        yield from self._rows(table, choice.options)
        yield "weight", weight, _origin(self.settings.tables[table].settings.get("weight"))

    def _rows(self, name: str, options: BaseModel | None) -> Iterator[tuple[str, Any, str]]:
        table = self.settings.tables.get(name)
        written = table.settings if isinstance(table, Table) else {}
        if "use" in written:
            yield "use", written["use"].value, _origin(written["use"])
        values = options.model_dump() if options is not None else {}
        for key, value in values.items():
            yield key, value, _origin(written.get(key))


def _origin(setting: Setting | None) -> str:
    return str(setting.origin) if setting else "default"

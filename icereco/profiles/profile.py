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
    """A declared component and the options to build it with."""

    declaration: Declaration
    options: BaseModel

    @property
    def component(self) -> Component:
        """Its declaration: name, factory, …."""
        return self.declaration.component

    def build(self, *needs: Any, passing: tuple[type[Exception], ...] = ()) -> Built[Any]:
        """Build the component; see `icereco.plugins.built.build`."""
        return build(self.declaration, self.options, *needs, passing=passing)


@dataclass(frozen=True, slots=True)
class FurtherLoss:
    """A loss in addition to that of the direction, and its weight."""

    choice: Choice
    weight: float


@dataclass(frozen=True, slots=True)
class Profile:
    """The description of a model and its training; nothing is built yet.

    Two profiles are equal when they describe the same model and training, regardless of the origins of their values.

    Attributes:
        name: of the file, without its suffix.
        summary: one line of description.
        detector: name of the detector card.
        roles: the four components of the model, by kind.
        train: how to train.
        simulation: the simulator that is used when no data is given, None if the profile has none.
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
        """Return the component of a role ("normalizer", "aggregator", "encoder" or "loss") and its options."""
        return self.roles[kind]

    def resolved_toml(self) -> str:
        """Write the whole profile as one file without parents, with the origin of each value as a comment.

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

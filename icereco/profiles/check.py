"""Checks merged settings against the installed components, and reports every problem at once."""

from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, version
from typing import Any, TypeVar

from packaging.requirements import InvalidRequirement, Requirement
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from icereco.errors import IcerecoError, did_you_mean
from icereco.plugins.component import ROLES, Kind
from icereco.plugins.discovery import Registry
from icereco.profiles.layers import LOSSES, Setting, Table
from icereco.profiles.problems import Origin, Problem, ProfileError
from icereco.profiles.profile import SCHEMA, Choice, FurtherLoss, Profile
from icereco.profiles.resolve import Resolved, profile_names
from icereco.profiles.train_options import TrainOptions

__all__ = ["check"]

_TABLES = ("detector", *ROLES, LOSSES, "train", "simulation")
_TOP = {"schema": int, "name": str, "summary": str, "extends": str, "requires": list}
_Model = TypeVar("_Model", bound=BaseModel)
_FORM = {int: "a whole number", str: "a text", list: "a list"}


class LossOptions(BaseModel):
    """The keys of a `[losses.NAME]` table in addition to the options of its loss."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    weight: float = Field(
        1.0, ge=0, allow_inf_nan=False, description="how much it counts beside [loss]; 0 leaves it out"
    )


class DetectorOptions(BaseModel):
    """What the `[detector]` table may hold."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    use: str = Field(description="name of a detector card, or the folder of one")


def check(resolved: Resolved, registry: Registry, detector: str | None = None) -> Profile:
    """Build the profile that settings describe; a detector of the name `detector` needs no card.

    Raises:
        ProfileError: every problem, sorted by file and line.
    """
    checker = _Checker(resolved, registry, detector)
    profile = checker.profile()
    if profile is None or checker.problems:
        raise ProfileError(checker.problems)
    return profile


class _Checker:
    """Checks the settings in one pass and collects all problems."""

    def __init__(self, resolved: Resolved, registry: Registry, detector: str | None) -> None:
        self.resolved = resolved
        self.detector = detector
        self.tables = resolved.settings.tables
        self.registry = registry
        self.problems = list(resolved.problems)

    def profile(self) -> Profile | None:
        self._check_top()
        self._check_table_names()
        requires = tuple(self._requirements())
        detector = self._detector()
        roles = {kind: self._choice(kind, kind) for kind in ROLES}
        train = self._options(TrainOptions, self.tables.get("train", Table(self.resolved.origin)), "train")
        simulation = self._choice("simulation", "simulator") if "simulation" in self.tables else None
        chosen = {kind: choice for kind, choice in roles.items() if choice is not None}
        losses = self._losses()
        if detector is None or train is None or len(chosen) < len(ROLES):
            return None
        summary = self.resolved.settings.top.get("summary")
        text = str(summary.value) if summary else ""
        name, settings = self.resolved.name, self.resolved.settings
        return Profile(name, text, detector.use, chosen, train, simulation, losses, requires, settings)

    def _report(self, origin: Origin, message: str) -> None:
        self.problems.append(Problem(origin, message))

    def _check_top(self) -> None:
        for key, setting in self.resolved.settings.top.items():
            if key in _TABLES:
                self._report(setting.origin, f"{key} must be a table, [{key}]")
            elif key not in _TOP:
                self._report(
                    setting.origin, f"no setting is called {key!r}{did_you_mean(key, (*_TOP, *_TABLES))}"
                )
            elif not isinstance(setting.value, _TOP[key]) or isinstance(setting.value, bool):
                self._report(setting.origin, f"{key} = {setting.value!r}: it must be {_FORM[_TOP[key]]}")
            elif key == "schema":
                self._check_schema(setting)

    def _check_schema(self, setting: Setting) -> None:
        if setting.value > SCHEMA:
            message = f"schema = {setting.value}: this profile needs a newer icereco; this one reads schema {SCHEMA}"
            self._report(setting.origin, message)
        elif setting.value < 1:
            self._report(setting.origin, f"schema = {setting.value}: the first schema is 1")

    def _check_table_names(self) -> None:
        for name, table in self.tables.items():
            if name in _TOP:
                self._report(table.origin, f"{name} must be {_FORM[_TOP[name]]}, not a table")
            elif name == LOSSES:
                message = f"[{LOSSES}] holds tables alone: write [{LOSSES}.energy] with 'use = '"
                self._report(table.origin, message)
            elif name not in _TABLES and not name.startswith(f"{LOSSES}."):
                near = did_you_mean(name, _TABLES).replace("'", "[", 1).replace("'", "]", 1)
                self._report(
                    table.origin, f"no role is called [{name}]{near or f'; known: {_list(_TABLES)}'}"
                )

    def _requirements(self) -> Iterable[str]:
        seen: dict[str, Setting] = {}
        for setting in self.resolved.requires:
            if isinstance(setting.value, list):
                seen |= {str(text): setting for text in setting.value}
        for text, setting in seen.items():
            if problem := _requirement_problem(text):
                self._report(setting.origin, problem)
            yield text

    def _detector(self) -> DetectorOptions | None:
        table = self._table("detector")
        if table is None or (options := self._options(DetectorOptions, table, "detector")) is None:
            return None
        from icereco.detector.cards import detector_names, is_card  # numpy is slow to import
        from icereco.detector.geometry_file import is_geometry_file

        try:
            if options.use == self.detector or is_card(options.use) or is_geometry_file(options.use):
                return options
        except IcerecoError as error:  # two plugins provide it
            self._report(table.settings["use"].origin, f"[detector] {error}")
            return None
        names = detector_names()
        origin = table.settings["use"].origin
        near = did_you_mean(options.use, names)
        self._report(
            origin, f"[detector] no detector is called {options.use!r}{near}\n  known: {_list(names)}"
        )
        return None

    def _table(self, name: str) -> Table | None:
        table = self.tables.get(name)
        if table is None and self.resolved.complete and name not in self.resolved.settings.top:
            self._report(
                self.resolved.origin, f"the profile has no [{name}]; add one with 'use = ', or extend 'base'"
            )
        return table

    def _losses(self) -> dict[str, FurtherLoss]:
        """Further losses, by the NAME of `[losses.NAME]`, without those of no weight."""
        losses = {}
        for table in [name for name in self.tables if name.startswith(f"{LOSSES}.")]:
            weight = self._options(LossOptions, self.tables[table].only("weight"), table)
            choice = self._choice(table, "loss")
            if choice is not None and weight is not None and weight.weight > 0:
                losses[table.removeprefix(f"{LOSSES}.")] = FurtherLoss(choice, weight.weight)
        return losses

    def _choice(self, name: str, kind: Kind) -> Choice | None:
        table = self._table(name)
        if table is None:
            return None
        if table.use is None:
            if self.resolved.complete:
                installed = _list(self.registry.names(kind))
                self._report(
                    table.origin, f"[{name}] does not say which {kind} to use; installed: {installed}"
                )
            return None
        return self._component(name, kind, table, table.use)

    def _component(self, name: str, kind: Kind, table: Table, use: Setting) -> Choice | None:
        if not isinstance(use.value, str):
            self._report(use.origin, f"{name}.use = {use.value!r}: it must be a name")
            return None
        try:
            declaration = self.registry.find(kind, self._meant(kind, use))
            model = declaration.component.load_options()
        except IcerecoError as error:
            self._report(use.origin, f"[{name}] {error}")
            return None
        apart = ("use", "weight") if name.startswith(f"{LOSSES}.") else ("use",)
        options_table = Table(
            use.origin, {key: one for key, one in table.settings.items() if key not in apart}
        )
        owner = f"the {kind} {declaration.component.name!r}"
        options = self._options(model, options_table, name, owner)
        return Choice(declaration, options) if options is not None else None

    def _meant(self, kind: Kind, use: Setting) -> str:
        """Return the name as written; in a shipped profile it refers to ours, even if another plugin uses the same name."""
        name: str = use.value
        ships = use.origin.source in {f"{shipped}.toml" for shipped in profile_names()}
        return f"icereco/{name}" if ships and name in self.registry.clashes(kind) else name

    def _options(self, model: type[_Model], table: Table, name: str, owner: str = "") -> _Model | None:
        try:
            return model.model_validate(table.values)
        except ValidationError as error:
            for problem in error.errors(include_url=False):
                key = str(problem["loc"][0]) if problem["loc"] else ""
                setting = table.settings.get(key)
                origin = setting.origin if setting else table.origin
                self._report(origin, _option_message(problem, name, owner or f"[{name}]", model))
        return None


def _option_message(problem: Any, table: str, owner: str, model: type[BaseModel]) -> str:
    path = ".".join([table, *map(str, problem["loc"])])
    if problem["type"] == "extra_forbidden" and len(problem["loc"]) == 1:
        key = str(problem["loc"][0])
        known = [name for name in (*model.model_fields, "use") if name != key]
        near = did_you_mean(key, known) or f"; it has {_list(model.model_fields)}"
        return f"{path} is not an option of {owner}{near}"
    if problem["type"] == "missing":
        return f"{path} is missing: {owner} needs it"
    sentence = problem["msg"].removeprefix("Value error, ").removeprefix("Assertion failed, ")
    sentence = sentence[:1].lower() + sentence[1:]
    return f"{path} = {problem['input']!r}: {sentence}" if problem["loc"] else f"[{table}] {sentence}"


def _requirement_problem(text: str) -> str | None:
    try:
        requirement = Requirement(text)
    except InvalidRequirement:
        return f"requires {text!r}: write a package and versions, such as 'icereco>=0.1'"
    try:
        installed = version(requirement.name)
    except PackageNotFoundError:
        return f"this profile needs {text}, which is not installed; try: pip install '{text}'"
    if requirement.specifier.contains(installed, prereleases=True):
        return None
    return f"this profile needs {text}, and {installed} is installed; try: pip install --upgrade '{text}'"


def _list(names: Iterable[str]) -> str:
    return ", ".join(names) or "none"

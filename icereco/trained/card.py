"""The card of a trained model: what it was trained on, how good it is, and what it is not for."""

import datetime as dt
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from icereco.errors import IcerecoError, did_you_mean
from icereco.events.truth import TARGETS, Target
from icereco.profiles.toml_format import format_key, format_value
from icereco.runs.folder import is_run_name
from icereco.system.documents import parse_toml

__all__ = ["Figures", "Limits", "ModelCard", "card_text", "parse_card", "read_card"]

_HASH = re.compile("[0-9a-f]{64}")

Text = Annotated[str, Field(min_length=1)]
Count = Annotated[int, Field(strict=True, ge=1)]
Angle = Annotated[float, Field(ge=0, le=180)]
Fraction = Annotated[float, Field(ge=0, le=1)]


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Figures(_Table):
    """How good a model is on one group of events.

    Attributes:
        data: the events, in words.
        kind: of events, such as "cascade", or "all".
        events: how many there were.
        median_deg: median angular error.
        containment68_deg: 68 % of the events have a smaller error.
        inside_50, inside_90: fraction of true directions inside the contours of 50 and 90 %; None if not measured.
    """

    data: Text
    kind: Text
    events: Count
    median_deg: Angle
    containment68_deg: Angle
    inside_50: Fraction | None = None
    inside_90: Fraction | None = None


class Limits(_Table):
    """What a model may be used for.

    Attributes:
        detectors: names of the detectors whose events it reconstructs.
        energy_gev: lowest and highest true energy it was trained on; None if unknown.
        not_trained_on: what it has not seen, in words, each an entry.
    """

    detectors: Annotated[tuple[Text, ...], Field(min_length=1)]
    energy_gev: tuple[float, float] | None = None
    not_trained_on: tuple[Text, ...] = ()

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.energy_gev is not None and not 0 < self.energy_gev[0] <= self.energy_gev[1]:
            raise ValueError("energy_gev must be the lowest and the highest energy, both above 0")
        return self


class ModelCard(_Table):
    """What there is to know of a trained model without loading it.

    Attributes:
        name: by which it is chosen.
        summary: one line.
        detector: name of the detector that it was trained for.
        profile: name of the profile that it was trained from.
        targets: what it estimates.
        events: events that it was trained on; None if unknown, as for a checkpoint without provenance.
        data: these events in words.
        seeds: of the training.
        date: of the training.
        icereco: version that it was trained with.
        machine: processor and devices in words; None if unknown.
        hours: of training; None if unknown.
        licence: SPDX identifier; None if the author has not said.
        sha256: of the file with the weights, hex.
        limits: what it is for.
        figures: how good it is.
    """

    name: Text
    summary: Text
    detector: Text
    profile: Text
    targets: Annotated[tuple[Target, ...], Field(min_length=1)]
    events: Count | None = None
    data: Text
    seeds: tuple[int, ...] = ()
    date: dt.date
    icereco: Text
    machine: Text | None = None
    hours: Annotated[float, Field(ge=0)] | None = None
    licence: Text | None = None
    sha256: Text
    limits: Limits
    figures: tuple[Figures, ...] = ()

    @field_validator("name")
    @classmethod
    def _valid_name(cls, name: str) -> str:
        if not is_run_name(name):
            raise ValueError(f"{name!r} is not a valid name: letters, digits, '.', '_' and '-'")
        return name

    @field_validator("sha256")
    @classmethod
    def _valid_hash(cls, sha256: str) -> str:
        if not _HASH.fullmatch(sha256):
            raise ValueError("must be 64 hexadecimal digits")
        return sha256

    @model_validator(mode="after")
    def _for_its_detector(self) -> Self:
        if self.detector not in self.limits.detectors:
            raise ValueError(f"limits.detectors must name the detector of the model, {self.detector!r}")
        return self

    @property
    def overall(self) -> Figures | None:
        """The first figures of events of all kinds."""
        return next((one for one in self.figures if one.kind == "all"), None)


def read_card(path: Path) -> ModelCard:
    """Read and check a card.

    Raises:
        IcerecoError: it cannot be read; or an entry is missing, unknown or has a value that is not allowed.
    """
    try:
        return parse_card(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise IcerecoError(f"{path}: this card of a model cannot be used: {reason}") from None


def parse_card(text: str) -> ModelCard:
    """Parse a card.

    Raises:
        ValueError: not valid TOML, or an entry is missing, unknown or has a value that is not allowed.
    """
    try:
        return ModelCard.model_validate(parse_toml(text))
    except ValidationError as error:
        raise ValueError("; ".join(_problem(one) for one in error.errors())) from None


def card_text(card: ModelCard) -> str:
    """Write a card as TOML; `parse_card` gives it back. What is unknown or empty is left out."""
    entries = card.model_dump(mode="json", exclude_none=True)
    limits, figures = entries.pop("limits"), entries.pop("figures")
    parts = ["".join(_lines(entries)), "[limits]\n" + "".join(_lines(limits))]
    parts += ["[[figures]]\n" + "".join(_lines(row)) for row in figures]
    return "\n".join(parts)


def _lines(entries: dict[str, Any]) -> Iterator[str]:
    for key, value in entries.items():
        if value != []:
            yield f"{format_key(key)} = {format_value(value)}\n"


_TABLES: dict[str, type[BaseModel]] = {"limits": Limits, "figures": Figures}


def _problem(error: Any) -> str:
    """What is wrong with an entry, which is named as in the file: figures[2].kind."""
    place = ""
    for part in error["loc"]:
        place += f"[{part + 1}]" if isinstance(part, int) else f".{part}"
    key, place = str(error["loc"][-1]) if error["loc"] else "", place.removeprefix(".")
    if error["type"] == "extra_forbidden":
        allowed = list(_TABLES.get(str(error["loc"][0]), ModelCard).model_fields)
        return f"{place} is not known{did_you_mean(key, allowed)} (allowed: {', '.join(allowed)})"
    if error["type"] == "missing":
        return f"{place} is missing"
    if error["type"] == "literal_error":
        return f"{place} must be one of {', '.join(TARGETS)}{did_you_mean(str(error['input']), TARGETS)}"
    reason = error["msg"].removeprefix("Value error, ")
    return f"{place}: {reason}" if place else reason

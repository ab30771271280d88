"""The options of the normalizers."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

__all__ = [
    "CleaningName",
    "CleaningOptions",
    "DetectorScaledOptions",
    "DomFeature",
    "ExtraOptions",
    "FittedOptions",
    "FixedOptions",
    "RelativeTimeOptions",
    "ZeroName",
]

ZeroName = Literal["charge-median", "first-pulse"]
CleaningName = Literal["none", "seeded-rt"]
DomFeature = Literal["quantum_efficiency", "scattering", "absorption"]


class CleaningOptions(BaseModel):
    """Which pulses are left out before features are computed, of every normalizer."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    cleaning: CleaningName = Field(
        "none",
        description="seeded-rt leaves out DOMs without a pulse in local coincidence, unless they are near one that has",
    )
    cleaning_radius_m: float = Field(
        250.0, gt=0, allow_inf_nan=False, description="how far from a DOM in local coincidence is near, in m"
    )
    cleaning_window_ns: float = Field(
        1_500.0, gt=0, allow_inf_nan=False, description="how much earlier or later than it is near, in ns"
    )


class ExtraOptions(CleaningOptions):
    """Further features of each pulse, which every normalizer can give; T2 has them through T1's vectors."""

    pulse_columns: dict[str, Annotated[float, Field(gt=0, allow_inf_nan=False)]] = Field(
        {},
        description="further columns of pulses in the data, each with the value that becomes one: {tot = 30.0}",
    )
    event_columns: dict[str, Annotated[float, Field(gt=0, allow_inf_nan=False)]] = Field(
        {},
        description="further columns of events in the data, each with a usual value: {fit_likelihood_kappa = 10.0}; "
        "linear up to it, logarithmic beyond, zero where there is none",
    )
    fits: list[str] = Field(
        [],
        description="fits that come with the events, by NAME of the columns fit_NAME_azimuth and fit_NAME_zenith: their directions",
    )
    dom_features: list[DomFeature] = Field(
        [], description="of the detector card at the DOM: quantum_efficiency, scattering, absorption"
    )
    charge_centre: bool = Field(
        False, description="position of the DOM from the charge-weighted centre of the event's pulses"
    )


class FixedOptions(ExtraOptions):
    """Constants of the `fixed` normalizer."""

    time_zero_ns: float = Field(1e4, allow_inf_nan=False, description="time in ns that becomes zero")
    time_scale_ns: float = Field(
        3e4, gt=0, allow_inf_nan=False, description="time span in ns that becomes one"
    )
    position_scale_m: float = Field(
        500.0, gt=0, allow_inf_nan=False, description="length in m that becomes one"
    )


class _FromZeroOptions(ExtraOptions):
    zero: ZeroName = Field(
        "charge-median",
        description="what time is zero: the charge-weighted median or the first of the pulses in local coincidence",
    )


class RelativeTimeOptions(_FromZeroOptions):
    """Constants of the `relative-time` normalizer."""

    time_scale_ns: float = Field(
        1e3,
        gt=0,
        allow_inf_nan=False,
        description="time span in ns that becomes one; linear up to three of it, logarithmic beyond",
    )
    position_scale_m: float = Field(
        500.0, gt=0, allow_inf_nan=False, description="length in m that becomes one"
    )


class DetectorScaledOptions(_FromZeroOptions):
    """Options of the `detector-scaled` normalizer."""


class FittedOptions(_FromZeroOptions):
    """Options of the `fitted` normalizer."""

    fit_events: int = Field(2_000, ge=1, description="training events that the quantiles are taken from")

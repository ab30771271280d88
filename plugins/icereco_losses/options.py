"""The options of the losses; must not import torch."""

from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from icereco.errors import IcerecoError

__all__ = [
    "AngularOptions",
    "CosineOptions",
    "DecodeName",
    "EnergyQuantilesOptions",
    "InelasticityOptions",
    "KentOptions",
    "KindOptions",
    "LogEnergyOptions",
    "MaskedModulesOptions",
    "SphereBinsOptions",
    "SphericalFlowOptions",
    "VertexOptions",
    "VonMisesFisherMixtureOptions",
    "VonMisesFisherOptions",
    "WeightedSumOptions",
]

DecodeName = Literal["mode", "mean"]
_DECODE = "which direction stands for the density: where it is highest (mode), or its centre (mean)"


class _Options(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class AngularOptions(_Options):
    """The opening angle has no options."""


class CosineOptions(_Options):
    """One minus the cosine has no options."""


class VonMisesFisherOptions(_Options):
    """The von Mises-Fisher density has no options."""


class KentOptions(_Options):
    """The Kent density has no options."""


class VonMisesFisherMixtureOptions(_Options):
    """Options of the loss `vmf-mixture`."""

    components: int = Field(3, ge=1, le=64, description="von Mises-Fisher densities in the mixture")
    decode: DecodeName = Field("mode", description=_DECODE)


class MaskedModulesOptions(_Options):
    """Options of the loss `masked-modules`."""

    fraction: float = Field(0.3, gt=0, lt=1, description="of the DOMs of each event that are hidden")
    outputs: int = Field(
        64, ge=1, le=4096, description="numbers about the event that the hidden are predicted from"
    )
    width: int = Field(128, ge=1, le=4096, description="of the network that predicts them")


class SphereBinsOptions(_Options):
    """Options of the loss `sphere-bins`."""

    cells_per_side: int = Field(
        8, ge=1, le=64, description="n: the sphere is cut into 12 n² HEALPix cells of equal area (768 for 8)"
    )
    smoothing_deg: float = Field(
        7.0, gt=0, le=90, description="width (one sigma) of the labels around the truth, about a cell or more"
    )
    decode: DecodeName = Field("mode", description=_DECODE)


class SphericalFlowOptions(_Options):
    """Options of the loss `spherical-flow`."""

    layers: int = Field(
        1, ge=0, le=8, description="layers of splines around turned axes, after the peak and its profile"
    )
    bins: int = Field(6, ge=2, le=32, description="bins of each spline")
    decode: DecodeName = Field("mean", description=_DECODE)


class _EnergyOptions(_Options):
    mean_log10_gev: float = Field(
        4.0, ge=-3, le=12, description="decimal logarithm of a typical energy in GeV, where outputs are zero"
    )
    spread_decades: float = Field(1.5, gt=0, le=10, description="how far energies spread around it, decades")


class LogEnergyOptions(_EnergyOptions):
    """Options of the loss `log-energy`."""


class EnergyQuantilesOptions(_EnergyOptions):
    """Options of the loss `energy-quantiles`."""


class VertexOptions(_Options):
    """Options of the loss `vertex`."""

    spread_m: float = Field(
        500.0,
        ge=10,
        le=10_000,
        description="how far vertices spread around the origin, m: about half the detector's size",
    )


class KindOptions(_Options):
    """The probabilities of kinds have no options."""


class InelasticityOptions(_Options):
    """The Beta density has no options."""


class WeightedSumOptions(_Options):
    """Options of the loss `weighted-sum`."""

    losses: list[str] = Field(
        ["vmf", "angular"],
        min_length=1,
        description="losses by name; the first decodes, the others (of three outputs) judge the direction that it decodes",
    )
    weights: list[float] = Field([1.0, 0.5], min_length=1, description="a weight for each loss")
    options: list[dict[str, Any]] = Field([], description="options for each loss, none where it is shorter")

    @model_validator(mode="after")
    def _lists_fit(self) -> Self:
        if len(self.weights) != len(self.losses):
            raise ValueError(f"{len(self.losses)} losses have {len(self.weights)} weights")
        if len(self.options) > len(self.losses):
            raise ValueError(f"{len(self.losses)} losses have {len(self.options)} tables of options")
        for name, options in zip(self.losses, self.given, strict=True):
            _check(name, options)
        return self

    @property
    def given(self) -> list[dict[str, Any]]:
        """The options of each loss."""
        return [*self.options, *({} for _ in self.losses[len(self.options) :])]


def _check(name: str, options: dict[str, Any]) -> None:
    """Refuse a loss that is not installed, or options that it does not have.

    Raises:
        ValueError: names the loss and the option.
    """
    from icereco.plugins.discovery import registry  # a mistyped loss is reported before anything is built

    try:
        registry().get("loss", name).load_options().model_validate(options)
    except IcerecoError as error:
        raise ValueError(str(error)) from None
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(map(str, first["loc"]))
        unknown = first["type"] == "extra_forbidden"
        what = f"it has no option {where!r}" if unknown else f"{where}: {first['msg']}"
        raise ValueError(f"options of the loss {name!r}: {what}") from None

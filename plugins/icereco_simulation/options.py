"""The options of the simulator."""

from typing import Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

__all__ = ["IceTelescopeOptions"]


class IceTelescopeOptions(BaseModel):
    """What is simulated; the defaults give events like those of IceCube (see docs/simulation.md).

    Energies follow the sum of two power laws, dN/dE ∝ E^-index: most events come from the soft one, the bright
    tail from the hard one.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    minimum_energy_gev: float = Field(100.0, gt=10.0, description="lowest energy, GeV")
    maximum_energy_gev: float = Field(1e8, gt=10.0, le=1e9, description="highest energy, GeV")
    soft_index: float = Field(2.6, ge=0.0, description="index of the soft power law")
    hard_index: float = Field(1.4, ge=0.0, description="index of the hard power law")
    hard_fraction: float = Field(
        0.034, ge=0.0, le=1.0, description="share of events drawn from the hard power law"
    )
    through_track_fraction: float = Field(
        0.35, ge=0.0, le=1.0, description="share of muons from outside, before the trigger"
    )
    starting_track_fraction: float = Field(
        0.15, ge=0.0, le=1.0, description="share of muons that start inside, before the trigger"
    )
    track_radius_m: float | None = Field(
        None,
        gt=0.0,
        description="largest distance of a muon's line from the centre, m (by default 650 in IceCube)",
    )
    vertex_radius_m: float | None = Field(
        None, gt=0.0, description="radius of the cylinder of vertices, m (by default 600 in IceCube)"
    )
    vertex_half_height_m: float | None = Field(
        None, gt=0.0, description="half the height of the cylinder of vertices, m (by default 560 in IceCube)"
    )
    light_scale: float = Field(1.0, ge=0.0, description="factor on all light")
    noise_scale: float = Field(1.0, ge=0.0, description="factor on the dark noise of the detector card")
    trigger_multiplicity: int = Field(
        8, ge=1, description="modules in local coincidence that the trigger asks for"
    )
    trigger_window_ns: float = Field(
        5000.0, gt=0.0, description="time within which the trigger wants them, ns"
    )
    readout_before_ns: float = Field(
        4000.0, ge=0.0, description="readout before the start of the trigger, ns"
    )
    readout_after_ns: float = Field(6000.0, ge=0.0, description="readout after the end of the trigger, ns")
    primaries_per_block: int = Field(
        1024, ge=1, le=65536, description="particles tried per block; part of what the seed means"
    )

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.maximum_energy_gev <= self.minimum_energy_gev:
            raise ValueError("maximum_energy_gev must be above minimum_energy_gev")
        if self.through_track_fraction + self.starting_track_fraction > 1.0:
            raise ValueError(
                "through_track_fraction + starting_track_fraction must not exceed 1; the rest are cascades"
            )
        return self

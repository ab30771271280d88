"""Options of the readers."""

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

__all__ = ["GraphnetOptions", "KaggleOptions", "OwnOptions", "PrometheusOptions", "TableOptions"]

_DIRECTION = (
    "what the true angles mean: origin (where the particle came from), travel (where it went), or auto: inferred from "
    "the light, and reported in the log"
)


class OwnOptions(BaseModel):
    """Options of the reader of icereco's own layout."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    without: str | None = Field(
        default=None, description="columns that are left out, NAME+NAME, such as lists that are not of pulses"
    )


class KaggleOptions(BaseModel):
    """Options of the reader of the Kaggle competition's layout."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    part: Literal["train", "test"] | None = Field(
        default=None,
        description="which half of a competition folder to read; by default train, or test if it is alone",
    )
    meta: Path | None = Field(
        default=None,
        description="the meta table, from the folder of the pulses or the one above; by default its usual names",
    )


class GraphnetOptions(BaseModel):
    """Options of the readers of GraphNeT's databases and parquet files."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    pulse_map: str | None = Field(
        default=None,
        description="the table of pulses, such as SRTInIcePulses, or several whose pulses are joined, A+B; by default the only one",
    )
    truth_table: str | None = Field(
        default=None, description="the table of truth; by default the one that is called truth or mc_truth"
    )
    direction: Literal["auto", "origin", "travel"] = Field(
        default="auto", description=f"for tables made from Prometheus: {_DIRECTION}"
    )


class PrometheusOptions(BaseModel):
    """Options of the reader of Prometheus' files."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    direction: Literal["auto", "origin", "travel"] = Field(default="auto", description=_DIRECTION)
    source: str | None = Field(
        default=None, description="which simulation of flat tables that hold several, by their column source"
    )


class TableOptions(BaseModel):
    """Options of the reader of tables with names of their own; each names a column unless it says otherwise."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    event: str | None = Field(
        default=None,
        description="number of the event; several columns, such as Run+Event+SubEvent, give a hash of 63 bits",
    )
    sensor: str | None = Field(
        default=None, description="sensor of the pulse: a row of the detector's table, from 0"
    )
    string: str | None = Field(
        default=None, description="string of the pulse, as the detector's card numbers them"
    )
    om: str | None = Field(default=None, description="number of the module on the string")
    x: str | None = Field(default=None, description="place of the sensor (m), in the coordinates of the card")
    y: str | None = Field(default=None, description="see x")
    z: str | None = Field(default=None, description="see x")
    time: str | None = Field(default=None, description="time of the pulse (ns)")
    charge: str | None = Field(default=None, description="charge (p.e.); 1 where it is not given")
    auxiliary: str | None = Field(
        default=None, description="true or 1 where a pulse is not in local coincidence"
    )
    hlc: str | None = Field(
        default=None, description="the opposite: 0 where a pulse is not in local coincidence"
    )
    truth: Path | None = Field(
        default=None,
        description="file with a row of truth per event, from the folder of the events; by default their own columns",
    )
    truth_event: str | None = Field(
        default=None, description="number of the event in the truth, if it has another name there"
    )
    zenith: str | None = Field(default=None, description="true zenith (rad)")
    azimuth: str | None = Field(default=None, description="true azimuth (rad)")
    vector: str | None = Field(
        default=None, description="three columns of the true direction, X+Y+Z, instead of zenith and azimuth"
    )
    direction: Literal["origin", "travel"] = Field(
        default="origin",
        description="whether the true direction is where the particle came from, or where it went",
    )
    energy: str | None = Field(default=None, description="true energy (GeV)")
    vertex: str | None = Field(default=None, description="three columns of the true vertex (m), X+Y+Z")
    kind: str | None = Field(default=None, description="true kind: through_track, starting_track or cascade")
    inelasticity: str | None = Field(default=None, description="true inelasticity, 0 to 1")
    carry: str | None = Field(
        default=None,
        description="further columns of events, NAME+NAME, that are written with reconstructions; of a table with a row per event "
        "by default all",
    )
    table: str | None = Field(default=None, description="name of the table of pulses in an HDF5 file")
    truth_table: str | None = Field(
        default=None, description="name of the table of truth in an HDF5 file, the same or that of truth"
    )

"""Summary statistics of the pulses of each DOM, all DOMs at once.

The nine are those of IceCube's dnn_reco (arXiv:2101.11589, section 3.2). The extended set adds finer windows and
quantiles, the largest pulse, skewness and local coincidence.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch.compiler import is_exporting

from icereco.nn.segments import segment_extreme, segment_of, segment_sum
from icereco_aggregators.options import StatisticsSet

__all__ = ["CHARGES", "NAMES", "SHARES", "summary_statistics"]

_WINDOWS_NS = {"nine": (100, 500), "extended": (10, 25, 50, 100, 250, 500, 1000)}
_QUANTILES = {"nine": (20, 50), "extended": (10, 20, 30, 50, 70, 80, 90)}


def _names(chosen: StatisticsSet) -> tuple[str, ...]:
    names = ["charge_pe", *(f"charge_{window}_ns_pe" for window in _WINDOWS_NS[chosen])]
    names += [
        "first_ns",
        "last_ns",
        *(f"quantile_{share}_ns" for share in _QUANTILES[chosen]),
        "mean_ns",
        "std_ns",
    ]
    if chosen == "extended":
        names += [
            "first_charge_pe",
            "largest_charge_pe",
            "largest_ns",
            "pulses",
            "skewness",
            "auxiliary_share",
        ]
    return tuple(names)


NAMES: dict[StatisticsSet, tuple[str, ...]] = {"nine": _names("nine"), "extended": _names("extended")}
"""The statistics of each set, in the order of their columns."""

CHARGES = frozenset(name for name in NAMES["extended"] if name.endswith("_pe")) | {"pulses"}
"""Those that are amounts of light, from 0 to a million."""

SHARES = frozenset({"skewness", "auxiliary_share"})
"""Those that are of order one already."""


def summary_statistics(
    time_ns: Float[Tensor, "pulse"],
    charge_pe: Float[Tensor, "pulse"],
    auxiliary: Bool[Tensor, "pulse"],
    pulse_offsets: Int[Tensor, "dom_plus_1"],
    chosen: StatisticsSet = "nine",
) -> Float[Tensor, "dom statistic"]:
    """The statistics `NAMES[chosen]` of each DOM, float64, in ns and p.e.; zeros for a DOM without pulses.

    Args:
        time_ns: times, ascending in each DOM.
        charge_pe: charges.
        auxiliary: True = not in local coincidence.
        pulse_offsets: where the pulses of each DOM begin and end.
        chosen: "nine" or "extended".
    """
    if not is_exporting() and len(time_ns) == 0:
        return time_ns.new_zeros(len(pulse_offsets) - 1, len(NAMES[chosen]), dtype=torch.float64)
    pulses = _Pulses.of(time_ns.double(), charge_pe.double(), pulse_offsets)
    columns = [pulses.charge, *pulses.within(_WINDOWS_NS[chosen])]
    columns += [
        pulses.first,
        pulses.last,
        *pulses.quantiles(_QUANTILES[chosen]),
        pulses.mean,
        pulses.spread(),
    ]
    if chosen == "extended":
        share = segment_sum(pulses.weight * auxiliary, pulse_offsets) / pulses.positive
        count = pulses.lengths.double()
        columns += [*pulses.extremes(), count, pulses.skewness(), share]
    return torch.where((pulses.lengths > 0)[:, None], torch.stack(columns, -1), 0.0)


@dataclass(frozen=True, slots=True)
class _Pulses:
    """Pulses of DOMs, times from the first pulse of each DOM where a difference is what counts.

    Charges are summed in float64, which holds sums of float32 charges exactly, so that a quantile never depends on
    how many other DOMs were summed before.
    """

    time: Tensor
    weight: Tensor
    offsets: Tensor
    lengths: Tensor
    dom: Tensor
    arrived: Tensor

    @classmethod
    def of(cls, time: Tensor, weight: Tensor, offsets: Tensor) -> "_Pulses":
        dom = segment_of(offsets, time.shape[0])
        running = torch.nn.functional.pad(weight.cumsum(0), (1, 0))
        arrived = running[1:] - running[offsets[:-1]][dom]
        return cls(time, weight, offsets, offsets.diff(), dom, arrived)

    def _at(self, index: Tensor) -> Tensor:
        return self.time[index.clamp(0, self.time.shape[0] - 1)]

    @property
    def charge(self) -> Tensor:
        return segment_sum(self.weight, self.offsets)

    @property
    def positive(self) -> Tensor:
        """The charge as a denominator."""
        return self.charge.clamp(min=1e-30)

    @property
    def first(self) -> Tensor:
        return self._at(self.offsets[:-1])

    @property
    def last(self) -> Tensor:
        return self._at(self.offsets[1:] - 1)

    @property
    def late(self) -> Tensor:
        """Time since the DOM's first pulse."""
        return self.time - self.first[self.dom]

    def within(self, windows_ns: Sequence[int]) -> list[Tensor]:
        """Charge in so many ns from the first pulse on, the end included."""
        late = self.late
        return [segment_sum(self.weight * (late <= window), self.offsets) for window in windows_ns]

    def quantiles(self, percents: Sequence[int]) -> list[Tensor]:
        """The time of the first pulse with which at least so much of the charge has arrived."""
        total = self.arrived[(self.offsets[1:] - 1).clamp(min=0)]
        # In this order equal charges are cut exactly; and a share such as 0.2 would be written to ONNX in float32.
        return [self._quantile(total * percent / 100) for percent in percents]

    def _quantile(self, wanted: Tensor) -> Tensor:
        return self._at(self._after(self.arrived < wanted[self.dom]))

    def _after(self, earlier: Bool[Tensor, "pulse"]) -> Int[Tensor, "dom"]:
        """The first pulse of each DOM that is not among the earlier ones, which are the first of the DOM."""
        count = torch.nn.functional.pad(earlier.long().cumsum(0), (1, 0))
        return self.offsets[:-1] + count[self.offsets].diff()

    @property
    def mean(self) -> Tensor:
        """The charge-weighted mean time."""
        return self.first + segment_sum(self.weight * self.late, self.offsets) / self.positive

    def moment(self, power: int) -> Tensor:
        """A charge-weighted central moment of the times."""
        apart = self.time - self.mean[self.dom]
        return segment_sum(self.weight * apart**power, self.offsets) / self.positive

    def spread(self) -> Tensor:
        """The standard deviation of the times; zero, with no gradient, where all pulses come at once."""
        variance = self.moment(2)
        return torch.where(variance > 0, torch.where(variance > 0, variance, 1.0).sqrt(), 0.0)

    def skewness(self) -> Tensor:
        """The third moment over the cube of the standard deviation; zero where all pulses come at once."""
        variance = self.moment(2)
        spread = variance > 1e-12
        safe = torch.where(spread, variance, 1.0)
        # Not to the power of 1.5, whose last bit depends on the position of a value in the processor's vector register.
        return torch.where(spread, self.moment(3) / (safe * safe.sqrt()), 0.0)

    def extremes(self) -> list[Tensor]:
        """Charge of the first pulse, charge of the largest, and its time (the earliest of equals)."""
        largest = segment_extreme(self.weight, self.offsets, "max").clamp(min=0.0)
        seen = (self.weight == largest[self.dom]).long().cumsum(0)
        before = torch.nn.functional.pad(seen, (1, 0))[self.offsets[:-1]]
        at_largest = self._at(self._after(seen == before[self.dom]))
        return [self.weight[self.offsets[:-1].clamp(max=self.weight.shape[0] - 1)], largest, at_largest]

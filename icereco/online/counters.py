"""What a service counts, in the text format of Prometheus (https://prometheus.io/docs/instrumenting/exposition_formats)."""

from bisect import bisect_left
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

__all__ = ["TEXT", "Counters"]

TEXT = "text/plain; version=0.0.4; charset=utf-8"

_BUCKETS_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)


@dataclass(slots=True)
class Counters:
    """Since the service began; the histogram is of requests that were answered with reconstructions.

    Attributes:
        events: reconstructed.
        pulses: of these events.
        requests: by the status of the answer.
    """

    events: int = 0
    pulses: int = 0
    requests: Counter[int] = field(default_factory=Counter)
    _seconds: float = 0.0
    _in_bucket: list[int] = field(default_factory=lambda: [0] * (len(_BUCKETS_SECONDS) + 1))

    def answered(self, events: int, pulses: int, seconds: float) -> None:
        """Count a request that was answered with reconstructions, `seconds` after it came."""
        self.events += events
        self.pulses += pulses
        self._seconds += seconds
        self._in_bucket[bisect_left(_BUCKETS_SECONDS, seconds)] += 1

    def text(self, batches: int, gauges: Mapping[str, tuple[str, float]]) -> str:
        """Everything as text.

        Args:
            batches: how many calls of the method there were.
            gauges: present values by name, each with what it means.
        """
        lines = _metric("requests_total", "counter", "Requests to reconstruct, by the status of the answer.")
        lines += [
            f'icereco_requests_total{{status="{status}"}} {count}'
            for status, count in sorted(self.requests.items())
        ]
        totals = {
            "events_total": ("Events reconstructed.", self.events),
            "pulses_total": ("Pulses of these events.", self.pulses),
            "batches_total": ("Calls of the method, each with the events of one or more requests.", batches),
        }
        for name, (meaning, value) in totals.items():
            lines += [*_metric(name, "counter", meaning), f"icereco_{name} {value}"]
        for name, (meaning, gauge) in gauges.items():
            lines += [*_metric(name, "gauge", meaning), f"icereco_{name} {gauge:g}"]
        return "\n".join([*lines, *self._histogram()]) + "\n"

    def _histogram(self) -> list[str]:
        name = "request_seconds"
        lines = _metric(name, "histogram", "From the head of a request to its reconstructions.")
        total = 0
        for bound, count in zip((*_BUCKETS_SECONDS, "+Inf"), self._in_bucket, strict=True):
            total += count
            lines.append(f'icereco_{name}_bucket{{le="{bound}"}} {total}')
        return [*lines, f"icereco_{name}_sum {self._seconds:.6f}", f"icereco_{name}_count {total}"]


def _metric(name: str, kind: str, meaning: str) -> list[str]:
    return [f"# HELP icereco_{name} {meaning}", f"# TYPE icereco_{name} {kind}"]

"""The way from starting points to maxima of the likelihood: on a processor by machine code, elsewhere by tensors."""

from jaxtyping import Int
from torch import Tensor

from icereco.physics.likelihood.likelihood import Likelihood
from icereco.physics.likelihood.marquardt import Maximum, climb_by_tensors
from icereco.physics.likelihood.observation import Observation
from icereco.physics.likelihood.sources import Hypothesis, Sources

__all__ = ["climb"]


def climb(
    likelihood: Likelihood,
    hypothesis: Hypothesis,
    start: Sources,
    seen: Observation,
    event: Int[Tensor, "job"],
    jitter_ns: float,
    steps: int,
) -> Maximum:
    """Climb from starting points to maxima of the likelihood.

    Args:
        likelihood: of one detector.
        hypothesis: of all jobs; parameters that it does not have stay as they are.
        start: of each job.
        seen: observations of events.
        event: index of each job's event among them.
        jitter_ns: see `Likelihood`.
        steps: how many at most.
    """
    if start.time_ns.is_cpu:
        # Numba is imported only where it is used.
        from icereco.physics.likelihood.compiled import maxima

        return maxima.climb(likelihood, hypothesis, start, seen, event, jitter_ns, steps)
    return climb_by_tensors(likelihood, hypothesis, start, seen, event, jitter_ns, steps)

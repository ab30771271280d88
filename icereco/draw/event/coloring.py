"""What the colours of the hits say: when they were, how late, or how much of the expected light they are."""

from jaxtyping import Float
from numpy import ndarray

from icereco.draw.event.expected import light_shade
from icereco.draw.event.residuals import residual_shade, residuals_of
from icereco.draw.event.state import EventState

__all__ = ["colored_by", "dom_shade"]


def colored_by(state: EventState) -> str:
    """One of `icereco.draw.event.state.COLORINGS`: what is wanted, or time where that is not known of this event."""
    wanted, expected = state.style.color_by, state.expected
    if wanted == "residual" and residuals_of(state) is not None:
        return wanted
    known = state.style.expected and expected is not None and expected.problem is None
    return wanted if wanted == "light" and known else "time"


def dom_shade(state: EventState) -> Float[ndarray, "dom"] | None:
    """Places of the hit DOMs in the colour map; None where they are those of their times."""
    if state.shown is None:
        return None
    hits, wanted = state.shown.hits, colored_by(state)
    if wanted == "light" and state.expected is not None:
        return light_shade(hits.until(None).charge_pe, state.expected.of(hits))
    residuals = residuals_of(state)
    if wanted == "time" or residuals is None:
        return None
    return residual_shade(residuals.time_ns[hits.first])

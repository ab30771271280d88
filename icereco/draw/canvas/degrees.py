"""Round angles to draw lines at, and their names."""

import numpy as np

__all__ = ["degrees", "multiples", "round_step_deg"]

_STEPS_DEG = (30, 20, 15, 10, 5, 2, 1)


def round_step_deg(wanted_deg: float) -> float:
    """The greatest round step up to one that is wanted.

    >>> [round_step_deg(wanted) for wanted in (70.0, 7.0, 0.3)]
    [30.0, 5.0, 0.2]
    """
    scale = 1.0
    while wanted_deg < 1:
        wanted_deg, scale = wanted_deg * 10, scale / 10
    return scale * next(step for step in _STEPS_DEG if step <= wanted_deg)


def multiples(low: float, high: float, step: float) -> list[float]:
    """The multiples of a step from `low` to `high`."""
    return [step * number for number in range(int(np.ceil(low / step)), int(np.floor(high / step)) + 1)]


def degrees(value: float, step: float) -> str:
    """Write an angle with as many decimals as multiples of a step need.

    >>> degrees(-7.0, 0.5), degrees(30.0, 10.0)
    ('−7.0°', '30°')
    """
    decimals = max(0, int(np.ceil(-np.log10(step) - 1e-9)))
    return f"{value:.{decimals}f}°".replace("-", "−")

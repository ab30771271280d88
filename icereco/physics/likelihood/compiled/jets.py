"""Jets: numbers with their derivatives by the three variables that the light of a source at a module depends on."""

from icereco.system.machine_code import compiled

__all__ = [
    "Jet",
    "added",
    "chained",
    "chained_of_three",
    "chained_of_two",
    "divided",
    "multiplied",
    "scaled",
    "shifted",
]

Jet = tuple[float, float, float, float]
"""A value, and its three derivatives."""


@compiled
def chained(x: Jet, value: float, slope: float) -> Jet:
    """A function of a jet, given its value and its derivative."""
    return value, slope * x[1], slope * x[2], slope * x[3]


@compiled
def chained_of_two(x: Jet, y: Jet, value: float, by_x: float, by_y: float) -> Jet:
    """A function of two jets, given its value and its derivatives."""
    return value, by_x * x[1] + by_y * y[1], by_x * x[2] + by_y * y[2], by_x * x[3] + by_y * y[3]


@compiled
def chained_of_three(x: Jet, y: Jet, z: Jet, value: float, by_x: float, by_y: float, by_z: float) -> Jet:
    """A function of three jets, given its value and its derivatives."""
    return (
        value,
        by_x * x[1] + by_y * y[1] + by_z * z[1],
        by_x * x[2] + by_y * y[2] + by_z * z[2],
        by_x * x[3] + by_y * y[3] + by_z * z[3],
    )


@compiled
def scaled(x: Jet, factor: float) -> Jet:
    """A jet times a number."""
    return x[0] * factor, x[1] * factor, x[2] * factor, x[3] * factor


@compiled
def shifted(x: Jet, number: float) -> Jet:
    """A jet plus a number."""
    return x[0] + number, x[1], x[2], x[3]


@compiled
def added(x: Jet, y: Jet) -> Jet:
    """The sum of two jets."""
    return x[0] + y[0], x[1] + y[1], x[2] + y[2], x[3] + y[3]


@compiled
def multiplied(x: Jet, y: Jet) -> Jet:
    """The product of two jets."""
    return chained_of_two(x, y, x[0] * y[0], y[0], x[0])


@compiled
def divided(x: Jet, y: Jet) -> Jet:
    """The quotient of two jets."""
    inverse = 1.0 / y[0]
    value = x[0] * inverse
    return chained_of_two(x, y, value, inverse, -value * inverse)

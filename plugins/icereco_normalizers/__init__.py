"""Raw units to features of order one."""

from collections.abc import Iterable

from icereco.plugins.component import Component
from icereco.plugins.hookspecs import hookimpl

__all__ = ["icereco_normalizers"]


@hookimpl
def icereco_normalizers() -> Iterable[Component]:
    """Declare the normalizers of this package."""
    return [
        Component(
            "fixed",
            "icereco_normalizers.fixed:FixedNormalizer",
            "icereco_normalizers.options:FixedOptions",
            "the constants of the Kaggle models: time from 10 µs in units of 30 µs, sensor number as a feature",
        ),
        Component(
            "relative-time",
            "icereco_normalizers.relative:RelativeTimeNormalizer",
            "icereco_normalizers.options:RelativeTimeOptions",
            "time from the charge-weighted median of the event, far-away noise compressed",
        ),
        Component(
            "detector-scaled",
            "icereco_normalizers.detector_scaled:DetectorScaledNormalizer",
            "icereco_normalizers.options:DetectorScaledOptions",
            "lengths in radii of the detector card, times in those that light takes along one",
        ),
        Component(
            "fitted",
            "icereco_normalizers.fitted:FittedNormalizer",
            "icereco_normalizers.options:FittedOptions",
            "medians and robust spreads of the training events, kept in the checkpoint (as IceMix's RobustScaler)",
        ),
    ]

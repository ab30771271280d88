"""The detector of events whose data set declares none: that whose modules come with them, the default one, or that whose sensors the file names."""

from pathlib import Path

from icereco.data.catalog import DEFAULT_DETECTOR
from icereco.data.sources.source import Source, open_source
from icereco.detector.detector import Detector, load_detector, of_geometry
from icereco.detector.geometry_file import Geometry
from icereco.detector.sensor_finder import UNKNOWN, OtherDetectorError, SensorFinder
from icereco.errors import IcerecoError
from icereco.system.log import get_logger
from icereco.tables.validation import BadEventError

__all__ = ["are_of", "detector_of", "geometry_with"]

logger = get_logger(__name__)


def geometry_with(path: Path) -> Geometry | None:
    """The modules that come with files of events, or in a file that belongs to such, as IceTray's GCD files; None if there are none.

    Raises:
        IcerecoError: no reader recognises the file, or it is damaged.
    """
    return open_source(path).geometry()


def detector_of(source: Source) -> Detector:
    """The detector; if it is not the default one, that is reported.

    Detectors that share modules may have the same numbers of modules at other places, so each that fits is tried.

    Raises:
        IcerecoError: the events are of another detector, and no card fits.
    """
    default = load_detector(DEFAULT_DETECTOR)
    geometry = source.geometry()
    if geometry is not None and _beyond(geometry, default):
        detector = of_geometry(geometry)
        logger.info(
            "%s: is of the detector %s, with the %d modules of %s; another: --detector NAME",
            *(source.path, detector.name, len(detector.om), geometry.path),
        )
        return detector
    try:
        source.require_first(default, quiet=True)
    except OtherDetectorError as error:
        for name in error.fitting:
            if are_of(source, load_detector(name)):
                logger.info(
                    "%s: is of the detector %s, by its sensors; another: --detector NAME", source.path, name
                )
                return load_detector(name)
        raise
    except IcerecoError:
        pass  # whatever else is wrong is reported where the events are read
    return default


def _beyond(geometry: Geometry, detector: Detector) -> bool:
    """Whether there are modules that the detector lacks."""
    return bool((SensorFinder(detector)(geometry.modules.position_m) == UNKNOWN).any())


def are_of(source: Source, detector: Detector) -> bool:
    """Return whether the first events can be of this detector: it has their sensors."""
    try:
        source.require_first(detector, quiet=True)
    except BadEventError:
        return True  # its sensors are; what is wrong with the event is reported where it is read
    except IcerecoError:
        return False
    return True

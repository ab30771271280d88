"""The detector of events whose data set declares none: the default one, or that whose sensors the file names."""

from icereco.data.catalog import DEFAULT_DETECTOR
from icereco.data.sources.source import Source
from icereco.detector.detector import load_detector
from icereco.detector.sensor_finder import OtherDetectorError
from icereco.errors import IcerecoError
from icereco.system.log import get_logger
from icereco.tables.validation import BadEventError

__all__ = ["detector_of"]

logger = get_logger(__name__)


def detector_of(source: Source) -> str:
    """The name of the card; if it is not the default one, that is reported.

    Detectors that share modules may have the same numbers of modules at other places, so each that fits is tried.

    Raises:
        IcerecoError: the events are of another detector, and no card fits.
    """
    try:
        source.require_first(load_detector(DEFAULT_DETECTOR), quiet=True)
    except OtherDetectorError as error:
        for name in error.fitting:
            if _reads(source, name):
                logger.info(
                    "%s: is of the detector %s, by its sensors; another: --detector NAME", source.path, name
                )
                return name
        raise
    except IcerecoError:
        pass  # whatever else is wrong is reported where the events are read
    return DEFAULT_DETECTOR


def _reads(source: Source, name: str) -> bool:
    try:
        source.require_first(load_detector(name), quiet=True)
    except BadEventError:
        return True  # its sensors are; what is wrong with the event is reported where it is read
    except IcerecoError:
        return False
    return True

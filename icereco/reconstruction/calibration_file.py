"""The calibration of a method without weights, in a file of its own: what it is of, what it was fitted to, and its numbers.

A trained model carries its calibration in its checkpoint; a method such as the likelihood fit has none.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from icereco.errors import IcerecoError
from icereco.events.batch import EventBatch
from icereco.events.recalibrations import Recalibrations
from icereco.events.reconstruction import Reconstruction
from icereco.reconstruction.methods import Method
from icereco.system.documents import parse_json
from icereco.system.files import file_hash, write_text

__all__ = ["CalibrationFile"]

_VERSION = 1


@dataclass(frozen=True, slots=True, eq=False)
class CalibrationFile:
    """A calibration that was read from a file, or is to be written.

    Attributes:
        method: name of the method.
        options: of the method, as it was calibrated.
        detector: name of the detector of the events.
        fitted: to them.
        facts: which events those were.
    """

    method: str
    options: Mapping[str, Any]
    detector: str
    fitted: Recalibrations
    facts: Mapping[str, Any]

    @classmethod
    def of(cls, method: Method, fitted: Recalibrations, facts: Mapping[str, Any]) -> "CalibrationFile":
        """Describe the calibration of a method."""
        return cls(
            method.name, method.provenance.get("method_options", {}), method.detector.name, fitted, facts
        )

    @classmethod
    def read(cls, path: Path) -> "CalibrationFile":
        """Read what `write` wrote.

        Raises:
            IcerecoError: there is no such file, or it holds something else.
        """
        if not path.is_file():
            raise IcerecoError(
                f"there is no file {path}; to make one: icereco calibrate --method METHOD --data NAME|FILE -o {path}"
            )
        try:
            document = parse_json(path.read_bytes())
            if not isinstance(document, dict) or document.get("icereco_calibration") != _VERSION:
                raise ValueError(f"it has no icereco_calibration {_VERSION}")
            fitted = Recalibrations.from_json(document["fitted"])
            names = [str(document[name]) for name in ("method", "detector")]
            return cls(names[0], dict(document["options"]), names[1], fitted, dict(document["facts"]))
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise IcerecoError(
                f"{path} is no calibration of a method ({error}); icereco calibrate --method METHOD --data NAME|FILE -o OUT.json writes one"
            ) from None

    def write(self, path: Path) -> None:
        """Write JSON."""
        document = {
            "icereco_calibration": _VERSION,
            "method": self.method,
            "options": dict(self.options),
            "detector": self.detector,
            "facts": dict(self.facts),
            "fitted": self.fitted.to_json(),
        }
        write_text(path, json.dumps(document, indent=2) + "\n")

    def applied(self, method: Method, path: Path) -> Method:
        """Return a method with its uncertainties calibrated by this file alone.

        Args:
            method: that it is of; another calibration of it is taken back.
            path: of this file, for messages and provenance.

        Raises:
            IcerecoError: it is of another method, or of other options of it.
        """
        if method.name != self.method:
            raise IcerecoError(
                f"{path} is the calibration of {self.method}, and cannot calibrate {method.name}"
            )
        if other := self.other_options(method):
            raise IcerecoError(
                f"{path} was made with other options of {self.method}: {', '.join(other)}; calibrate again with these: icereco calibrate "
                "--method METHOD:OPTION=VALUE --data NAME|FILE -o OUT.json"
            )
        method = method.uncalibrated or method
        seeded = method.with_seeds
        return replace(
            method,
            reconstruct=self._after(method.reconstruct),
            with_seeds=None if seeded is None else self._after(seeded),
            provenance=method.provenance | {"calibration": self._provenance(path)},
            again=None if method.again is None else partial(_again, method.again, path),
            uncalibrated=method,
        )

    def other_options(self, method: Method) -> list[str]:
        """Return the names of options that are others than those that were calibrated; where it computes does not matter."""
        options = method.provenance.get("method_options", {})
        names = {*options, *self.options} - {"device"}
        return sorted(name for name in names if options.get(name) != self.options.get(name))

    def _after(self, reconstruct: Any) -> Any:
        def calibrated(batch: EventBatch, *seeds: Sequence[Reconstruction]) -> Reconstruction:
            return self.fitted(reconstruct(batch, *seeds), batch.pulse_count)

        return calibrated

    def _provenance(self, path: Path) -> dict[str, Any]:
        return {
            "file": str(path.resolve()),
            "sha256": file_hash(path),
            "detector": self.detector,
            **self.facts,
        }


def _again(method: Any, path: Path) -> Method:
    """The calibrated method, in another process."""
    return CalibrationFile.read(path).applied(method(), path)

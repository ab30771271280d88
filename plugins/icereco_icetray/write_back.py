"""A copy of .i3 files with a reconstruction in each sub-event: the frames are copied byte for byte, and slots are added."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from icereco.errors import IcerecoError
from icereco.system.files import explaining, replacing
from icereco_icetray.compression import open_to_write
from icereco_icetray.encoding import double_blob, particle_blob, with_slots
from icereco_icetray.events import SubEvents
from icereco_icetray.frames import Frame, read_frames
from icereco_icetray.identity import event_id
from icereco_icetray.mixing import Mixer
from icereco_icetray.results import figures, fit_status, number, particle_key

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["AnnotatedCopy", "annotated_copy"]

_MINOR = 1


@contextmanager
def annotated_copy(
    files: Sequence[Path], pulses: str | None, output: Path, method: str
) -> Iterator["AnnotatedCopy"]:
    """Open a copy of some files, one after the other in one, that appears when the block ends.

    Args:
        files: what is copied.
        pulses: key of the pulses, as the reader has it: it decides which frames are events.
        output: the file to write, compressed as its suffix says.
        method: what made the reconstructions; `icereco_METHOD` becomes the key of the particle.

    Raises:
        IcerecoError: a file is damaged or has such a key already, or the copy cannot be written.
    """
    with replacing(output) as temporary, explaining(output), open_to_write(temporary, output) as opened:
        copy = AnnotatedCopy(files, pulses, opened, method)
        yield copy
        copy.finish()


class AnnotatedCopy:
    """Copies frames up to the sub-event of each row that is written."""

    def __init__(self, files: Sequence[Path], pulses: str | None, output: Any, method: str) -> None:
        self._frames = _frames(files, pulses)
        self._output = output
        self._key = particle_key(method)

    def write(self, rows: "pa.RecordBatch") -> None:
        """Add reconstructions, rows of `icereco.tables.reconstruction_columns.reconstruction_rows`, in the order of the files."""
        for row in rows.to_pylist():
            frame, file = self._copy_until(row["event_id"])
            slots = _slots(row, self._key, frame.number)
            if taken := sorted(slots.keys() & frame.slots.keys()):
                raise IcerecoError(
                    f"{file}: frame {frame.number} has the key {taken[0]} already, and what is there is kept: "
                    "write from the file without it"
                )
            self._output.write(with_slots(frame, slots))

    def finish(self) -> None:
        """Copy what follows the last row."""
        for frame, _event, _file in self._frames:
            self._output.write(frame.raw)

    def _copy_until(self, wanted: int) -> tuple[Frame, Path]:
        """Copy the frames before that of an event, and return the frame."""
        for frame, event, file in self._frames:
            if event == wanted:
                return frame, file
            self._output.write(frame.raw)
        raise AssertionError(f"event {wanted} was read from these files")


def _frames(files: Sequence[Path], pulses: str | None) -> Iterator[tuple[Frame, int | None, Path]]:
    """Every frame of every file, and the id of its event if it is one."""
    for file in files:
        found = SubEvents(file, pulses)
        for mixed in Mixer().mix(read_frames(file)):
            header = found.header(mixed)
            yield mixed.own, None if header is None else event_id(header, file, mixed.own.number), file


def _slots(row: Mapping[str, Any], key: str, frame_number: int) -> dict[str, tuple[str, bytes]]:
    """The particle and further figures, of which those are left out that the method does not give."""
    vertex = tuple(number(row.get(f"vertex_{axis}")) for axis in "xyz")
    particle = particle_blob(
        (frame_number + _MINOR, row["event_id"]),
        fit_status(row),
        number(row["zenith"]),
        number(row["azimuth"]),
        number(row.get("energy")),
        (vertex[0], vertex[1], vertex[2]),
    )
    slots = {key: ("I3Particle", particle)}
    for name, value in figures(row).items():
        slots[f"{key}_{name}"] = ("I3PODHolder<double>", double_blob(value))
    return slots

"""Do files differ from the checksums that they contain?"""

from icereco.doctor.files import FileWork
from icereco.doctor.finding import Finding, good
from icereco.doctor.sample import Sample, some_parts
from icereco.errors import IcerecoError
from icereco.protocols import Checksummed
from icereco.system.work.processes import LocalProcesses

__all__ = ["check_checksums"]

_SHOWN = 5


def check_checksums(sample: Sample, work: FileWork | None = None) -> list[Finding]:
    """Compare with the checksums that reading skips, in the files that the sample is of; nothing for other formats."""
    reader = sample.source.reader
    if not isinstance(reader, Checksummed):
        return []
    parts = some_parts(sample.source)
    try:
        damaged = (work or FileWork(LocalProcesses(1))).damaged_places(parts)
    except IcerecoError:
        return []  # a file that is cut is a finding of reading it
    if not damaged:
        return [good("checksums", "every checksum is right", f"{len(parts)} files read whole")]
    shown = "; ".join(damaged[:_SHOWN])
    return [
        Finding(
            "checksums",
            "error",
            f"{len(damaged)} pieces of the files differ from their checksums",
            shown,
            "a disk or a copy that changed bytes",
            "copy the files again",
        )
    ]

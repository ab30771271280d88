"""Blocks of a simulation that is not finished, kept beside its folder: after an interruption, what is made is not made again."""

from pathlib import Path

import pyarrow as pa

from icereco.system.work.kept import Kept

__all__ = ["KeptBlocks"]

_OPTIONS = pa.ipc.IpcWriteOptions(compression="zstd")


class KeptBlocks(Kept[pa.RecordBatch]):
    """The first blocks of a seed, as far as they were kept, and those that are made now."""

    def __init__(self, output: Path, fingerprint: str) -> None:
        """Find what is kept of a simulation with this fingerprint."""
        super().__init__(output.resolve(), fingerprint, ".blocks", _stored, _block_in)

    def first(self) -> list[str]:
        """The keys of those that were kept: all before the first one that was not."""
        keys = list[str]()
        while str(len(keys)) in self:
            keys.append(str(len(keys)))
        return keys


def _stored(block: pa.RecordBatch) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, block.schema, options=_OPTIONS) as stream:
        stream.write_batch(block)
    made: bytes = sink.getvalue().to_pybytes()
    return made


def _block_in(stream: bytes) -> pa.RecordBatch:
    return next(iter(pa.ipc.open_stream(stream)))

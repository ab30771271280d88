"""Pieces of a reconstruction that is not finished, kept beside its output: after an interruption, what is done is not done again.

A piece is found by the events that it is of, bit for bit, and is taken only if the method, its code and the columns are the same. So
nothing of other events, or of another model, gets into an output, whatever is in the folder. Work of a few seconds leaves nothing.
"""

import hashlib
import json
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pyarrow as pa

from icereco.plugins.code import code_of_all_components
from icereco.reconstruction.batch_work import PackedBatch, Piece
from icereco.reconstruction.methods import Method
from icereco.reconstruction.stored_piece import piece_in, stored
from icereco.runs.provenance import provenance
from icereco.system.work.kept import Kept

__all__ = ["KeptPieces", "kept_pieces"]

_OF_THIS_RUN = ("machine", "command", "created")
"""What the provenance says besides what decides about the results."""


class KeptPieces(Kept[Piece]):
    """The pieces that were kept, and those that are made now. Made by `kept_pieces`."""

    def __init__(self, output: Path, method: Method) -> None:
        super().__init__(output, _plan(method), ".pieces", stored, piece_in)

    def key(self, batch: PackedBatch, declared: pa.Schema) -> str:
        """What a piece is found by.

        Args:
            batch: its events.
            declared: the carried columns of the table, which it has, too.
        """
        digest = hashlib.sha256(declared.serialize())
        digest.update(b"truth" if batch.with_truth else b"")
        digest.update(batch.stream)
        return digest.hexdigest()


def kept_pieces(output: Path, method: Method) -> AbstractContextManager[KeptPieces]:
    """The pieces that are kept beside an output; what is done in the block is kept, too, whatever ends it.

    Args:
        output: the file that is to be written.
        method: what reconstructs the events.
    """
    return KeptPieces(output, method).saving()


def _plan(method: Method) -> str:
    """Identifies everything but the events that decides about the results."""
    detector = {"name": method.detector.name, "fingerprint": method.detector.fingerprint}
    facts: dict[str, Any] = provenance(method=method.name, **method.provenance, detector=detector)
    said = {name: value for name, value in facts.items() if name not in _OF_THIS_RUN}
    text = json.dumps([said, code_of_all_components()], sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()

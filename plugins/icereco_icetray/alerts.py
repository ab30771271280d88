"""IceCube's real-time events: frames as text in JSON, or in a pickle of the same dictionary.

`value.data`, or `frames` in it, lists the letter of the stream and the base64 of a compressed pickle of each frame. A pickle
can run anything when it is opened as usual. Here it is opened with nothing in reach but a class that holds the bytes of a
frame and a function that makes bytes of text.
"""

import base64
import io
import json
import pickle
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from icereco.errors import IcerecoError

__all__ = ["SUFFIXES", "alert_chunks", "is_alert"]

SUFFIXES = (".json", ".pkl", ".pickle")
_MARKS = (b"PFOnlineWriter", b"zmqnotify")
_LOOKED_AT = 1 << 20
_LARGEST = 1 << 30


def is_alert(path: Path) -> bool:
    """Whether a file has the name and the first words of an alert; never raises."""
    if not path.name.endswith(SUFFIXES):
        return False
    try:
        with path.open("rb") as opened:
            first = opened.read(_LOOKED_AT)
    except OSError:
        return False
    return any(mark in first for mark in _MARKS)


def alert_chunks(path: Path) -> Iterator[bytes]:
    """Yield the frames of an alert, each as it would be in an .i3 file.

    Raises:
        IcerecoError: it is damaged, has no frames, or a pickle in it asks for anything but a frame.
    """
    try:
        document = (
            json.loads(path.read_bytes()) if path.suffix == ".json" else _unpickled(path.read_bytes(), {})
        )
    except Exception as error:  # a damaged pickle fails in many ways
        raise IcerecoError(f"{path}: is no alert that can be read: {_reason(error)}") from None
    for number, content in enumerate(_contents(document, path)):
        try:
            unpacked = zlib.decompressobj().decompress(base64.b64decode(content), _LARGEST)
            frame = _unpickled(unpacked, _ALLOWED)
        except Exception as error:
            raise IcerecoError(
                f"{path}: frame {number} of the alert cannot be read: {_reason(error)}"
            ) from None
        if not isinstance(frame, _Frame) or not frame.content:
            raise IcerecoError(f"{path}: frame {number} of the alert holds no frame")
        yield frame.content


def _contents(document: Any, path: Path) -> list[str]:
    data = document.get("value") if isinstance(document, dict) else None
    data = data.get("data") if isinstance(data, dict) else None
    frames = data.get("frames") if isinstance(data, dict) else data
    if not isinstance(frames, list) or not all(_is_frame(frame) for frame in frames):
        raise IcerecoError(f"{path}: has no list of frames in value.data, so it is no alert of IceCube")
    return [frame[1] for frame in frames]


def _is_frame(frame: Any) -> bool:
    return isinstance(frame, (list, tuple)) and len(frame) == 2 and isinstance(frame[1], (str, bytes))


def _reason(error: Exception) -> str:
    return next(iter(str(error).splitlines()), "") or type(error).__name__


class _Frame:
    """Stands for IceTray's frame in a pickle; its state holds the bytes of the frame."""

    content = b""

    def __setstate__(self, state: Any) -> None:
        parts = state if isinstance(state, tuple) else (state,)
        self.content = next((_latin(part) for part in parts if isinstance(part, (bytes, str))), b"")


def _latin(text: Any, encoding: str = "latin1") -> bytes:
    if encoding not in ("latin1", "latin-1"):
        raise pickle.UnpicklingError(f"it asks for the encoding {encoding!r}")
    return text if isinstance(text, bytes) else str(text).encode("latin-1")


_ALLOWED = {
    ("icecube._icetray", "I3Frame"): _Frame,
    ("icecube.icetray", "I3Frame"): _Frame,
    ("_codecs", "encode"): _latin,
}


class _Restricted(pickle.Unpickler):
    def __init__(self, content: bytes, allowed: dict[tuple[str, str], Any]) -> None:
        super().__init__(io.BytesIO(content), encoding="latin1")
        self._allowed = allowed

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in self._allowed:
            raise pickle.UnpicklingError(f"it asks for {module}.{name}, which is not allowed")
        return self._allowed[module, name]


def _unpickled(content: bytes, allowed: dict[tuple[str, str], Any]) -> Any:
    return _Restricted(content, allowed).load()

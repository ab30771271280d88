"""Real-time alerts: the frames in them, and nothing that a pickle may want to run."""

import base64
import json
import os
import pickle
import zlib

import pytest
from i3_files import event_frames, frame

from icereco.data.sources.source import open_source
from icereco.detector.detector import load_detector
from icereco.errors import IcerecoError


class Runs:
    """A pickle that would run a command."""

    def __init__(self, marker):
        self.marker = marker

    def __reduce__(self):
        return os.system, (f"touch {self.marker}",)


def global_call(module: str, name: str, state: bytes) -> bytes:
    """A pickle of protocol 2 as IceTray makes them: an object of a class without arguments, and its state."""
    text = (
        b"X" + len(state.decode("latin-1").encode()).to_bytes(4, "little") + state.decode("latin-1").encode()
    )
    encode = b"c_codecs\nencode\n" + text + b"X\x06\x00\x00\x00latin1\x86R"
    return b"\x80\x02c" + module.encode() + b"\n" + name.encode() + b"\n)R}" + encode + b"\x86b."


def packed(content: bytes) -> str:
    return base64.b64encode(zlib.compress(content)).decode()


def alert(frames: list[bytes], module: str = "icecube._icetray") -> dict:
    listed = [[chr(raw[10]), packed(global_call(module, "I3Frame", raw))] for raw in frames]
    return {"service": "PFOnlineWriter", "value": {"data": {"frames": listed}}}


def rows(path):
    batches = open_source(path).checked(load_detector("icecube86"))
    return [row for batch in batches for row in batch.to_pylist()]


@pytest.mark.parametrize("module", ["icecube._icetray", "icecube.icetray"])
def test_frames_in_json_and_in_a_pickle_are_those_of_a_file(tmp_path, three_pulses, module):
    document = alert([frame("G"), *event_frames(three_pulses)], module)
    (tmp_path / "a.json").write_text(json.dumps(document))
    (tmp_path / "a.pkl").write_bytes(pickle.dumps(document, protocol=3))
    document["value"]["data"] = document["value"]["data"]["frames"]
    (tmp_path / "older.json").write_text(json.dumps(document))
    for name in ("a.json", "a.pkl", "older.json"):
        (row,) = rows(tmp_path / name)
        assert row["charge"] == [1.0, 0.5, 2.0, 0.25]


def test_nothing_in_a_pickle_is_run(tmp_path):
    marker = tmp_path / "ran"
    document = {"service": "PFOnlineWriter", "value": Runs(marker)}
    (tmp_path / "a.pkl").write_bytes(pickle.dumps(document))
    inner = {"service": "PFOnlineWriter", "value": {"data": [["Q", packed(pickle.dumps(Runs(marker)))]]}}
    (tmp_path / "a.json").write_text(json.dumps(inner))
    for name in ("a.pkl", "a.json"):
        with pytest.raises(IcerecoError, match="which is not allowed"):
            rows(tmp_path / name)
    assert not marker.exists()


@pytest.mark.parametrize(
    ("document", "words"),
    [
        ({"value": {}}, "no list of frames"),
        ({"value": {"data": ["frames"]}}, "no list of frames"),
        ({"value": {"data": [["Q", "no base64!"]]}}, "frame 0 of the alert cannot be read"),
        ({"value": {"data": [["Q", packed(b"no pickle")]]}}, "frame 0 of the alert cannot be read"),
        ({"value": {"data": [["Q", packed(pickle.dumps(3))]]}}, "frame 0 of the alert holds no frame"),
        ({"value": {"data": [["Q", packed(pickle.dumps({}))]]}}, "frame 0 of the alert holds no frame"),
        ({"value": {"data": []}}, "holds no events"),
    ],
)
def test_alerts_without_frames_are_refused(tmp_path, document, words):
    (tmp_path / "a.json").write_text(json.dumps({"service": "PFOnlineWriter", **document}))
    with pytest.raises(IcerecoError) as caught:
        rows(tmp_path / "a.json")
    assert words in str(caught.value)
    assert "a.json" in str(caught.value)


def test_other_json_and_pickles_are_not_ours(tmp_path):
    (tmp_path / "a.json").write_text('{"value": 1}')
    (tmp_path / "a.pkl").write_bytes(pickle.dumps([1, 2]))
    for name, what in {"a.json": "a JSON file", "a.pkl": "a Python pickle"}.items():
        with pytest.raises(IcerecoError, match=what):
            open_source(tmp_path / name)

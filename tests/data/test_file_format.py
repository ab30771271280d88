"""A file of another format is named, with the next step."""

import bz2
import gzip
import io
import json
import lzma
import pickle
import shlex
import tarfile
import zipfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from icereco.data.sources.source import open_source
from icereco.errors import IcerecoError


def parquet() -> bytes:
    file = io.BytesIO()
    pq.write_table(pa.table({"a": [1]}), file)
    return file.getvalue()


def arrays() -> bytes:
    file = io.BytesIO()
    np.savez(file, time=np.zeros(3), charge=np.ones(3))
    return file.getvalue()


def array() -> bytes:
    file = io.BytesIO()
    np.save(file, np.zeros(3))
    return file.getvalue()


def zipped() -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("batch_1.parquet", parquet())
    return file.getvalue()


def tarred() -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as archive:
        entry = tarfile.TarInfo("batch_1.parquet")
        entry.size = len(parquet())
        archive.addfile(entry, io.BytesIO(parquet()))
    return file.getvalue()


POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 171966000\n"


def streamed() -> bytes:
    table, sink = pa.table({"event_id": [1]}), io.BytesIO()
    with pa.ipc.new_stream(sink, table.schema) as stream:
        stream.write_table(table)
    return sink.getvalue()


CASES = {
    "Level2.hdf5": (b"\x89HDF\r\n\x1a\n" + bytes(64), "an HDF5 file; tables of pulses in it are read by --reader table"),
    "batch_1.csv": (b"event_id,time\n1,2.5\n", r"a table of text \(CSV\) with the columns event_id, time; say which is which: --reader table"),
    "tabs.txt": (b"event_id\ttime\n1\t2.5\n", r"a table of text .*; rename it to tabs.tsv and say which is which"),
    "spaces.txt": (b"event_id time\n1 2.5\n", "a table of text with the columns event_id, time, separated by spaces; write it with commas as spaces.csv and say which"),
    "no_header.csv": (b"1,2.5\n1,3.5\n", "a table of text without names of its columns; write them into its first line"),
    "wide.csv": ("event_id,time\n1,2.5\n".encode("utf-16"), "text in UTF-16; save it in UTF-8"),
    "old.feather": (b"FEA1" + bytes(60), "a Feather file of version 1; write it again"),
    "stream.arrow": (streamed(), "a stream of Arrow IPC, not a file"),
    "batch_1.npz": (arrays(), r"NumPy arrays \(npz\): time, charge; write its columns"),
    "events.npy": (array(), r"a NumPy array \(npy\)"),
    "events.pkl": (pickle.dumps({"a": 1}), "a Python pickle, which can run code"),
    "events.bin": (pickle.dumps({"a": 1}), "a Python pickle, which can run code"),
    "alert.json": (json.dumps({"event_id": 1}).encode(), "a JSON file"),
    "batch_1.parquet.zip": (zipped(), "a zip archive with batch_1.parquet; unpack it with: unzip batch_1.parquet.zip"),
    "cut.zip": (zipped()[:80], "a zip archive that is truncated or damaged"),
    "data.tar": (tarred(), "a tar archive; unpack it with: tar xf data.tar"),
    "data.tar.gz": (gzip.compress(tarred()), "a tar archive, compressed with gzip; unpack it with: tar xf data.tar.gz"),
    "events.parquet.gz": (gzip.compress(parquet()), "a parquet file compressed with gzip; .* gunzip -k events.parquet.gz"),
    "events.parquet.bz2": (bz2.compress(parquet()), "a parquet file compressed with bzip2"),
    "events.parquet.xz": (lzma.compress(parquet()), "a parquet file compressed with xz"),
    "cut.gz": (gzip.compress(parquet())[:12], "a file compressed with gzip"),
    "events.parquet.zst": (pa.compress(parquet(), "zstd", asbytes=True), "a parquet file compressed with zstd"),
    "data.mdb": (bytes(16) + b"\xde\xc0\xef\xbe" + bytes(44), "an LMDB database"),
    "pointer.parquet": (POINTER, "a Git LFS pointer, which stands for the file of 171,966,000 bytes; .* git lfs pull"),
    "login.parquet": (b"<!DOCTYPE html>\n<html></html>", "an HTML page"),
    "empty.parquet": (b"", "the file is empty"),
    "bytes.parquet": (bytes(range(128, 228)), "neither a parquet nor an Arrow file"),
}  # fmt: skip


def complaint(path: Path) -> str:
    with pytest.raises(IcerecoError) as caught:
        open_source(path)
    return str(caught.value)


@pytest.mark.parametrize("name", CASES)
def test_the_format_is_named_with_the_next_step(tmp_path, name):
    content, message = CASES[name]
    (tmp_path / name).write_bytes(content)
    with pytest.raises(IcerecoError, match=f"{name}: {message}"):
        open_source(tmp_path / name)


@pytest.mark.parametrize("name", ["data.mdb", "pointer.parquet", "batch_1.csv"])
def test_a_folder_of_such_files_is_named_by_one_of_them(tmp_path, name):
    (tmp_path / name).write_bytes(CASES[name][0])
    assert f"no reader recognises this folder; {name} is" in complaint(tmp_path)


def test_the_advice_on_tables_of_text_works(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("batch.csv").write_text(
        "event_id,sensor_id,time,charge,auxiliary\n7,3,10.5,1.0,false\n7,4,12.5,0.5,true\n"
    )
    advice = complaint(Path("batch.csv")).splitlines()[-1]
    assert open_source("batch.csv", shlex.split(advice)[1]).count() == 1

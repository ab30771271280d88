"""Exported models as files, written whole or not at all, and read again."""

import io
import json
import logging
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

import torch

from icereco.errors import IcerecoError, did_you_mean
from icereco.export.contract import KEY, description
from icereco.export.decoded import COLUMNS
from icereco.export.onnx_operations import translations
from icereco.export.program import Arguments, exported_program
from icereco.model.checkpoint import Checkpoint, save_checkpoint
from icereco.system.files import replacing

__all__ = ["SUFFIXES", "Computation", "opened", "require_writable", "write"]

SUFFIXES = (".pt2", ".onnx", ".safetensors")
_OPSET = 18
_MODULES = ("onnx", "onnxscript", "onnxruntime")

Computation = Callable[[Arguments], dict[str, torch.Tensor]]
"""A model in a file: inputs → columns by name."""


def require_writable(path: Path, *, force: bool) -> None:
    """Refuse a file that cannot be written here, before anything is computed.

    Raises:
        IcerecoError: an unknown suffix, a folder, a file that exists without `force`, or packages for ONNX that are not there.
    """
    suffix = path.suffix.lower()
    if suffix not in SUFFIXES:
        raise IcerecoError(
            f"{path}: a model is not exported as {path.suffix or 'a file without suffix'!r}"
            f"{did_you_mean(suffix, SUFFIXES)} (allowed: {', '.join(SUFFIXES)})"
        )
    if path.is_dir():
        raise IcerecoError(f"{path} is a folder; give the name of a file with -o")
    if path.exists() and not force:
        raise IcerecoError(f"{path} already exists; choose another name with -o, or replace it with --force")
    missing = [name for name in _MODULES if find_spec(name) is None]
    if suffix == ".onnx" and missing:
        raise IcerecoError(f"ONNX needs {' and '.join(missing)}: pip install 'icereco[export]'")


def write(path: Path, checkpoint: Checkpoint) -> None:
    """Write a model in the format of the suffix.

    Raises:
        IcerecoError: the model cannot be exported, or the file not be written.
    """
    if path.suffix.lower() == ".safetensors":
        save_checkpoint(
            path, checkpoint.model, checkpoint.profile, checkpoint.detector, checkpoint.provenance
        )
        return
    content = _onnx(checkpoint) if path.suffix.lower() == ".onnx" else _pt2(checkpoint)
    with replacing(path) as temporary:
        temporary.write_bytes(content)


def _pt2(checkpoint: Checkpoint) -> bytes:
    program = exported_program(checkpoint)
    buffer = io.BytesIO()
    text = json.dumps(description(checkpoint, _outputs(program)), indent=2)
    torch.export.save(program, buffer, extra_files={KEY: text})
    return buffer.getvalue()


def _onnx(checkpoint: Checkpoint) -> bytes:
    program = exported_program(checkpoint)
    names = _outputs(program)
    try:
        with _quiet():
            converted = torch.onnx.export(
                program,
                dynamo=True,
                opset_version=_OPSET,
                output_names=names,
                custom_translation_table=translations(),
                verbose=False,
            )
    except torch.onnx.OnnxExporterError as error:
        causes = [line for line in str(error).splitlines() if line.startswith("<class")]
        raise IcerecoError(
            f"ONNX lacks an operation of this model ({'; '.join(causes) or type(error).__name__}); "
            "export it as .pt2"
        ) from error
    assert converted is not None  # as a program was given
    converted.model.metadata_props[KEY] = json.dumps(description(checkpoint, names))
    content: bytes = converted.model_proto.SerializeToString()
    return content


def _outputs(program: torch.export.ExportedProgram) -> list[str]:
    """The names of the columns, in their order."""
    spec = program.call_spec.out_spec
    assert spec is not None  # columns by name
    names = list(spec.context)
    assert names == [name for name in COLUMNS if name in names]
    return names


@contextmanager
def _quiet() -> Iterator[None]:
    """Torch's converter warns about its own use of itself, and about packages that nothing here needs."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)


def opened(path: Path) -> Computation:
    """Open a file that `write` wrote, to compute with."""
    if path.suffix.lower() == ".onnx":
        return _of_onnx(path)
    module = torch.export.load(path).module()

    def compute(arguments: Arguments) -> dict[str, torch.Tensor]:
        with torch.no_grad():
            columns: dict[str, torch.Tensor] = module(*arguments)
            return columns

    return compute


def _of_onnx(path: Path) -> Computation:
    from onnxruntime import InferenceSession, SessionOptions
    from onnxruntime.capi.onnxruntime_pybind11_state import NotImplemented as NotThere

    options = SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    try:
        session = InferenceSession(path, options)
    except NotThere as error:
        raise IcerecoError(
            f"{path} is written, but this onnxruntime cannot compute it ({error}); use another, or export the model as .pt2"
        ) from error
    inputs, outputs = ([one.name for one in some] for some in (session.get_inputs(), session.get_outputs()))

    def compute(arguments: Arguments) -> dict[str, torch.Tensor]:
        given = {name: tensor.numpy() for name, tensor in zip(inputs, arguments, strict=True)}
        return dict(zip(outputs, map(torch.from_numpy, session.run(None, given)), strict=True))

    return compute

"""Checkpoints: weights, normalizer constants, recalibrations, detector card and profile in one safetensors file.

Nothing in them unpickles.
"""

import errno
import hashlib
import json
import os
import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy import ndarray
from safetensors import SafetensorError, safe_open
from safetensors.torch import load, save_file
from torch import Tensor
from torch.overrides import TorchFunctionMode

from icereco import __version__
from icereco.detector.detector import Detector, Medium
from icereco.errors import IcerecoError, only_imported, only_pretrained
from icereco.events.recalibration import Recalibration
from icereco.events.target_recalibration import TARGET_RECALIBRATIONS, TargetRecalibration
from icereco.model.model import Model, build_model, import_components
from icereco.profiles import Profile, parse_profile
from icereco.protocols import SelfSupervised
from icereco.system.documents import parse_json, parse_toml
from icereco.system.files import file_hash, replacing

__all__ = [
    "Checkpoint",
    "detector_in",
    "file_hash",
    "load_checkpoint",
    "read_tensors",
    "save_checkpoint",
    "write_tensors",
]

Shapes = dict[str, tuple[int, ...]]
"""Of tensors, by name."""

FORMAT = "icereco-checkpoint-1"
_CHECKSUM = "sha256"
_HASH = re.compile("[0-9a-f]{64}")
_RECALIBRATION = "recalibration/"
_TARGET_RECALIBRATION = "target_recalibration/"
_HEADER_AT = 8
"""Bytes of the length of the header, with which a safetensors file begins."""
_SENSOR_COLUMNS = ("string", "om", "position_m", "quantum_efficiency", "alive", "noise_rate_hz", "dom_id")
_MEDIUM_COLUMNS = ("z_m", "scattering_length_m", "absorption_length_m")


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A model ready to reconstruct, and its provenance.

    Attributes:
        provenance: JSON-able facts: profile, icereco version, data fingerprint, step, ….
        sha256: of the file, hex.
    """

    model: Model
    profile: Profile
    detector: Detector
    provenance: dict[str, Any]
    sha256: str
    path: Path

    def require_trained(self) -> None:
        """Refuse a model that estimates nothing yet.

        Raises:
            IcerecoError: it was pre-trained alone, or imported; with the command that goes on from it.
        """
        if "imported" in self.provenance:
            raise only_imported(self.path)
        if isinstance(self.model.loss, SelfSupervised):
            raise only_pretrained(self.path)


def save_checkpoint(
    path: Path, model: Model, profile: Profile, detector: Detector, provenance: dict[str, Any]
) -> None:
    """Write atomically; `path` holds either its old content or the complete new one."""
    tensors = {f"model/{name}": value for name, value in model.state_dict().items()}
    tensors |= _detector_tensors(detector) | _recalibration_tensors(model.recalibration)
    tensors |= _target_recalibration_tensors(model.target_recalibration)
    metadata = {
        "profile_name": profile.name,
        "profile": profile.resolved_toml(),
        "detector": json.dumps(_detector_facts(detector)),
        "provenance": json.dumps(provenance | {"icereco": __version__}),
    }
    write_tensors(path, tensors, metadata)


def load_checkpoint(path: Path, device: torch.device | None = None) -> Checkpoint:
    """Rebuild the model from the file alone.

    Raises:
        IcerecoError: no such file, not a safetensors file, damaged, a pickle (never opened), or its weights
            do not fit the profile it holds.
    """
    tensors, metadata = read_tensors(path)
    detector, profile, provenance = _facts(tensors, metadata, path)
    weights = {k.removeprefix("model/"): v for k, v in tensors.items() if k.startswith("model/")}
    _require_same_shapes(_shapes_of_model(profile, detector), weights, path)
    model = build_model(profile, detector)
    _require_same_shapes(_shapes(model.state_dict()), weights, path)
    model.load_state_dict(weights)
    model.recalibration = _recalibration_from(tensors)
    model.target_recalibration = _target_recalibration_from(tensors)
    model = model.to(device) if device is not None else model
    return Checkpoint(model.eval(), profile, detector, provenance, file_hash(path), path)


def detector_in(path: Path) -> Detector:
    """Read the detector that a checkpoint holds, without its model.

    Raises:
        IcerecoError: as `load_checkpoint`.
    """
    return _facts(*read_tensors(path), path)[0]


def _facts(
    tensors: dict[str, Tensor], metadata: dict[str, str], path: Path
) -> tuple[Detector, Profile, dict[str, Any]]:
    if "profile" not in metadata:
        raise IcerecoError(f"{path} holds no model; give best.safetensors or last.safetensors of a run")
    try:
        detector = _detector_from(tensors, parse_json(metadata["detector"]))
        # The detector is in the file, so that its card need not be installed here.
        used = parse_toml(metadata["profile"]).get("detector", {}).get("use")
        profile = parse_profile(metadata["profile"], metadata["profile_name"], detector=used)
        return detector, profile, dict(parse_json(metadata["provenance"]))
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        raise IcerecoError(
            f"{path} is damaged: the description of its model cannot be read ({type(error).__name__}: {error}); "
            "copy it again, or train the model again"
        ) from error


def write_tensors(path: Path, tensors: dict[str, Tensor], metadata: dict[str, str]) -> None:
    """Write a safetensors file, whole or not at all; see `icereco.system.files.replacing`."""
    plain = {k: v.detach().cpu().contiguous() for k, v in tensors.items()}
    metadata = metadata | {"format": FORMAT}
    with replacing(path) as temporary:
        try:
            save_file(plain, temporary, metadata | {_CHECKSUM: _checksum(plain, metadata)})
        except SafetensorError as error:  # the library wraps the OSError of a full disk
            raise OSError(f"cannot write {path}: {error}") from error


def read_tensors(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Read tensors and metadata of a file that `write_tensors` wrote.

    Raises:
        IcerecoError: as `load_checkpoint`.
    """
    _refuse_pickle(path)
    try:
        tensors, metadata = _content(path)
    except (SafetensorError, UnicodeDecodeError) as error:
        raise IcerecoError(f"{path} is damaged or not a checkpoint: {error}") from error
    if metadata.get("format") != FORMAT:
        form = metadata.get("format", "no format at all")
        raise IcerecoError(f"{path} is not a checkpoint of this version: its format is {form}, not {FORMAT}")
    said = metadata.pop(_CHECKSUM, None)
    # Files of the first versions have none; but a flipped bit may be in its name.
    renamed = said is None and any(_HASH.fullmatch(value) for value in metadata.values())
    if renamed or (said is not None and said != _checksum(tensors, metadata)):
        raise IcerecoError(f"{path} is damaged: its content is not what was written; copy it again")
    return tensors, metadata


def _content(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    try:
        with safe_open(path, framework="pt") as file:
            # Not a dict.
            return {name: file.get_tensor(name) for name in file.keys()}, file.metadata() or {}  # noqa: SIM118
    except OSError as error:
        if os.strerror(errno.ENODEV) not in str(error):  # errors of safetensors may have no number
            raise
    content = path.read_bytes()  # the file system maps no files into memory
    header = content[_HEADER_AT : _HEADER_AT + int.from_bytes(content[:_HEADER_AT], "little")]
    return load(content), json.loads(header).get("__metadata__", {})


def _checksum(tensors: dict[str, Tensor], metadata: dict[str, str]) -> str:
    """Compute a checksum of the whole content, as safetensors itself does not detect a flipped bit in a weight."""
    digest = hashlib.sha256(json.dumps(metadata, sort_keys=True).encode())
    for name, tensor in sorted(tensors.items()):
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        digest.update(tensor.reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()


def _refuse_pickle(path: Path) -> None:
    try:
        with path.open("rb") as file:
            start = file.read(9)
    except FileNotFoundError:
        if path.parts[0] in ("http:", "https:"):
            raise IcerecoError(f"{path} is an address; download the file, and give its path") from None
        raise IcerecoError(f"there is no checkpoint {path}; list runs with: icereco runs") from None
    except IsADirectoryError:
        raise IcerecoError(f"{path} is a folder, not a checkpoint; give a run with --run") from None
    # A safetensors file begins with the length of its JSON header, whose lowest byte may equal the first byte of a pickle.
    if start[8:] != b"{" and (start[:2] == b"PK" or start[:1] == b"\x80"):
        raise IcerecoError(
            f"{path} holds a Python pickle, which can run code when it is opened, so icereco never opens one as a checkpoint; "
            "its checkpoints are .safetensors files, and weights of DynEdge or IceMix become one with: icereco models import"
        )


def _shapes(tensors: Mapping[str, Tensor]) -> Shapes:
    return {name: tuple(value.shape) for name, value in tensors.items()}


def _shapes_of_model(profile: Profile, detector: Detector) -> Shapes | None:
    """The shapes of the weights without memory for them: a damaged or planted profile may ask for any amount.

    None for a component that cannot be built without memory.
    """
    import_components(profile)
    with suppress(NotImplementedError, RuntimeError), torch.device("meta"), _NothingDrawn():
        return _shapes(build_model(profile, detector).state_dict())
    return None


class _NothingDrawn(TorchFunctionMode):
    """Random values of tensors without memory are not drawn: for that alone torch would import its compiler, half a second."""

    _DRAWING = frozenset({"normal_", "uniform_"})

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        named = kwargs or {}
        if func.__name__ in self._DRAWING:
            return args[0] if args else named["tensor"]
        return torch.empty(*args, **named) if func is torch.randn else func(*args, **named)


def _require_same_shapes(expected: Shapes | None, weights: dict[str, Tensor], path: Path) -> None:
    stored = _shapes(weights)
    if expected is None or expected == stored:
        return
    odd = [
        f"{name}: model {expected.get(name, 'lacks it')}, file {stored.get(name, 'lacks it')}"
        for name in sorted(expected.keys() | stored.keys())
        if expected.get(name) != stored.get(name)
    ]
    raise IcerecoError(
        f"{path} has the weights of another architecture; {len(odd)} of {len(expected)} differ, first {'; '.join(odd[:3])}"
    )


def _detector_tensors(detector: Detector) -> dict[str, Tensor]:
    columns = {name: getattr(detector, name) for name in _SENSOR_COLUMNS}
    columns |= {name: getattr(detector.medium, name) for name in _MEDIUM_COLUMNS}
    known = {name: value for name, value in columns.items() if value is not None}
    return {f"detector/{name}": torch.from_numpy(np.array(value)) for name, value in known.items()}


def _recalibration_tensors(recalibration: Recalibration | None) -> dict[str, Tensor]:
    if recalibration is None:
        return {}
    names = [field.name for field in fields(Recalibration)]
    return {f"{_RECALIBRATION}{name}": torch.from_numpy(getattr(recalibration, name)) for name in names}


def _recalibration_from(tensors: dict[str, Tensor]) -> Recalibration | None:
    stored = _under(_RECALIBRATION, tensors)
    return Recalibration(**stored) if stored else None


def _target_recalibration_tensors(recalibration: TargetRecalibration | None) -> dict[str, Tensor]:
    parts = {} if recalibration is None else recalibration.parts
    return {
        f"{_TARGET_RECALIBRATION}{target}/{field.name}": torch.from_numpy(getattr(part, field.name))
        for target, part in parts.items()
        for field in fields(part)
    }


def _target_recalibration_from(tensors: dict[str, Tensor]) -> TargetRecalibration | None:
    """None in files of versions that had none."""
    kinds = {target: _under(f"{_TARGET_RECALIBRATION}{target}/", tensors) for target in TARGET_RECALIBRATIONS}
    parts: dict[str, Any] = {
        target: TARGET_RECALIBRATIONS[target](**stored) for target, stored in kinds.items() if stored
    }
    return TargetRecalibration(**parts) if parts else None


def _under(prefix: str, tensors: dict[str, Tensor]) -> dict[str, ndarray]:
    """The tensors whose name begins with a prefix, by the rest of it."""
    return {
        name.removeprefix(prefix): value.numpy() for name, value in tensors.items() if name.startswith(prefix)
    }


def _detector_facts(detector: Detector) -> dict[str, Any]:
    return {
        "name": detector.name,
        "fingerprint": detector.fingerprint,
        "refractive_index_phase": detector.medium.refractive_index_phase,
        "refractive_index_group": detector.medium.refractive_index_group,
        "medium": detector.medium.kind,
        "file_origins_m": dict(detector.file_origins_m),
    }


def _detector_from(tensors: dict[str, Tensor], facts: dict[str, Any]) -> Detector:
    def columns(names: tuple[str, ...]) -> dict[str, Any]:
        stored = {name: tensors.get(f"detector/{name}") for name in names}
        return {name: None if value is None else value.numpy() for name, value in stored.items()}

    medium = Medium(
        facts["refractive_index_phase"],
        facts["refractive_index_group"],
        **columns(_MEDIUM_COLUMNS),
        kind=facts.get("medium", "ice"),
    )
    return Detector(
        facts["name"],
        **columns(_SENSOR_COLUMNS),
        medium=medium,
        fingerprint=facts["fingerprint"],
        file_origins_m={kind: tuple(place) for kind, place in facts.get("file_origins_m", {}).items()},
    )

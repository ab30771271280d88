"""Writes a detector as a card: a TOML file and the tables that it names."""

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

import numpy as np

from icereco.detector.cards import CARD
from icereco.detector.detector import Detector, Medium
from icereco.detector.site import SITE
from icereco.system.files import write_text

__all__ = ["write_card"]

_SENSORS, _LAYERS = "sensors.csv", "ice.csv"


def write_card(detector: Detector, name: str, texts: Mapping[str, str], folder: Path) -> None:
    """Write a card; places are rounded to mm. Dark noise is left out.

    Args:
        detector: what is written.
        name: of the card.
        texts: summary, origin and sources, by their entries in the card.
        folder: that the card is written to.

    Raises:
        IcerecoError: the folder cannot be written to.
    """
    write_text(folder / _SENSORS, _sensors(detector))
    if len(detector.medium.z_m) > 1:
        write_text(folder / _LAYERS, _layers(detector.medium))
    write_text(folder / CARD, _toml(detector, name, texts))
    if detector.site is not None:
        write_text(folder / SITE, _table("", {**asdict(detector.site), "source": texts["source.site"]}))


def _sensors(detector: Detector) -> str:
    columns = {
        "string": detector.string,
        "om": detector.om,
        **dict(zip(("x_m", "y_m", "z_m"), detector.position_m.T.round(3), strict=True)),
        "quantum_efficiency": detector.quantum_efficiency,
        "alive": detector.alive.astype(int),
    }
    if detector.dom_id is not None:
        columns["dom_id"] = detector.dom_id
    rows = zip(*(column.tolist() for column in columns.values()), strict=True)
    return ",".join(columns) + "\n" + "".join(",".join(map(_short, row)) + "\n" for row in rows)


def _layers(medium: Medium) -> str:
    rows = np.stack([medium.z_m, *medium.lengths_m()], axis=1).round(3)
    lines = "".join(",".join(map(_short, row)) + "\n" for row in rows.tolist())
    return "z_m,scattering_length_m,absorption_length_m\n" + lines


def _short(value: object) -> str:
    return f"{value:.3f}".rstrip("0").rstrip(".") if isinstance(value, float) else str(value)


def _toml(detector: Detector, name: str, texts: Mapping[str, str]) -> str:
    origins = {kind: [round(part, 3) for part in place] for kind, place in detector.file_origins_m.items()}
    tables: dict[str, Mapping[str, object]] = {
        "": {"name": name, "summary": texts["summary"], "sensors": _SENSORS, "origin": texts["origin"]},
        "file_origins_m": origins,
        "medium": _medium(detector.medium),
        "source": {
            entry.partition(".")[2]: text
            for entry, text in texts.items()
            if entry.startswith("source.") and entry != "source.site"
        },
    }
    return "\n".join(_table(table, entries) for table, entries in tables.items() if entries)


def _medium(medium: Medium) -> dict[str, object]:
    entries: dict[str, object] = {
        "kind": medium.kind,
        "refractive_index_phase": medium.refractive_index_phase,
        "refractive_index_group": medium.refractive_index_group,
    }
    if len(medium.z_m) > 1:
        return entries | {"layers": _LAYERS}
    lengths = {
        "scattering_length_m": medium.scattering_length_m,
        "absorption_length_m": medium.absorption_length_m,
    }
    return entries | {name: float(length[0]) for name, length in lengths.items() if length is not None}


def _table(name: str, entries: Mapping[str, object]) -> str:
    head = f"[{name}]\n" if name else ""
    return head + "".join(
        f"{key} = {json.dumps(value, ensure_ascii=False)}\n" for key, value in entries.items()
    )

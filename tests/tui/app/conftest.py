"""Every test of the app runs in its own folder."""

import datetime as dt
from hashlib import sha256
from pathlib import Path

import pytest

from icereco.trained.card import Figures, Limits, ModelCard
from icereco.trained.library import Library
from icereco.watch.system import SystemFeed, SystemView


@pytest.fixture(autouse=True)
def own_place(tmp_path, monkeypatch):
    """Isolate the app from the user's files and terminal, and fix the load of the machine."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("ICERECO_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("TEXTUAL_ANIMATIONS", "none")
    monkeypatch.setenv("COLORTERM", "truecolor")
    still = SystemView(0.25, 8, 4 * 10**9, 16 * 10**9, 0.0, 0.0, 50 * 10**9, 100 * 10**9)
    monkeypatch.setattr(SystemFeed, "look", lambda _self: still)


@pytest.fixture
def models(monkeypatch) -> Library:
    """Two artificial models that come with icereco, and an empty folder of the user's, instead of the real ones."""
    library = Library(Path("built-in"), Path("own"))
    monkeypatch.setattr(Library, "of_user", classmethod(lambda _cls: library))
    writer = Library(Path("none"), library.built_in)
    for name, events, factor in (("steady", 600_000, 1.0), ("swift", 1_200_000, 1.5)):
        weights = Path(f"{name}.safetensors")
        weights.write_bytes(name.encode())
        kinds = {"all": 8.0, "cascade": 20.0, "through_track": 2.0}
        figures = [
            Figures(
                data="5,000 simulated events",
                kind=kind,
                events=5_000,
                median_deg=error * factor,
                containment68_deg=2 * error * factor,
                inside_50=0.51 if kind == "all" else None,
                inside_90=0.9 if kind == "all" else None,
            )
            for kind, error in kinds.items()
        ]
        card = ModelCard(
            name=name,
            summary=f"A model that is {name}.",
            detector="icecube86",
            profile="quick",
            targets=("direction", "energy_gev"),
            events=events,
            data="events simulated by ice-telescope",
            seeds=(1,),
            date=dt.date(2026, 1, 2),
            icereco="0.2.0",
            machine="a processor",
            hours=2.5,
            licence="Apache-2.0",
            sha256=sha256(name.encode()).hexdigest(),
            limits=Limits(
                detectors=("icecube86",), energy_gev=(100.0, 1e6), not_trained_on=("muons of air showers",)
            ),
            figures=tuple(figures),
        )
        writer.add(card, weights)
        weights.unlink()
    return library


@pytest.fixture
def own_model(models) -> str:
    """A model of the user's, which is a copy of one that comes with icereco."""
    swift = models.find("swift")
    return models.add(swift.card.model_copy(update={"name": "tuned"}), swift.weights()).name

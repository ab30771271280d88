import datetime as dt
from dataclasses import replace

import pytest

from icereco.errors import IcerecoError
from icereco.model.checkpoint import load_checkpoint
from icereco.system.files import file_hash
from icereco.trained.card import Figures, card_text, parse_card, read_card
from icereco.trained.new_card import new_card

FIGURES = Figures(
    data="simulated", kind="all", events=7, median_deg=3.5, containment68_deg=9.0, inside_50=0.5
)


def test_a_card_says_what_the_checkpoint_knows(card, facts, small_checkpoint):
    assert card.detector == "icecube86"
    assert card.limits.detectors == ("icecube86",)
    assert card.targets == ("direction",)
    assert card.events == facts["train_events"]
    assert card.data == "events simulated by ice-telescope"
    assert card.date == dt.datetime.fromisoformat(facts["created"]).date()
    assert card.limits.energy_gev == pytest.approx(facts["energy_range_gev"], rel=1e-3)
    assert card.machine == "x86_64, 4 processors, cuda"
    assert card.sha256 == file_hash(small_checkpoint)


@pytest.mark.parametrize(
    ("facts", "events"),
    [
        ({"train_events": 100}, 100),
        ({"train_events": 100, "events": 300}, 100),  # three passes
        ({"train_events": 100, "events": 40}, 40),  # stopped
        ({"train_events": 30, "events": 30, "start": {"train_events": 100, "events": 40}}, 70),
        ({"train_events": 30, "events": 9, "start": {"train_events": 100, "events": None}}, 109),
    ],
)
def test_events_count_as_far_as_the_weights_have_seen_them(small_checkpoint, facts, events):
    recorded = facts | {"data_fingerprint": "a"}
    if "start" in facts:
        recorded["start"] = facts["start"] | {"from": "other", "data_fingerprint": "b"}
    checkpoint = replace(load_checkpoint(small_checkpoint), provenance=recorded)
    assert new_card("small", checkpoint, None).events == events


def test_a_card_is_read_as_it_was_written(card, tmp_path):
    limits = card.limits.model_copy(update={"not_trained_on": ("real events", 'light with "noise"')})
    full = card.model_copy(update={"limits": limits, "figures": (FIGURES, FIGURES), "licence": "Apache-2.0"})
    (tmp_path / "card.toml").write_text(card_text(full))
    assert read_card(tmp_path / "card.toml") == full
    assert parse_card(card_text(card)) == card


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('detector = "icecube86"\n', "", "detector is missing"),
        ("events = 20000", "events = 0", "events: Input should be greater than or equal to 1"),
        ("events = 20000", 'events = "many"', "events: Input should be a valid integer"),
        ('profile = "', 'profil = "', "profil is not known; did you mean 'profile'?"),
        ('["direction"]', '["directon"]', "must be one of direction, energy_gev"),
        ('sha256 = "', 'sha256 = "x', "sha256: must be 64 hexadecimal digits"),
        ('name = "small"', 'name = "a/b"', "'a/b' is not a valid name"),
        ('date = "2026', 'date = "26', "date: "),
        ("[100.0, ", "[1e9, ", "limits: energy_gev must be the lowest and the highest energy"),
        ('detectors = ["icecube86"]', 'detectors = ["gvd"]', "must name the detector of the model, 'icecube86'"),
        ("median_deg = 3.5", "median_deg = nan", "figures[1].median_deg: "),
        ("median_deg = 3.5", "median_dog = 3.5", "did you mean 'median_deg'?"),
        ("inside_50 = 0.5", "inside_50 = 50", "figures[1].inside_50: "),
        ("[limits]", "[limits", "line"),
    ],
)  # fmt: skip
def test_every_entry_is_checked_and_named(card, tmp_path, old, new, words):
    text = card_text(card.model_copy(update={"figures": (FIGURES,)}))
    assert old in text
    path = tmp_path / "card.toml"
    path.write_text(text.replace(old, new))
    with pytest.raises(IcerecoError) as raised:
        read_card(path)
    assert words in str(raised.value)
    assert str(raised.value).startswith(f"{path}: ")

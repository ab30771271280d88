"""The page of components lists what is registered, as it is registered."""

import os
import re
from pathlib import Path

import pytest

from icereco.plugins.component import ROLES
from icereco.plugins.discovery import registry
from icereco.profiles import load_profile, profile_names

PAGE = Path(__file__).resolve().parents[1] / "docs" / "components.md"
OURS = "icereco"


def table(kind):
    """The table of one kind, in the order of the registry."""
    declared = [one for one in registry().of_kind(kind) if one.plugin.distribution == OURS]
    rows = [f"| `{one.component.name}` | {one.component.summary} |" for one in declared]
    return "\n".join([f"<!-- table: {kind} -->", "", f"| {kind} | what it is |", "|---|---|", *rows, ""])


@pytest.mark.parametrize("kind", [*ROLES, "reconstructor"])
def test_every_part_of_a_model_and_every_method_is_listed_as_it_is_declared(kind):
    # ICERECO_WRITE_DOCS=1 pytest tests/test_components_page.py writes the tables again.
    text = PAGE.read_text(encoding="utf-8")
    pattern = re.compile(rf"<!-- table: {kind} -->\n(\n\|[^\n]*(\n\|[^\n]*)*\n)?")
    if os.environ.get("ICERECO_WRITE_DOCS"):
        PAGE.write_text(pattern.sub(lambda _: table(kind), text), encoding="utf-8")
    assert table(kind) in PAGE.read_text(encoding="utf-8")


def test_the_profiles_of_the_page_exist():
    part = PAGE.read_text(encoding="utf-8").split("## Profiles that put them together")[1]
    named = re.findall(r"`([a-z-]+)`", part.split("Where each")[0])
    assert set(named) <= set(profile_names())


def test_the_settings_of_the_page_are_sound():
    text = PAGE.read_text(encoding="utf-8")
    commands = re.findall(r"\$ icereco train --profile (\S+)((?: -o \S+)+)", text)
    assert len(commands) == 3
    for name, overrides in commands:
        load_profile(name, overrides.split(" -o ")[1:])
    names = ("pulse_columns", "fits", "event_columns", "dom_features")
    settings = [f"normalizer.{name}={re.search(rf'`{name} = (.*?)`', text)[1]}" for name in names]
    options = load_profile("hierarchical", settings).role("normalizer").options
    assert options.pulse_columns == {"tot": 30.0, "pmt_x": 1.0}
    assert options.fits == ["likelihood"]
    assert options.event_columns == {"fit_likelihood_kappa": 10.0}
    assert len(options.dom_features) == 3


def test_the_weighted_sum_of_the_page_is_sound(tmp_path):
    example = re.search(r"```toml\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)[1]
    (tmp_path / "mine.toml").write_text(f'extends = "hierarchical"\n{example}')
    assert load_profile(tmp_path / "mine.toml").role("loss").options.weights == [1.0, 0.5]

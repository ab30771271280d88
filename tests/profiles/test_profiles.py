"""Profiles: inheritance, overrides, problems with file and line, and the resolved form."""

import math
import shutil
import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict, Field, model_validator

from icereco.errors import IcerecoError
from icereco.plugins.component import Component
from icereco.plugins.registry import Declaration, Plugin, Registry
from icereco.profiles import ProfileError, load_profile, parse_profile, profile_comment, profile_names
from icereco.profiles.toml_format import format_table, format_value
from icereco.system.resources import data_dir

PLUGIN = Plugin("fake", "icereco-fake", "1.0")


class FlatOptions(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    width: int = Field(32, ge=1)
    layers: int = Field(2, ge=1)
    note: str = "plain"
    scales: list[float] = [1.0, 2.0]
    ceiling: float | None = None

    @model_validator(mode="after")
    def _layers_fit(self):
        if self.layers > self.width:
            raise ValueError(f"{self.layers} layers do not fit into width {self.width}")
        return self


class DeepOptions(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    depth: int


class NoOptions(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class FakeComponent(Component):
    """Its options are named by the class itself: this file is no importable module."""

    def load_options(self):
        return {"flat": FlatOptions, "deep": DeepOptions}.get(self.name, NoOptions)


def declare(kind, name):
    return Declaration(kind, FakeComponent(name, "nowhere:Factory", "nowhere:Options", ""), PLUGIN)


COMPONENTS = Registry(
    (PLUGIN,),
    (
        declare("normalizer", "none"),
        declare("aggregator", "flat"),
        declare("aggregator", "deep"),
        declare("encoder", "flat"),
        declare("loss", "none"),
        declare("simulator", "flat"),
    ),
)

PARENT = """\
schema = 1
summary = "the parent"
requires = ["icereco>=0.1"]

[detector]
use = "icecube86"

[normalizer]
use = "none"

[aggregator]
use = "flat"
width = 64
layers = 3

[encoder]
use = "flat"

[loss]
use = "none"

[train]
epochs = 7
"""


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "parent.toml").write_text(PARENT)
    return tmp_path


def load(folder, text, *overrides, name="child.toml"):
    path = folder / name
    path.write_text(text)
    return load_profile(path, overrides, COMPONENTS)


def problems(folder, text, *overrides, name="child.toml"):
    with pytest.raises(ProfileError) as caught:
        load(folder, text, *overrides, name=name)
    return [str(problem).replace(f"{folder}/", "") for problem in caught.value.problems]


def test_tables_merge_key_by_key(folder):
    profile = load(folder, 'extends = "parent"\n[aggregator]\nlayers = 9\n')
    assert profile.role("aggregator").options == FlatOptions(width=64, layers=9)
    assert profile.role("aggregator").component.name == "flat"
    assert profile.train.epochs == 7
    assert profile.detector == "icecube86"
    assert profile.name == "child"


def test_another_component_inherits_none_of_the_old_ones_options(folder):
    profile = load(folder, 'extends = "parent"\n[aggregator]\nuse = "deep"\ndepth = 5\n')
    assert profile.role("aggregator").options == DeepOptions(depth=5)


def test_naming_the_same_component_again_keeps_the_parents_options(folder):
    profile = load(folder, 'extends = "parent"\n[aggregator]\nuse = "flat"\n')
    assert profile.role("aggregator").options.width == 64


def test_grandparents_are_followed(folder):
    (folder / "middle.toml").write_text('extends = "parent"\n[aggregator]\nlayers = 4\n[train]\nepochs = 8\n')
    profile = load(folder, 'extends = "middle"\n[train]\nepochs = 9\n')
    assert (profile.role("aggregator").options.layers, profile.train.epochs) == (4, 9)


def test_overrides_win_last(folder):
    profile = load(
        folder,
        'extends = "parent"\n[train]\nepochs = 9\n',
        "train.epochs=11",
        "encoder.note=a plain text",
        "encoder.scales=[1, 2.5]",
        'simulation.use="flat"',
        "train.epochs=12",
    )
    assert profile.train.epochs == 12
    assert profile.role("encoder").options.note == "a plain text"
    assert profile.role("encoder").options.scales == [1.0, 2.5]
    assert profile.simulation.component.name == "flat"


def test_an_override_of_the_component_drops_its_options_too(folder):
    profile = load(folder, 'extends = "parent"\n', "aggregator.depth=2", "aggregator.use=deep")
    assert profile.role("aggregator").options == DeepOptions(depth=2)


def test_summary_belongs_to_one_file(folder):
    assert load(folder, PARENT).summary == "the parent"
    assert load(folder, 'extends = "parent"\n').summary == ""


BAD = """\
schema = 1
sumary = "x"
requires = ["icereco-graph>=0.3", "click>=99"]
extends = "parent"

[agregator]
width = 3

[encoder]
widht = 3
layers = "six"   # a comment

[detector]
use = "icecube68"

[train]
learning_rate = -1
scales = [
  1,
]
epochs = 0

[loss]
use = "nonne"
"""


def test_all_problems_are_reported_at_once_with_their_lines(folder):
    problem_list = problems(folder, BAD, "train.epoch=3", "nonsense")
    expected = [
        "child.toml:2: no setting is called 'sumary'; did you mean 'summary'?",
        "child.toml:3: this profile needs icereco-graph>=0.3, which is not installed; try: pip install",
        "child.toml:3: this profile needs click>=99, and ",
        "child.toml:6: no role is called [agregator]; did you mean [aggregator]?",
        "child.toml:10: encoder.widht is not an option of the encoder 'flat'; did you mean 'width'?",
        "child.toml:11: encoder.layers = 'six': input should be a valid integer",
        "child.toml:14: [detector] no detector is called 'icecube68'; did you mean 'icecube86'?",
        "child.toml:17: train.learning_rate = -1: input should be greater than 0",
        "child.toml:18: train.scales is not an option of [train]",
        "child.toml:21: train.epochs = 0: input should be greater than or equal to 1",
        "child.toml:24: [loss] no loss is called 'nonne'; did you mean 'none'?",
        "-o nonsense: write it as -o role.key=value",
        "-o train.epoch=3: train.epoch is not an option of [train]; did you mean 'epochs'?",
    ]
    assert len(problem_list) == len(expected)
    for problem, beginning in zip(problem_list, expected, strict=True):
        assert problem.startswith(beginning)


def test_a_problem_of_the_parent_is_reported_with_its_line(folder):
    (folder / "parent.toml").write_text(PARENT.replace("width = 64", "width = 0"))
    assert problems(folder, 'extends = "parent"\n')[0].startswith("parent.toml:13: aggregator.width = 0")


def test_a_validation_error_across_options_is_reported(folder):
    text = PARENT.replace("width = 64", "width = 2")
    assert problems(folder, text) == ["child.toml:12: [aggregator] 3 layers do not fit into width 2"]


def test_a_missing_option_and_missing_tables_are_reported(folder):
    text = '[aggregator]\nuse = "deep"\n[encoder]\nwidth = 3\n'
    problem_list = problems(folder, text)
    assert [one.split(": ", 1)[0] for one in problem_list] == ["child.toml:1"] * 3 + [
        "child.toml:2",
        "child.toml:3",
    ]
    assert "aggregator.depth is missing: the aggregator 'deep' needs it" in problem_list[3]
    assert "[encoder] does not say which encoder to use; installed: flat" in problem_list[4]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("schema = 2", "needs a newer icereco"),
        ("schema = 0", "the first schema is 1"),
        ('schema = "1"', "it must be a whole number"),
        ("train = 3", "train must be a table, [train]"),
        ("summary = 3", "it must be a text"),
        ("requires = ['=1']", "write a package and versions"),
        ("extends = 3", "it must be a text"),
    ],
)
def test_wrong_values_at_the_top_are_reported(folder, line, message):
    key = line.split(" ")[0]
    rest = [one for one in PARENT.splitlines() if not one.startswith(f"{key} =")]
    text = "\n".join([line, *rest])
    if key == "train":
        text = text.replace("[train]", "[other]")
    assert any(one.startswith("child.toml:1: ") and message in one for one in problems(folder, text))


def test_dotted_keys_have_lines_too(folder):
    text = 'extends = "parent"\nencoder.use = "flat"\nencoder.layers = 0\n'
    assert problems(folder, text)[0].startswith("child.toml:3: encoder.layers = 0")


def test_invalid_toml_is_reported_with_its_line(folder):
    assert problems(folder, "summary = 'x'\nepochs 3\n")[0].startswith("child.toml:2: not TOML: expected '='")
    assert problems(folder, 'summary = "x')[0].startswith("child.toml:1: not TOML: ")


def test_a_broken_parent_is_reported_with_its_line_and_no_further_problems(folder):
    (folder / "parent.toml").write_text("schema = 1\nwhat\n")
    problem_list = problems(folder, 'extends = "parent"\n[train]\nepochs = 0\n')
    assert [one.split(": ", 1)[0] for one in problem_list] == ["child.toml:3", "parent.toml:2"]


def test_an_unknown_parent_names_the_nearest(folder):
    (problem,) = problems(folder, '\nextends = "parrent"\n')
    assert problem.startswith("child.toml:2: no profile is called 'parrent'; did you mean 'parent'?")


def test_a_circle_is_reported(folder):
    (folder / "a.toml").write_text('extends = "b"\n')
    (folder / "b.toml").write_text('extends = "c"\n')
    (problem,) = problems(folder, 'extends = "a"\n', name="c.toml")
    assert problem == "b.toml:1: c extends a extends b extends c: a circle"


def test_a_copy_of_a_shipped_profile_may_extend_its_original(tmp_path):
    path = tmp_path / "quick.toml"
    path.write_text('extends = "quick"\n[train]\nepochs = 3\n')
    assert load_profile(path).train.epochs == 3


def test_an_unknown_name_lists_what_ships():
    with pytest.raises(
        IcerecoError, match=r"did you mean 'hierarchical'\?\n  shipped: base, complete, deepsets, "
    ):
        load_profile("hierarchicl")


def test_a_missing_file_is_reported(tmp_path):
    with pytest.raises(IcerecoError, match="no such profile"):
        load_profile(tmp_path / "missing.toml")


def test_a_file_that_is_not_text_is_reported(tmp_path):
    (tmp_path / "binary.toml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(IcerecoError, match="not UTF-8"):
        load_profile(tmp_path / "binary.toml")


def test_the_resolved_profile_names_the_origin_of_each_value(folder):
    child = 'extends = "parent"\n[aggregator]\nlayers = 9\n'
    text = load(folder, child, "train.epochs=3").resolved_toml().replace(f"{folder}/", "")
    lines = {" ".join(line.split()) for line in text.splitlines()}
    assert {
        "width = 64 # parent.toml:13",
        "layers = 9 # child.toml:3",
        'note = "plain" # default',
        "epochs = 3 # -o train.epochs=3",
        "# ceiling is not set # default",
        'requires = ["icereco>=0.1"] # parent.toml:3',
    } <= lines


def test_the_resolved_profile_alone_gives_the_same_profile(folder):
    overrides = ["simulation.use=flat", "encoder.ceiling=1e300", 'encoder.note="a # \\" \\\\ \\n é\\u007f"']
    profile = load(folder, 'extends = "parent"\nsummary = "a \'quoted\' one"\n', *overrides)
    again = parse_profile(profile.resolved_toml(), "resolved", components=COMPONENTS)
    assert again == profile
    assert tomllib.loads(again.resolved_toml()) == tomllib.loads(profile.resolved_toml())


@pytest.mark.parametrize("name", profile_names())
def test_every_shipped_profile_is_sound_and_resolves_to_itself(name):
    profile = load_profile(name)
    assert profile.summary
    assert profile.name == name
    assert parse_profile(profile.resolved_toml(), "resolved") == profile


def test_the_original_baseline_is_kept():
    profile = load_profile("hierarchical-1m")
    aggregator, encoder = profile.role("aggregator").options, profile.role("encoder").options
    assert (aggregator.width, aggregator.layers, encoder.layers) == (128, 4, 4)
    assert (aggregator.dropout, encoder.dropout) == (0.1, 0.1)
    assert profile.role("loss").component.name == "angular"
    assert profile.role("normalizer").component.name == "fixed"
    train = profile.train
    assert (train.events, train.epochs, train.learning_rate) == (900_000, 20, 3e-4)
    assert train.events_per_batch == 256


VALUES = st.recursive(
    st.text() | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False) | st.booleans(),
    lambda values: st.lists(values, max_size=4),
    max_leaves=8,
)


@given(st.dictionaries(st.text(min_size=1, max_size=8), VALUES, max_size=5))
def test_written_toml_reads_back_as_it_was(values):
    text = format_table("table", [(key, value, "a comment") for key, value in values.items()])
    assert tomllib.loads(text)["table"] == values


def test_nan_and_numbers_keep_their_kind():
    read = tomllib.loads(f"a = {format_value(math.nan)}\nb = {format_value(1.0)}\nc = {format_value(1)}")
    assert math.isnan(read["a"])
    assert isinstance(read["b"], float)
    assert isinstance(read["c"], int)


def test_a_value_that_toml_lacks_is_refused():
    with pytest.raises(TypeError, match="TOML has no object"):
        format_value(object())


def test_a_detector_may_be_a_card_in_a_folder_of_ones_own(tmp_path):
    shutil.copytree(data_dir("geometry") / "gvd", tmp_path / "lake")
    assert load_profile("quick", [f"detector.use={tmp_path / 'lake'}"]).detector == str(tmp_path / "lake")
    with pytest.raises(ProfileError, match="no detector is called"):
        load_profile("quick", [f"detector.use={tmp_path}"])


def test_show_begins_with_what_the_profile_corresponds_to(tmp_path):
    from click.testing import CliRunner

    from icereco.cli import main

    (tmp_path / "mine.toml").write_text(
        '# Mine: as theirs,\n# but deeper.\n\n# Not of this.\nextends = "quick"\n'
    )
    result = CliRunner().invoke(main, ["profiles", "show", str(tmp_path / "mine.toml")])
    assert result.output.startswith("# Mine: as theirs,\n# but deeper.\nschema = 1")
    assert parse_profile(result.output, "mine") == load_profile(tmp_path / "mine.toml")


@pytest.mark.parametrize("name", profile_names())
def test_every_shipped_profile_says_what_it_corresponds_to(name):
    assert profile_comment(name)
    assert load_profile(name).summary

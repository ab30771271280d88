"""Discovery with real distributions: dist-info folders on the path of a fresh process."""

import json
import os
import subprocess
import sys
import textwrap
from dataclasses import dataclass
from pathlib import Path

import pytest
from click.testing import CliRunner

from icereco.cli import main
from icereco.errors import IcerecoError
from icereco.plugins.component import KINDS, Component
from icereco.plugins.discovery import registry
from icereco.plugins.registry import CardFolder, Declaration, Plugin, Registry

GOOD = """
    from icereco import Component, hookimpl

    @hookimpl
    def icereco_aggregators():
        yield Component("mean-charge", "nowhere:Factory", "nowhere:Options", "mean of the charges")
"""

CARD = """
    from pathlib import Path
    from icereco import hookimpl

    @hookimpl
    def icereco_detectors():
        yield Path(__file__).parent / "sites" / "lake"
"""


@dataclass
class Site:
    """A folder that replaces site-packages."""

    folder: Path

    def install(self, distribution, module, source, *, version="1.0", entry=None, requires=()):
        (self.folder / f"{module}.py").write_text(textwrap.dedent(source))
        info = self.folder / f"{distribution.replace('-', '_')}-{version}.dist-info"
        info.mkdir()
        metadata = ["Metadata-Version: 2.1", f"Name: {distribution}", f"Version: {version}"]
        metadata += [f"Requires-Dist: {requirement}" for requirement in requires]
        (info / "METADATA").write_text("\n".join(metadata) + "\n")
        (info / "entry_points.txt").write_text(f"[icereco]\n{entry or module} = {module}\n")

    def add_card(self, name="lake"):
        """A card as a third party writes it: a TOML file and a table."""
        folder = self.folder / "sites" / name
        folder.mkdir(parents=True)
        rows = [f"{string},{om},{50 * string},0,{20 * om}" for string in (1, 2) for om in (1, 2, 3)]
        (folder / "sensors.csv").write_text("\n".join(["string,om,x_m,y_m,z_m", *rows]) + "\n")
        (folder / "detector.toml").write_text(
            f'name = "{name}"\nsummary = "two strings"\nsensors = "sensors.csv"\norigin = "the shore"\n'
            '[medium]\nkind = "water"\nrefractive_index_phase = 1.34\nrefractive_index_group = 1.37\n'
        )

    def run(self, *arguments, **environment):
        return subprocess.run(
            [sys.executable, "-c", "from icereco.cli import main; main()", *arguments],
            capture_output=True,
            text=True,
            timeout=60,
            env={**os.environ, "PYTHONPATH": str(self.folder), "COLUMNS": "200", **environment},
        )

    def document(self, *arguments, **environment):
        result = self.run(*arguments, "plugins", "--json", **environment)
        assert result.returncode == 0, result.stderr
        return json.loads(result.stdout)

    def plugin(self, distribution, *arguments, **environment):
        plugins = self.document(*arguments, **environment)["plugins"]
        (plugin_record,) = [plugin for plugin in plugins if plugin["distribution"] == distribution]
        return plugin_record


@pytest.fixture
def site(tmp_path):
    return Site(tmp_path)


def names(document, kind):
    return [one["name"] for one in document["components"] if one["kind"] == kind]


def test_a_third_partys_component_is_listed_with_its_plugin(site):
    site.install("icereco-good", "good_plugin", GOOD, version="3.1", requires=["icereco>=0.1"])
    (component,) = [one for one in site.document()["components"] if one["name"] == "mean-charge"]
    assert component["plugin"] == "icereco-good:good_plugin"
    assert component["version"] == "3.1"


def test_a_third_partys_detector_card_is_used_by_name(site):
    site.add_card()
    site.install("icereco-lake", "lake_plugin", CARD)
    (card,) = site.document()["detectors"]
    assert (card["name"], card["plugin"]) == ("lake", "icereco-lake:lake_plugin")
    shown = site.run("detectors", "show", "lake")
    assert shown.returncode == 0, shown.stderr
    assert "6 modules (6 in use) on 2 strings" in shown.stdout
    assert "lake" in [one["name"] for one in json.loads(site.run("detectors", "--json").stdout)]
    assert site.run("profiles", "show", "quick", "-o", "detector.use=lake").returncode == 0
    assert "did you mean 'lake'" in site.run("detectors", "show", "lakes").stderr


def test_a_detector_of_two_plugins_needs_the_distribution(site):
    site.add_card()
    site.install("icereco-one", "module_one", CARD)
    site.install("icereco-two", "module_two", CARD)
    refused = site.run("detectors", "show", "lake")
    assert refused.returncode == 2
    assert '"icereco-one/lake" or "icereco-two/lake"' in refused.stderr
    assert site.run("detectors", "show", "icereco-two/lake").returncode == 0


def test_a_broken_card_is_left_out_of_the_list_and_reported(site):
    site.add_card()
    (site.folder / "sites" / "lake" / "sensors.csv").unlink()
    site.install("icereco-lake", "lake_plugin", CARD)
    listed = site.run("detectors")
    assert listed.returncode == 0
    assert "icecube86" in listed.stdout
    assert "sensors.csv: cannot read" in listed.stderr


BROKEN = {
    "import": (
        "import not_installed_anywhere",
        "ModuleNotFoundError: No module named 'not_installed_anywhere'",
    ),
    "exit": ("import sys; sys.exit(3)", "SystemExit: 3"),
    "misspelt hook": (
        GOOD.replace("icereco_aggregators", "icereco_agregators"),
        "no hook is called 'icereco_agregators'; did you mean 'icereco_aggregators'?",
    ),
    "unknown argument": (GOOD.replace("aggregators()", "aggregators(colour)"), "colour"),
    "raising generator": (GOOD + "        raise RuntimeError('half way')", "RuntimeError: half way"),
    "no component": (
        GOOD + "        yield 'not a component'",
        "must yield icereco.Component",
    ),
    "not iterable": (GOOD.replace("yield Component", "return Component"), "not iterable"),
    "name with a slash": (GOOD.replace("mean-charge", "mean/charge"), "lower-case words"),
    "dotted target": (GOOD.replace("nowhere:Factory", "nowhere.Factory"), "is not 'module:name'"),
    "card without its file": (CARD + "        yield Path(__file__).parent", "which holds no detector.toml"),
    "card twice": (CARD + "        yield Path(__file__).parent / 'sites' / 'lake'", "'lake' twice"),
    "declared twice": (GOOD + '        yield Component("mean-charge", "a:b", "a:b", "again")', "twice"),
}


@pytest.mark.parametrize(("source", "reason"), BROKEN.values(), ids=BROKEN.keys())
def test_a_broken_plugin_is_recorded_and_the_others_still_load(site, source, reason):
    site.add_card()
    site.install("icereco-bad", "bad_plugin", source)
    site.install("icereco-good", "good_plugin", GOOD)
    document = site.document()
    errors = {plugin["distribution"]: plugin["error"] for plugin in document["plugins"]}
    assert reason in errors["icereco-bad"]
    assert errors["icereco-good"] is None
    assert names(document, "aggregator").count("mean-charge") == 1
    assert "flex-attention" in names(document, "aggregator")


def test_a_plugin_for_another_version_is_refused_before_any_of_its_code_runs(site):
    marker = site.folder / "executed"
    source = f"open({str(marker)!r}, 'w')"
    site.install("icereco-future", "future_plugin", source, requires=["icereco<99,>=98", "click"])
    error = site.plugin("icereco-future")["error"]
    assert error.startswith("it needs icereco<99,>=98, and ")
    assert not marker.exists()


def test_a_requirement_of_an_extra_is_no_reason_to_refuse(site):
    site.install("icereco-good", "good_plugin", GOOD, requires=["icereco>=98; extra == 'future'"])
    assert site.plugin("icereco-good")["error"] is None


def test_two_distributions_may_use_one_entry_name(site):
    site.install("icereco-one", "module_one", GOOD, entry="same")
    site.install("icereco-two", "module_two", GOOD.replace("mean-charge", "other"), entry="same")
    assert {"mean-charge", "other"} <= set(names(site.document(), "aggregator"))


def test_a_clash_is_an_error_only_when_used_and_cured_by_the_distribution(site):
    clash = GOOD.replace("mean-charge", "deepsets").replace(
        "nowhere:Options", "icereco_aggregators.options:DeepSetsOptions"
    )
    site.install("icereco-clash", "clash_plugin", clash)
    assert site.run("profiles", "check", "hierarchical").returncode == 0

    used = site.run("profiles", "show", "hierarchical", "-o", "aggregator.use=deepsets")
    assert used.returncode == 2
    assert 'use = "icereco/deepsets"' in used.stderr
    assert 'use = "icereco-clash/deepsets"' in used.stderr

    cured = site.run("profiles", "show", "hierarchical", "-o", "aggregator.use=icereco/deepsets")
    assert cured.returncode == 0, cured.stderr
    assert 'use = "icereco/deepsets"' in cured.stdout


def test_a_plugin_that_fails_in_use_is_reported_with_the_line_that_uses_it(site):
    site.install("icereco-good", "good_plugin", GOOD)  # declares options in a module that does not exist
    result = site.run("profiles", "show", "hierarchical", "-o", "aggregator.use=mean-charge")
    assert result.returncode == 2
    assert result.stderr.startswith(
        "error: -o aggregator.use=mean-charge: [aggregator] nowhere:Options cannot be"
    )
    assert "Traceback" not in result.stderr


def test_a_plugin_that_imports_torch_when_listed_is_called_slow(site):
    (site.folder / "wandb.py").write_text("")  # stands for the real one, which takes a second
    site.install("icereco-heavy", "heavy_plugin", "import wandb\n" + textwrap.dedent(GOOD))
    plugin = site.plugin("icereco-heavy")
    assert plugin["heavy"] == ["wandb"]
    assert plugin["error"] is None
    assert "slow" in site.run("plugins").stderr


@pytest.mark.parametrize("who", ["icereco-good", "good_plugin", "other, good_plugin"])
def test_a_plugin_can_be_disabled_by_distribution_or_entry(site, who):
    site.install("icereco-good", "good_plugin", GOOD)
    plugin = site.plugin("icereco-good", ICERECO_DISABLE_PLUGINS=who)
    assert plugin["disabled"]
    assert "ICERECO_DISABLE_PLUGINS" in plugin["error"]


def test_a_name_to_disable_that_no_plugin_has_is_reported_with_the_nearest(site):
    result = site.run("plugins", ICERECO_DISABLE_PLUGINS="redaers,linefit,losses")
    assert result.returncode == 0
    assert "no plugin is called 'redaers'; did you mean 'readers'?" in result.stderr
    assert "no plugin is called 'linefit'; since 0.2 its components are in 'reconstructors'" in result.stderr
    assert "'losses'" not in result.stderr


def test_the_error_of_a_plugin_for_0_1_0_says_what_to_change(site):
    old = GOOD.replace("from icereco import Component", "from icereco.components import Component")
    site.install("icereco-old", "old_plugin", old, requires=["icereco>=0.1,<1"])
    assert "`from icereco import Component`" in site.plugin("icereco-old")["error"]
    site.install("icereco-half", "half_plugin", GOOD.replace("nowhere:Options", "icereco.options:NoOptions"))
    used = site.run("profiles", "show", "quick", "-o", "aggregator.use=mean-charge")
    assert "icereco.options is icereco.plugins.options since 0.2" in used.stderr
    assert "`from icereco import NoOptions`" in used.stderr


def test_no_plugins_leaves_only_what_ships(site):
    site.install("icereco-good", "good_plugin", GOOD)
    document = site.document("--no-plugins")
    assert "mean-charge" not in names(document, "aggregator")
    assert "flex-attention" in names(document, "aggregator")


def test_strict_raises_for_a_broken_plugin(site):
    site.install("icereco-bad", "bad_plugin", "raise ValueError('broken on purpose')")
    result = site.run("plugins", ICERECO_STRICT_PLUGINS="1")
    assert result.returncode == 2
    assert "icereco-bad:bad_plugin" in result.stderr
    assert "broken on purpose" in result.stderr
    assert "Traceback" not in result.stderr


def test_a_broken_plugin_is_shown_with_its_reason_on_standard_error(site):
    site.install("icereco-bad", "bad_plugin", "import not_installed_anywhere", version="0.3.0")
    result = site.run("plugins")
    assert result.returncode == 0
    assert "not loaded" in result.stderr
    assert "icereco-bad 0.3.0" in result.stderr
    assert "not_installed_anywhere" in result.stderr


def test_an_unknown_component_names_the_nearest_and_the_plugins_that_are_not_loaded():
    plugin = Plugin("entry", "icereco-bad", "0.3.0", error="ImportError: gone")
    loaded = Plugin("attention", "icereco", "0.1.0")
    component = Component("attention", "a:b", "a:b", "")
    known = Registry((plugin, loaded), (Declaration("aggregator", component, loaded),))
    with pytest.raises(
        IcerecoError, match=r"did you mean 'attention'\?(.|\n)*installed: attention(.|\n)*gone"
    ):
        known.get("aggregator", "atention")
    assert known.get("aggregator", "icereco/attention") is component


@pytest.mark.parametrize("kind", KINDS)
def test_what_ships_is_loaded_and_light(kind):
    known = registry()
    ours = [plugin for plugin in known.plugins if plugin.distribution == "icereco"]
    assert [plugin.error for plugin in ours] == [None] * len(ours)
    for component in known.components(kind):
        assert component.load_options().model_config["extra"] == "forbid"
        assert component.summary


def test_checking_a_package_of_detectors_says_what_reads_them(monkeypatch, tmp_path):
    plugin = Plugin(entry="lakes", distribution="icereco-lakes", version="1")
    known = Registry((plugin,), (), (CardFolder(tmp_path / "lake-tahoe", plugin),))
    monkeypatch.setattr("icereco.plugins.discovery.registry", lambda: known)
    result = CliRunner().invoke(main, ["plugins", "check", "icereco-lakes"])
    assert result.exit_code == 2
    assert "icereco detectors show lake-tahoe" in result.output

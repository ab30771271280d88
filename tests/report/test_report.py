"""Reports: complete, self-contained, and honest where something is missing."""

import json
import re
import shutil
from html.parser import HTMLParser
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner, Result

from icereco.cli import main
from icereco.report.document import Code, Document, Paragraph, Section, Table
from icereco.report.html import html_of


def run(*arguments: object) -> Result:
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


def output_of(*arguments: object) -> str:
    result = run(*arguments)
    assert result.exit_code == 0, result.output
    return result.stdout


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of a small model, and two files of reconstructions, one of them of events without truth."""
    folder = tmp_path_factory.mktemp("report")
    small = ("train.events=500", "train.validation_events=100", "train.epochs=1", "aggregator.width=16")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ICERECO_CACHE", str(folder / "cache"))
        patch.chdir(folder)
        output_of("train", "--profile", "quick", "--name", "small", *(f"-o{option}" for option in small))
        output_of("simulate", "--events", 150, "--seed", 8, "-o", "others")
        output_of("reconstruct", "others", "--method", "linefit", "-o", "line.parquet")
        output_of("reconstruct", "others", "--method", "robust-linefit", "-o", "robust.parquet")
        table = pq.read_table("line.parquet")
        kept = [name for name in table.column_names if not name.startswith("true_")]
        pq.write_table(table.select(kept), "unknown.parquet")
    return folder


@pytest.fixture(autouse=True)
def here(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)


def test_a_run_on_several_data_sets_has_a_report_without_pictures_of_events(tmp_path: Path) -> None:
    shutil.copytree("runs/small", tmp_path / "several")
    provenance = tmp_path / "several" / "provenance.json"
    facts = json.loads(provenance.read_text())
    provenance.write_text(json.dumps(facts | {"store": [facts["store"]] * 2, "data": ["a", "b"]}))
    output_of("report", tmp_path / "several", "-o", tmp_path / "report.html")
    text = (tmp_path / "report.html").read_text()
    assert "The profile quick was trained on" in text
    assert "Event " not in text


def test_events_of_several_data_sets_that_share_ids_are_compared_row_by_row(tmp_path: Path) -> None:
    robust = pq.read_table("robust.parquet")
    twice = pa.concat_tables([robust, robust.slice(0, 60)]).replace_schema_metadata(robust.schema.metadata)
    pq.write_table(twice, tmp_path / "twice.parquet")
    output_of("report", tmp_path / "twice.parquet", "--no-events", "-o", tmp_path / "report.html")
    text = (tmp_path / "report.html").read_text()
    assert "210 events" in text
    assert "than that of linefit" in text or "different from that of linefit" in text


class Page(HTMLParser):
    """What a page has: balanced tags, addresses, headings."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.addresses: list[str] = []
        self.tags: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        self.addresses += [value for name, value in attributes if name in ("src", "href")]
        if tag not in ("meta", "img", "br"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def test_a_training_writes_a_page_that_needs_nothing_else():
    text = Path("runs/small/report.html").read_text()
    page = Page(text)
    assert page.open == []
    assert "script" not in page.tags
    assert all(address.startswith(("data:image/", "#s")) for address in page.addresses)
    assert "@import" not in text
    assert not re.search(r"url\((?!data:)", text)
    for said in (
        "trained on 500 simulated events",
        "Resolution",
        "Training",
        "Provenance",
        "Profile",
        "linefit",
    ):
        assert said in text
    assert text.count('alt="Event') >= 4
    evaluated = json.loads(output_of("evaluate", "small", "--json"))["resolution"]
    assert f"within {evaluated['median_deg']:.2f}°" in text
    numbers = {path.stem for path in Path("runs/small/report_data").iterdir()}
    assert {"error_by_kind", "error_cumulative", "calibration", "training"} <= numbers


def test_files_are_compared_in_a_page_and_in_the_terminal():
    assert "wrote both.html" in output_of(
        "report", "line.parquet", "robust.parquet", "-o", "both.html", "--no-events"
    )
    assert "robust-linefit" in Path("both.html").read_text()
    said = output_of("report", "line.parquet", "robust.parquet", "--text")
    for part in ("Half of the events", "difference", "cascade", "robust-linefit"):
        assert part in said


def test_without_truth_it_says_how_far_methods_are_apart():
    said = output_of("report", "unknown.parquet", "robust.parquet", "--text")
    assert "not known" in said
    assert "robust-linefit" in said
    assert "Half of the events" not in said


def without(names: str, table: pa.Table) -> pa.Table:
    """The table with nulls in the columns whose names match."""
    for place, field in enumerate(table.schema):
        if re.fullmatch(names, field.name):
            table = table.set_column(place, field, pa.nulls(len(table), field.type))
    return table


def test_a_file_without_any_direction_says_so():
    pq.write_table(without("azimuth|zenith|direction_.", pq.read_table("line.parquet")), "none.parquet")
    assert "gives no direction for any of the events" in output_of("report", "none.parquet", "--text")
    result = run("evaluate", "none.parquet", "--plot", "none")
    assert result.exit_code == 2, result.output
    assert "nothing to draw" in result.stderr


def test_energy_vertex_kind_and_inelasticity_have_a_section_where_a_method_gives_them(
    smeared_events, write_reconstruction
):
    write_reconstruction(Path("smeared.parquet"), *smeared_events)
    output_of("report", "smeared.parquet", "-o", "smeared.html", "--no-events")
    page = Path("smeared.html").read_text()
    evaluated = json.loads(output_of("evaluate", "smeared.parquet", "--json"))
    spread = evaluated["energy"]["groups"]["all"]["spread"]["value"]
    for said in (
        "Beyond the direction",
        f"<td>{spread:.3f}</td>",
        "area under the ROC curve",
        "Inelasticity: median",
    ):
        assert said in page
    numbers = {path.stem for path in Path("smeared_data").iterdir()}
    assert {"energy", "energy_bias", "vertex", "kind_confusion", "kind_roc", "inelasticity"} <= numbers
    assert "Beyond the direction" not in output_of("report", "line.parquet", "--text")


def test_posteriors_without_and_beyond_all_knowledge_are_drawn():
    validated = "runs/small/validation.parquet"
    table = pq.read_table(validated)
    kept = table.select([name for name in table.column_names if not name.startswith("posterior_")])
    extreme = pa.array([(0.0, 1e8)[row % 2] for row in range(len(kept))])
    place = kept.schema.get_field_index("kappa")
    pq.write_table(kept.set_column(place, kept.schema.field(place), extreme), "extreme.parquet")
    assert "wrote extreme.html" in output_of("report", "extreme.parquet", "-o", "extreme.html")


def test_text_of_others_cannot_become_markup():
    hostile = "<script>alert(1)</script>"
    sections = [
        Section(
            hostile, [Paragraph(hostile), Code(hostile, hostile), Table((hostile,), [(hostile,)], hostile)]
        )
    ]
    assert "<script" not in html_of(Document(hostile, [hostile], sections))


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("nothing.parquet",), "nothing.parquet"),
        (("smal",), "did you mean 'small'"),
        (("line.parquet", "-o", "report.pdf"), ".html"),
        (("line.parquet", "small"), "have different true directions"),
    ],
    ids=["file", "run", "ending", "other events"],
)
def test_what_cannot_be_reported_is_refused_in_one_message(arguments, said):
    result = run("report", *arguments)
    assert result.exit_code == 2, result.output
    assert said in " ".join(result.stderr.split())
    assert "Traceback" not in result.output

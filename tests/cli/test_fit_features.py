"""From a fit to a model that has its results as features."""

from click.testing import CliRunner, Result

from icereco.cli import main
from icereco.tables.saved_reconstructions import read_reconstructions


def run(*arguments: object) -> Result:
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


def output_of(*arguments: object) -> str:
    result = run(*arguments)
    assert result.exit_code == 0, result.output
    return result.stdout


def test_a_model_learns_from_a_fit_and_needs_it(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    output_of("simulate", "--events", 200, "--seed", 5, "-o", "events.parquet")
    output_of("reconstruct", "events.parquet", "--method", "linefit", "-o", "line.reco.parquet")
    output_of("data", "convert", "events.parquet", "with_fit.parquet", "--fit", "line=line.reco.parquet")
    assert "fit_line_azimuth" in output_of("data", "show", "with_fit.parquet")
    settings = (
        'normalizer.fits=["line"]',
        "train.events=100",
        "train.validation_events=40",
        "train.epochs=1",
    )
    overrides = [word for setting in settings for word in ("-o", setting)]
    output_of("train", "--profile", "quick", "--name", "net", "--data", "with_fit.parquet", *overrides)
    output_of("reconstruct", "with_fit.parquet", "--run", "net", "-o", "net.reco.parquet")
    made = read_reconstructions(tmp_path / "net.reco.parquet")
    assert len(made.event_id) == 200
    assert "line" in made.comparisons
    refused = run("reconstruct", "events.parquet", "--run", "net", "-o", "without.reco.parquet")
    assert refused.exit_code != 0
    assert (
        "normalizer.fits names 'line', which these events lack; their fits: none; to add the results of a fit: icereco data convert"
        in refused.stderr
    )
    assert not (tmp_path / "without.reco.parquet").exists()
    exported = run("export", "net")
    assert exported.exit_code != 0

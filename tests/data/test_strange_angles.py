"""Angles in degrees, or azimuths from −π, are named with the remedy."""

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

from icereco.cli import main
from icereco.data.sources.source import open_source
from icereco.errors import IcerecoError
from icereco.testing.random_events import random_events

CASES = {
    "degrees": (lambda angle: np.degrees(angle), "look like degrees: multiply them by π/180"),
    "only zenith in degrees": (
        lambda angle: np.degrees(angle) if angle.max() <= np.pi else angle,
        "the true zenith looks like degrees: multiply it by π/180",
    ),
    "cosine": (
        lambda angle: np.cos(angle) if angle.max() <= np.pi else angle,
        "the true zenith is negative, as a cosine",
    ),
    "exchanged": (lambda angle: angle * 2 if angle.max() <= np.pi else angle / 2, "they look exchanged"),
    "from minus pi": (lambda angle: (angle + np.pi) % (2 * np.pi) - np.pi, "store azimuth modulo 2π"),
}


def spoiled(tmp_path, change):
    rows = random_events(np.full(50, 4), seed=2)
    for name in ("azimuth", "zenith"):
        values = pa.array(change(rows[name].to_numpy()))
        rows = rows.set_column(rows.schema.get_field_index(name), name, values)
    pq.write_table(rows, tmp_path / "events.parquet")
    return open_source(tmp_path / "events.parquet")


@pytest.mark.parametrize("case", CASES)
def test_reading_reports_them_once(tmp_path, detector, caplog, case):
    change, remedy = CASES[case]
    list(spoiled(tmp_path, change).checked(detector, 10))
    assert caplog.text.count(remedy) == 1


@pytest.mark.parametrize("case", CASES)
def test_where_truth_is_needed_they_are_refused(tmp_path, detector, case):
    change, remedy = CASES[case]
    with pytest.raises(IcerecoError, match=remedy):
        list(spoiled(tmp_path, change).checked(detector, need_truth=True))


def test_angles_in_range_are_not_remarked(tmp_path, detector, caplog):
    list(spoiled(tmp_path, lambda angle: angle).checked(detector))
    assert not caplog.text


def test_infinite_angles_are_unknown_without_a_word_of_numpy(tmp_path, recwarn):
    rows = random_events(np.full(50, 4), seed=2)
    endless = pa.array(np.full(50, np.inf))
    pq.write_table(
        rows.set_column(rows.schema.get_field_index("zenith"), "zenith", endless), tmp_path / "e.parquet"
    )
    done = CliRunner().invoke(
        main,
        [
            "reconstruct",
            str(tmp_path / "e.parquet"),
            "--method",
            "linefit",
            "-o",
            str(tmp_path / "o.parquet"),
        ],
    )
    assert (done.exit_code, "angular error" in done.output, list(recwarn)) == (0, False, [])


def test_fits_in_degrees_are_reported(tmp_path, detector, caplog):
    rows = random_events(np.full(50, 4), seed=2)
    rows = rows.append_column("fit_spline_azimuth", pa.array(np.degrees(rows["azimuth"].to_numpy())))
    rows = rows.append_column("fit_spline_zenith", pa.array(np.degrees(rows["zenith"].to_numpy())))
    pq.write_table(rows, tmp_path / "events.parquet")
    list(open_source(tmp_path / "events.parquet").checked(detector, 10))
    assert caplog.text.count("the spline azimuth and zenith look like degrees: multiply them by π/180") == 1

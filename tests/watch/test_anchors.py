"""Where and when official fits have their particle."""

import numpy as np
import polars as pl
import pytest

from icereco.watch.reconstructions import read_reconstructions

FITS = {
    "event_id": [1, 1, 2],
    "name": ["SplineMPE", "Monopod", "SplineMPE"],
    "azimuth": [0.1, 0.2, 0.3],
    "zenith": [1.0, 1.1, 1.2],
    "x": [10.0, -5.0, None],
    "y": [20.0, 6.0, 1.0],
    "z": [30.0, -7.0, 1.0],
    "time": [9_900.0, 9_800.0, 9_700.0],
}


def anchors(path, **columns):
    pl.DataFrame(FITS | columns).write_parquet(path)
    fits = {fit.name: fit for fit in read_reconstructions(path)}
    return fits["SplineMPE"].of(1).anchor, fits["Monopod"].of(1).anchor, fits["SplineMPE"].of(2).anchor


@pytest.mark.parametrize(
    ("columns", "cascade"), [({}, False), ({"shape": [40, 30, 40]}, True), ({"shape": [40, None, 40]}, False)]
)
def test_a_table_of_fits_says_where_and_when_the_particle_was_and_whether_it_is_a_cascade(
    tmp_path, columns, cascade
):
    track, other, unknown = anchors(tmp_path / "fits.parquet", **columns)
    assert np.array_equal(track.position_m, [10.0, 20.0, 30.0])
    assert (track.time_ns, track.cascade) == (9_900.0, False)
    assert (other.time_ns, other.cascade) == (9_800.0, cascade)
    assert unknown is None  # a coordinate is missing


def test_a_table_without_times_says_nothing(tmp_path):
    path = tmp_path / "fits.parquet"
    pl.DataFrame(FITS).drop("time").write_parquet(path)
    assert all(fit.of(1).anchor is None for fit in read_reconstructions(path))


@pytest.mark.parametrize(
    ("shape", "length", "starts", "length_m"),
    [(50, None, True, None), (70, 120.0, True, 120.0), (70, -1.0, True, None), (40, 120.0, False, None)],
)
def test_a_table_of_fits_says_which_tracks_start_and_where_they_stop(
    tmp_path, shape, length, starts, length_m
):
    lengths = pl.Series([length, None, None], dtype=pl.Float64)
    track, _, _ = anchors(tmp_path / "fits.parquet", shape=[shape, 40, 40], length=lengths)
    assert (track.starts, track.length_m) == (starts, length_m)

"""Readers: files to event tables."""

from collections.abc import Iterable

from icereco.plugins.component import Component
from icereco.plugins.hookspecs import hookimpl

__all__ = ["icereco_readers"]


@hookimpl
def icereco_readers() -> Iterable[Component]:
    """Declare the readers of this package."""
    return [
        Component(
            "icereco",
            "icereco_readers.own:OwnReader",
            "icereco_readers.options:OwnOptions",
            "one row per event with lists sensor_id, time, charge, auxiliary; parquet or Arrow IPC, a file or a folder",
        ),
        Component(
            "kaggle",
            "icereco_readers.kaggle:KaggleReader",
            "icereco_readers.options:KaggleOptions",
            "the Kaggle competition's layout, one row per pulse: event_id, sensor_id, time, charge, auxiliary; "
            "a folder with train_meta.parquet, or a batch file",
        ),
        Component(
            "graphnet-parquet",
            "icereco_readers.graphnet_parquet:GraphnetParquetReader",
            "icereco_readers.options:GraphnetOptions",
            "GraphNeT's parquet: a folder per table, or a struct column per table, with event_no and places of sensors",
        ),
        Component(
            "graphnet-sqlite",
            "icereco_readers.graphnet_sqlite:GraphnetSqliteReader",
            "icereco_readers.options:GraphnetOptions",
            "GraphNeT's SQLite database: tables with event_no, one of them with places of sensors",
        ),
        Component(
            "prometheus",
            "icereco_readers.prometheus:PrometheusReader",
            "icereco_readers.options:PrometheusOptions",
            "photons of Prometheus: nested parquet with photons and mc_truth, or flat photons.parquet, events.parquet",
        ),
        Component(
            "table",
            "icereco_readers.table.reader:TableReader",
            "icereco_readers.options:TableOptions",
            "the names of the columns of any table of pulses, in parquet, Arrow IPC, CSV or HDF5, one row per pulse or per "
            "event: --reader table:event=COLUMN,time=COLUMN and sensor=COLUMN, or string= and om=, or x=, y= and z=",
        ),
    ]

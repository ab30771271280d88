"""Pulses of a batch whose events the meta table lacks are left out with their number in the log."""

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from icereco.data.sources.source import open_source


@pytest.mark.parametrize("listed", [4, 3])
def test_their_number_is_logged(tmp_path, detector, caplog, listed):
    (tmp_path / "train").mkdir()
    event = np.repeat(np.arange(4), 5)
    pulses = {
        "event_id": event,
        "sensor_id": event,
        "time": np.arange(20),
        "charge": np.ones(20),
        "auxiliary": event < 0,
    }
    pq.write_table(pa.table(pulses), tmp_path / "train" / "batch_1.parquet")
    first = np.arange(listed) * 5
    meta = {"batch_id": np.ones(listed, int), "event_id": np.arange(listed)}
    meta |= {"first_pulse_index": first, "last_pulse_index": first + 4}
    pq.write_table(pa.table(meta), tmp_path / "train_meta.parquet")
    assert sum(batch.num_rows for batch in open_source(tmp_path).checked(detector)) == listed
    assert ("left out 5 of 20 pulses, whose events are not in" in caplog.text) == (listed == 3)

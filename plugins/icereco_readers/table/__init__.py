"""Any table of pulses, whose columns the user names: one row per pulse or per event, in parquet, Arrow IPC, CSV or HDF5."""

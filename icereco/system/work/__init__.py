"""Work in units, and what does it: processes of this machine, or the workers of a Dask cluster."""

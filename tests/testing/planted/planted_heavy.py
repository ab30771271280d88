"""Options in a module that imports what is slow to import."""

import polars as pl  # noqa: F401
from planted_options import Good  # noqa: F401

"""How a CSV file is written: what separates its columns, and whether its decimals have commas."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
from pyarrow import csv

__all__ = ["CsvDialect"]

_LINES = 50
_DECIMAL_COMMA = re.compile(r"\s*[+-]?\d+,\d+([eE][+-]?\d+)?\s*")


@dataclass(frozen=True, slots=True)
class CsvDialect:
    """What the first lines of a file, maybe a compressed one, show.

    Attributes:
        header: the first line, which names the columns.
        separator: a comma, a semicolon or a tab.
        decimal_point: a comma where semicolons separate values such as 2,5; else a point.
    """

    header: str
    separator: str
    decimal_point: str

    @classmethod
    def of(cls, file: Path) -> "CsvDialect":
        """Look at a file.

        Raises:
            OSError: it cannot be read.
        """
        with pa.input_stream(str(file), compression="detect") as opened:
            head: bytes = opened.read(1 << 16)
        header, *lines = head.decode("utf-8-sig", "replace").splitlines()[:_LINES] or [""]
        separator = max(",;\t", key=header.count)
        values = [value.strip('"') for line in lines for value in line.split(";")]
        commas = separator == ";" and any(map(_DECIMAL_COMMA.fullmatch, values))
        return cls(header, separator, "," if commas else ".")

    def parse(self) -> csv.ParseOptions:
        """Arrow's options of parsing."""
        return csv.ParseOptions(delimiter=self.separator)

    def convert(self, **options: Any) -> csv.ConvertOptions:
        """Arrow's options of conversion, with further ones."""
        return csv.ConvertOptions(decimal_point=self.decimal_point, **options)

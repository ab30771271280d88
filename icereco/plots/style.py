"""How every figure looks: sizes, fonts, and colours that people with any colour vision can tell apart."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from icereco.system.files import explaining, replacing

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["COLOURS", "FIGURE_SUFFIXES", "INK", "MARKERS", "MUTED", "save_figure", "styled"]

FIGURE_SUFFIXES = (".pdf", ".svg", ".png")

INK, MUTED = "#1a1a1a", "#8c8c8c"
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")
"""Okabe and Ito, Color Universal Design (2008)."""

MARKERS = ("o", "s", "^", "D", "v", "P")
"""So that methods differ in more than colour."""

_SETTINGS: Any = {
    "font.size": 9.0,
    "axes.titlesize": 9.0,
    "axes.labelsize": 9.0,
    "xtick.labelsize": 8.0,
    "ytick.labelsize": 8.0,
    "legend.fontsize": 8.0,
    "legend.frameon": False,
    "text.color": INK,
    "axes.edgecolor": INK,
    "axes.labelcolor": INK,
    "axes.linewidth": 0.8,
    "lines.linewidth": 1.4,
    "figure.facecolor": "white",
    "savefig.dpi": 200,
    "pdf.fonttype": 42,  # text stays text
    "svg.fonttype": "none",
    "svg.hashsalt": "icereco",  # equal figures are equal files
}
_UNDATED: dict[str, dict[str, Any]] = {
    ".pdf": {"CreationDate": None},
    ".svg": {"Date": None},
    ".png": {},
}


@contextmanager
def styled() -> Iterator[None]:
    """Draw in the style of the figures within the block."""
    import matplotlib as mpl  # slow to import

    with mpl.rc_context(_SETTINGS):
        yield


def save_figure(path: Path, figure: "Figure") -> None:
    """Write a figure in the format of the name: .pdf or .svg, as vectors, or .png.

    Raises:
        IcerecoError: the file cannot be written.
    """
    suffix = path.suffix.lower()
    with styled(), replacing(path) as temporary, explaining(path):
        figure.savefig(temporary, format=suffix[1:], metadata=_UNDATED[suffix])

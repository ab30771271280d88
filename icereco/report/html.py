"""A report as one HTML file: nothing is fetched, no script runs, light and dark, on a phone and on a desktop."""

from base64 import b64encode
from html import escape
from itertools import groupby

from icereco.report.document import Block, Code, Document, Paragraph, Picture, Section, Table

__all__ = ["html_of"]

_STYLE = """
:root { color-scheme: light dark; --ink: #1a1a1a; --paper: #ffffff; --line: #d9d9d9; --soft: #5c5c5c; --accent: #0072b2; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e6e6e6; --paper: #16181c; --line: #3a3d44; --soft: #a3a6ad; --accent: #56b4e9; }
}
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 62rem; padding: 1.5rem 1rem 4rem; color: var(--ink); background: var(--paper);
  font: 1rem/1.55 system-ui, sans-serif; }
h1 { font-size: 1.6rem; line-height: 1.25; margin: 0 0 1rem; overflow-wrap: anywhere; }
h2 { font-size: 1.2rem; margin: 2.5rem 0 .75rem; padding-top: .75rem; border-top: 1px solid var(--line); }
.summary { border-left: 4px solid var(--accent); padding: .1rem 1rem; font-size: 1.05rem; }
.summary p { margin: .6rem 0; }
nav { font-size: .9rem; margin: 1rem 0; }
nav a { margin-right: 1rem; white-space: nowrap; }
a { color: var(--accent); }
.wide { overflow-x: auto; }
table { border-collapse: collapse; font-size: .9rem; font-variant-numeric: tabular-nums; }
th, td { padding: .25rem .7rem; text-align: right; white-space: nowrap; border-bottom: 1px solid var(--line); }
th:first-child, td:first-child { text-align: left; padding-left: 0; }
.figures { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(27rem, 100%), 1fr)); gap: 0 1.5rem; }
figure { margin: 1.5rem 0; }
figure img { display: block; max-width: 100%; height: auto; background: #ffffff; border: 1px solid var(--line); border-radius: 4px; }
figcaption { color: var(--soft); font-size: .88rem; margin-top: .5rem; max-width: 46rem; }
details { margin: .75rem 0; }
summary { cursor: pointer; }
pre { overflow-x: auto; font-size: .82rem; line-height: 1.4; padding: .75rem; border: 1px solid var(--line); border-radius: 4px; }
"""


def html_of(document: Document) -> str:
    """Write a report as an HTML page."""
    summary = "".join(f"<p>{escape(sentence)}</p>" for sentence in document.summary)
    links = "\n".join(
        f'<a href="#s{place}">{escape(section.heading)}</a>'
        for place, section in enumerate(document.sections)
    )
    sections = "".join(_section(place, section) for place, section in enumerate(document.sections))
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(document.title)}</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n"
        f"<h1>{escape(document.title)}</h1>\n"
        f'<div class="summary">{summary}</div>\n<nav>{links}</nav>\n{sections}</body>\n</html>\n'
    )


def _section(place: int, section: Section) -> str:
    rows = (list(blocks) for _, blocks in groupby(section.blocks, _is_figure))
    blocks = "\n".join(_row(row) for row in rows)
    return f'<section id="s{place}">\n<h2>{escape(section.heading)}</h2>\n{blocks}\n</section>\n'


def _is_figure(block: Block) -> bool:
    """Tell figures, which may stand beside each other, from drawings of events, which need the whole width."""
    return isinstance(block, Picture) and block.data is not None


def _row(blocks: list[Block]) -> str:
    written = "\n".join(map(_block, blocks))
    return f'<div class="figures">\n{written}\n</div>' if _is_figure(blocks[0]) else written


def _block(block: Block) -> str:
    match block:
        case Paragraph(text):
            return f"<p>{escape(text)}</p>"
        case Table():
            return _table(block)
        case Picture():
            return _picture(block)
        case Code(title, text):
            return f"<details><summary>{escape(title)}</summary><pre>{escape(text)}</pre></details>"


def _table(table: Table) -> str:
    head = "".join(f'<th scope="col">{escape(heading)}</th>' for heading in table.headings)
    rows = "".join(
        "<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>\n" for row in table.rows
    )
    body = f"<table>\n<thead><tr>{head}</tr></thead>\n<tbody>\n{rows}</tbody>\n</table>"
    return f'<figure><div class="wide">{body}</div><figcaption>{escape(table.caption)}</figcaption></figure>'


def _picture(picture: Picture) -> str:
    content = b64encode(picture.image).decode()
    image = f'<img src="data:{picture.kind};base64,{content}" alt="{escape(picture.caption, quote=True)}">'
    return f"<figure>{image}<figcaption>{escape(picture.caption)}</figcaption></figure>"

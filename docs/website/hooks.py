"""Pages of the site that docs/ does not have as such: files of the top level, notebooks, and docstrings.

Links in the sources are those that work where the code is hosted; here they become links of the site.
"""

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mkdocs.config.defaults import MkDocsConfig
    from mkdocs.structure.files import Files
    from mkdocs.structure.pages import Page

DOCS = Path(__file__).resolve().parents[1]
TOP_LEVEL = {"README.md": "index.md", "CHANGELOG.md": "changelog.md", "CONTRIBUTING.md": "contributing.md"}
PUBLIC_NAME = re.compile(r"^\| `([\w.]+)` \|", re.MULTILINE)


def generated_pages() -> dict[str, str]:
    """Markdown of each page that is added, by its path in the site."""
    pages = {page: (DOCS.parent / source).read_text(encoding="utf-8") for source, page in TOP_LEVEL.items()}
    for notebook in (DOCS / "notebooks").glob("*.ipynb"):
        pages[f"notebooks/{notebook.stem}.md"] = notebook_page(notebook)
    pages["reference.md"] = reference_page((DOCS / "api.md").read_text(encoding="utf-8"))
    pages["protocols.md"] = "# Protocols of components\n\n::: icereco.protocols\n"
    return pages


def notebook_page(notebook: Path) -> str:
    """A notebook as a page: text as it is, code in fences."""
    cells = [
        (cell["cell_type"], "".join(cell["source"])) for cell in json.loads(notebook.read_bytes())["cells"]
    ]
    parts = [text if kind == "markdown" else f"```python\n{text}\n```" for kind, text in cells]
    download = f'<a href="{notebook.name}" download>The notebook itself</a>'
    return "\n\n".join([*parts, download, ""])


def reference_page(api: str) -> str:
    """The docstring of each name that the page of public names lists, under the same headings."""
    sections = api.split("\n## ")[1:]
    documented = [[f"::: {qualified(name)}" for name in PUBLIC_NAME.findall(section)] for section in sections]
    titles = [section.partition("\n")[0] for section in sections]
    return "\n\n".join(
        [
            "# Reference",
            *(
                f"## {title}\n\n" + "\n\n".join(names)
                for title, names in zip(titles, documented, strict=True)
            ),
        ]
    )


def qualified(name: str) -> str:
    """The name from the package on: `icereco.read_events`; modules have theirs already."""
    return name if "." in name else f"icereco.{name}"


def on_files(files: "Files", config: "MkDocsConfig") -> "Files":
    """Add the generated pages."""
    from mkdocs.structure.files import File

    for path, content in generated_pages().items():
        files.append(File.generated(config, path, content=content))
    return files


def on_page_markdown(markdown: str, page: "Page", config: "MkDocsConfig", files: "Files") -> str:  # noqa: ARG001 -- mkdocs passes them by name
    """Point links to the pages of the site."""
    markdown = markdown.replace("](docs/", "](").replace(".ipynb)", ".md)")
    for source, path in TOP_LEVEL.items():
        markdown = re.sub(rf"\]\((\.\./)?{source}", f"]({path}", markdown)
    if page.file.src_uri == "api.md":
        markdown = PUBLIC_NAME.sub(
            lambda row: f"| [`{row[1]}`](reference.md#{qualified(row[1])}) |", markdown
        )
    return markdown

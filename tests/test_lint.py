"""What the linter cannot be trusted with alone: every name that is used is defined somewhere."""

import ast
import json
import subprocess
import sys
from pathlib import Path

import jaxtyping
import pytest


def axes(path: Path) -> set[tuple[int, int]]:
    """Lines and columns of strings that name axes, as in `Float[ndarray, "event"]`; to ruff they are annotations."""
    return {
        (axis.lineno, column)
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Subscript) and isinstance(node.value, ast.Name)
        if hasattr(jaxtyping, node.value.id) and isinstance(node.slice, ast.Tuple)
        for axis in node.slice.elts[1:]
        for column in range(axis.col_offset, axis.end_col_offset)
    }


def undefined(folder: Path) -> list[str]:
    """Names that are defined nowhere, as ruff finds them, without the names of axes."""
    ruff = [sys.executable, "-m", "ruff", "check", "--isolated", "--select=F821", "--output-format=json"]
    result = subprocess.run([*ruff, str(folder)], capture_output=True, text=True, timeout=60)
    assert result.returncode in {0, 1}, result.stderr
    problems: dict[Path, list[dict]] = {}
    for problem in json.loads(result.stdout):
        problems.setdefault(Path(problem["filename"]), []).append(problem)
    return [
        f"{path}:{problem['location']['row']}: {problem['message']}"
        for path, of_file in problems.items()
        for problem in of_file
        if (problem["location"]["row"], problem["location"]["column"]) not in axes(path)
    ]


@pytest.mark.parametrize("folder", ["icereco", "plugins", "benchmarks", "tests"])
def test_every_name_is_defined(root, folder):
    assert undefined(root / folder) == []


def test_an_undefined_name_among_axes_is_reported(tmp_path):
    (tmp_path / "module.py").write_text(
        "from jaxtyping import Float\nfrom numpy import ndarray\n\n\n"
        'def norm(vector: Float[ndarray, "event"]) -> "Nothing":\n    return nowhere(vector)\n'
    )
    assert [line.rpartition(" ")[2] for line in undefined(tmp_path)] == ["`Nothing`", "`nowhere`"]

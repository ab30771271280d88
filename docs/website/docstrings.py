"""Examples in docstrings become code blocks of the site, wherever in a docstring they are."""

import re
from typing import Any

from griffe import Extension, Object

EXAMPLE = re.compile(r"^>>> .*(?:\n.+)*", re.MULTILINE)


class FencedExamples(Extension):
    """Puts fences around what begins with `>>>` and ends with an empty line."""

    def on_object(self, *, obj: Object, **kwargs: Any) -> None:  # noqa: ARG002 -- griffe passes more
        """Change the docstring of one module, class, function or attribute."""
        if obj.docstring:
            obj.docstring.value = EXAMPLE.sub(
                lambda example: f"```pycon\n{example[0]}\n```", obj.docstring.value
            )

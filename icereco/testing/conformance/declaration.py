"""What every component promises: a light declaration, and options that refuse what they do not know."""

import os
import subprocess
import sys
import tomllib
from functools import cache
from importlib import import_module
from importlib.metadata import entry_points

from pydantic import ValidationError

from icereco.plugins.discovery import GROUP, HEAVY
from icereco.plugins.registry import Plugin
from icereco.profiles.toml_format import format_table
from icereco.testing.conformance.subject import BrokenPromiseError, Subject, require

_MISSPELT = "no_such_option"


def light_to_declare(subject: Subject) -> None:
    """Listing it and validating its options imports none of torch, polars, pyarrow, textual, wandb."""
    options = subject.component.options.partition(":")[0]
    module = _entry_module(subject.declaration.plugin)
    heavy = _heavy_imports(*([module] if module else []), options)
    require(
        not heavy,
        f"importing {' and '.join(filter(None, (module, options)))} imports {', '.join(heavy)}: import them where the "
        "component is built",
    )


def options_refuse_typos(subject: Subject) -> None:
    """An option that it does not have is refused."""
    model = subject.component.load_options()
    try:
        model(**{_MISSPELT: 1})
    except ValidationError as error:
        refused = [one for one in error.errors() if one["type"] == "extra_forbidden"]
        require(
            refused, f"{model.__name__} does not say that {_MISSPELT!r} is unknown; set extra='forbid' in it"
        )
    else:
        require(False, f"{model.__name__} takes any option; set model_config = ConfigDict(extra='forbid')")


def options_are_described(subject: Subject) -> None:
    """Every option has a description."""
    fields = subject.component.load_options().model_fields
    silent = [name for name, field in fields.items() if not field.description]
    require(not silent, f"no description of {', '.join(silent)}; give one: Field(…, description='…')")


def options_survive_toml(subject: Subject) -> None:
    """A profile can hold its options: written as TOML and read again they are the same."""
    options = subject.options()
    values = options.model_dump()
    try:
        text = format_table("role", [(key, value, "") for key, value in values.items()])
        read = type(options)(**tomllib.loads(text)["role"])
    except (TypeError, ValueError) as error:
        raise BrokenPromiseError(
            f"the options {options!r} cannot be written as TOML and read again: {error}"
        ) from None
    require(read == options, f"as TOML the options {options!r} become {read!r}")


def described_in_one_line(subject: Subject) -> None:
    """It has a summary of one line."""
    summary = subject.component.summary
    require(summary.strip() and "\n" not in summary, f"the summary must be one line, not {summary!r}")


def waives_what_it_may(subject: Subject) -> None:
    """It waives only promises of its kind that may be waived."""
    module = import_module(f"icereco.testing.conformance.{subject.declaration.kind}")
    allowed = getattr(module, "WAIVABLE", ())
    wrong = [name for name in subject.component.waives if name not in allowed]
    require(
        not wrong,
        f"{', '.join(wrong)} cannot be waived by a {subject.declaration.kind}; can be: {', '.join(allowed) or 'nothing'}",
    )


PROMISES = (
    light_to_declare,
    options_refuse_typos,
    options_are_described,
    options_survive_toml,
    described_in_one_line,
    waives_what_it_may,
)


def _entry_module(plugin: Plugin) -> str | None:
    """The module that the plugin's entry point names, None for a plugin that is not installed."""
    for entry_point in entry_points(group=GROUP, name=plugin.entry):
        if entry_point.dist and entry_point.dist.name == plugin.distribution:
            return entry_point.module
    return None


@cache
def _heavy_imports(*modules: str) -> tuple[str, ...]:
    """The heavy packages that a fresh interpreter has loaded after importing these modules."""
    names = ", ".join(modules)
    program = f"import sys, {names}; print(*[name for name in {HEAVY!r} if name in sys.modules])"
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    result = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, env=environment, check=False
    )
    require(
        result.returncode == 0, f"{names} cannot be imported: {result.stderr.strip().rpartition(chr(10))[2]}"
    )
    return tuple(result.stdout.split())

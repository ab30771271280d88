"""Files that are given before others only to say how these are read, such as one with the geometry."""

from collections.abc import Sequence

from icereco.data.catalog import DataSet
from icereco.errors import IcerecoError
from icereco.protocols import Preface

__all__ = ["after_prefaces"]


def after_prefaces(given: Sequence[DataSet]) -> list[DataSet]:
    """The data sets without those that are prefaces, whose option the ones after them get.

    Raises:
        IcerecoError: nothing but prefaces is given, or one cannot be opened.
    """
    if len(given) < 2:
        return list(given)
    kept, preface = list[DataSet](), ("", "")
    for one in given:
        name, option = _option(one)
        if option is not None:
            preface = name, option
        elif name == preface[0]:
            text = one.reader or name
            kept.append(one.model_copy(update={"reader": f"{text}{',' if ':' in text else ':'}{preface[1]}"}))
        else:
            kept.append(one)
    if not kept:
        raise IcerecoError(f"{given[-1].path}: has no events; give the files with the events after it")
    return kept


def _option(data: DataSet) -> tuple[str, str | None]:
    """The name of the reader, and the option for the files that follow."""
    source = data.model_copy(update={"drop_unknown_sensors": False}).open()  # the reader itself
    reader = source.reader
    return source.reader_name, reader.preface(source.path) if isinstance(reader, Preface) else None

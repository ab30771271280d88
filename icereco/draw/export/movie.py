"""Movies of an event: time that runs, or the detector that turns, as GIF, or as MP4 where ffmpeg is installed."""

import shutil
import subprocess
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import numpy as np

from icereco.draw.event.state import EventState
from icereco.errors import IcerecoError, did_you_mean
from icereco.system.files import explaining, replacing

if TYPE_CHECKING:
    from PIL.Image import Image

__all__ = ["MOTIONS", "MOVIE_SUFFIXES", "require_movie", "save_movie", "states_of"]

MOVIE_SUFFIXES = (".gif", ".mp4")
MOTIONS = ("play", "spin", "both")
PICTURES_PER_SECOND = 10
_FOR_PALETTE = 10  # pictures from which the colours of a GIF are taken
_HELD_SECONDS = 1.5  # the whole event, at the end of a play


def states_of(state: EventState, motion: str, seconds: float) -> Iterator[EventState]:
    """The states that a movie shows, one for each picture.

    Args:
        state: of an event, as it is shown first.
        motion: one of `MOTIONS`: time runs through its window, the detector makes a turn, or both.
        seconds: how long it takes; a play shows the whole event for a while afterwards.
    """
    count = max(round(seconds * PICTURES_PER_SECOND), 1)
    held = 0 if motion == "spin" else round(_HELD_SECONDS * PICTURES_PER_SECOND)
    turns = motion != "play"
    low, high = state.window_ns
    for number in range(count + held):
        part = min(number / count, 1.0)
        moment = low + part * (high - low) if motion != "spin" and part < 1.0 else None
        camera = state.camera.turned(2 * np.pi * number / (count + held), 0) if turns else state.camera
        yield replace(state, time_ns=moment, camera=camera)


def require_movie(path: Path) -> None:
    """Check that a movie of this name can be written.

    Raises:
        IcerecoError: the suffix is another, or what writes it is not installed.
    """
    suffix = path.suffix.lower()
    if suffix not in MOVIE_SUFFIXES:
        raise IcerecoError(
            f"{path}: a movie is not written as {path.suffix or 'a file without suffix'!r}"
            f"{did_you_mean(suffix, MOVIE_SUFFIXES)} (allowed: {', '.join(MOVIE_SUFFIXES)})"
        )
    if suffix == ".mp4" and shutil.which("ffmpeg") is None:
        raise IcerecoError(
            f"{path}: MP4 is written by ffmpeg, which is not installed; {path.with_suffix('.gif')} needs nothing"
        )


def save_movie(path: Path, states: Iterable[EventState], picture: "Callable[[EventState], Image]") -> None:
    """Write a movie.

    Args:
        path: ends in one of `MOVIE_SUFFIXES`.
        states: what it shows.
        picture: draws one of them; all pictures have the same size.

    Raises:
        IcerecoError: it cannot be written.
    """
    require_movie(path)
    pictures = map(picture, states)
    with replacing(path) as temporary, explaining(path):
        if path.suffix.lower() == ".gif":
            _write_gif(temporary, pictures)
        else:
            _write_mp4(temporary, pictures)


def _write_gif(path: Path, pictures: "Iterator[Image]") -> None:
    from PIL.Image import Dither

    every = list(pictures)
    palette = _palette([*every[:: -(-len(every) // _FOR_PALETTE)], every[-1]])
    quantized = [each.quantize(palette=palette, dither=Dither.NONE) for each in every]
    quantized[0].save(
        path,
        "GIF",
        save_all=True,
        append_images=quantized[1:],
        duration=1000 // PICTURES_PER_SECOND,
        loop=0,
        optimize=False,
    )


def _palette(pictures: "Sequence[Image]") -> "Image":
    """The colours of several pictures: with a palette for each, colours would flicker, and the file would be larger."""
    from PIL import Image

    width, height = pictures[0].size
    sheet = Image.new("RGB", (width, height * len(pictures)))
    for number, picture in enumerate(pictures):
        sheet.paste(picture, (0, number * height))
    return sheet.quantize(256, Image.Quantize.MAXCOVERAGE)


def _write_mp4(path: Path, pictures: "Iterator[Image]") -> None:
    with TemporaryDirectory() as folder:
        for number, picture in enumerate(pictures):
            picture.save(Path(folder) / f"{number:05}.png")
        ended = subprocess.run(
            ["ffmpeg", "-y", "-loglevel", "error", "-framerate", str(PICTURES_PER_SECOND), "-i", f"{folder}/%05d.png",
             "-vf", "pad=ceil(iw/2)*2:ceil(ih/2)*2", "-pix_fmt", "yuv420p", "-f", "mp4", str(path)],
            stdin=subprocess.DEVNULL, capture_output=True, check=False,
        )  # fmt: skip
    if ended.returncode:
        said = ended.stderr.decode(errors="replace").strip().rpartition("\n")[2]
        raise IcerecoError(f"ffmpeg ended with code {ended.returncode}: {said}")
